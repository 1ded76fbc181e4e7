"""A released folder: whole or not there at all, and able to prove what it holds.

Everything is written into `<folder>.part-<process>` beside the target, private to its owner, and
renamed at the end. `manifest.json` is written last; a folder without a valid one is not a report.
Names of files are lower-case letters, digits, `_` and `-`, with a lower-case extension.
Bytes depend on the numbers alone: no clock, no locale, no order of sets.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import shutil
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from desistance.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

MANIFEST = "manifest.json"
MADE_BY = "desistance"
PACKAGES = ("desistance", "lifelines", "matplotlib", "numpy", "pandas", "scipy", "statsmodels")

FILE_NAME = re.compile(r"[a-z0-9_-]{1,64}\.[a-z0-9]{1,8}")
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])\..*")  # devices on Windows

# What a spreadsheet takes for a formula: after blanks a sign, or a control character at once.
FORMULA = re.compile(r"[\s\ufeff\u200b]*[=+\-@＝＋－＠]|[\t\r\n]")

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


@contextmanager
def release_folder(folder: str | Path, about: Mapping[str, Any]) -> Iterator[Path]:
    """Give a folder to write files into; it takes its final name only when all went well.

    Parameters
    ----------
    folder
        Where the report shall stand. A report of ours that stands there already, unchanged
        since it was written, is replaced; anything else is left alone.
    about
        What the manifest says besides the files: the plan, seed, exclusions, hashes of inputs.

    Raises
    ------
    OutputError
        If `folder` may not be replaced, a file name is not allowed, or writing fails (a full
        disk, say). Then, as after any other exception, nothing is left of this attempt.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "report"
    >>> with release_folder(place, {"seed": 1}) as part:
    ...     write_text("We were here.", part / "note.txt")
    >>> sorted(file.name for file in place.iterdir())
    ['manifest.json', 'note.txt']
    """
    target = Path(folder).resolve()
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    check_replaceable(target)
    try:
        _remove_leavings(target)
        part.mkdir(mode=PRIVATE_FOLDER, parents=True)
        yield part
        _seal(part, about)
        _put_in_place(part, target)
    except OSError as error:
        raise OutputError(
            f"The files could not be written to {folder}: {error.strerror or 'writing failed'}. "
            "Nothing was left under that name; check the space and the rights there."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def manifest(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a folder: the hash of every file, the versions that made them, and `about`."""
    return {
        "made_by": MADE_BY,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "files": _hashes(folder),
        "about": dict(about),
    }


def is_report(folder: Path) -> bool:
    """Whether a folder is a report of ours and holds just what its manifest says."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return bool(said["made_by"] == MADE_BY and said["files"] == _hashes(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def check_replaceable(folder: str | Path) -> None:
    """Refuse a folder where something stands that is not a report of ours (`OutputError`)."""
    target = Path(folder).resolve()
    if target.exists() and not is_report(target):
        raise OutputError(
            f"{target} exists and is not an unchanged report of {MADE_BY}; it is left as it is. "
            "Choose another folder, or move that one away."
        )


def file_hash(path: Path) -> str:
    """SHA-256 of a file, for the manifest: of what was read or of what was written."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8 to a new file that only its owner may read."""
    write_bytes(text.encode("utf-8"), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write bytes to a new file that only its owner may read, and see them on the disk."""
    _check_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table so that no cell of text is taken for a formula; the same bytes each time.

    Text that a spreadsheet would run gets a `'` in front. Numbers stay numbers.
    """
    text = StringIO()
    lines = csv.writer(text, lineterminator="\r\n")  # RFC 4180; a lone CR in a cell gets quotes
    lines.writerow([_harmless(str(name)) for name in frame.columns])
    for row in frame.itertuples(index=False, name=None):
        lines.writerow([_csv_cell(value) for value in row])
    write_text(text.getvalue(), path)


def _csv_cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else repr(float(value))
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    return _harmless(str(value))


def _harmless(text: str) -> str:
    return f"'{text}" if FORMULA.match(text) else text


def _check_name(path: Path) -> None:
    if not FILE_NAME.fullmatch(path.name) or RESERVED.fullmatch(path.name):
        raise OutputError(
            "A file has a name that is not allowed. Use lower-case letters, "
            "digits, `_` and `-` (64 at most), and an extension."
        )


def _hashes(folder: Path) -> dict[str, str]:
    """The hash of every file but the manifest; a folder inside is an error (`OSError`)."""
    return {
        path.name: file_hash(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST
    }


def _seal(part: Path, about: Mapping[str, Any]) -> None:
    """Make every file private and lasting, whoever wrote it; the manifest comes last."""
    for path in sorted(part.iterdir()):
        _check_name(path)
        if path.is_symlink() or not path.is_file():
            raise OutputError(f"{path.name} is not a plain file, and cannot be released.")
        path.chmod(PRIVATE_FILE)
        _flush(path)
    said = json.dumps(manifest(part, about), indent=2, sort_keys=True, ensure_ascii=False)
    write_text(said + "\n", part / MANIFEST)
    if os.name == "posix":
        _flush(part)


def _flush(path: Path) -> None:
    """See a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(part: Path, target: Path) -> None:
    """Rename; an older report steps aside first and comes back if the rename fails."""
    if not target.exists():
        part.rename(target)
        return
    aside = target.with_name(f"{target.name}.part-{os.getpid()}-old")
    target.rename(aside)
    try:
        part.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside)


def _remove_leavings(target: Path) -> None:
    """Remove what attempts that were killed left behind; one still running is left alone."""
    leaving = re.compile(re.escape(target.name) + r"\.part-(\d+)")
    for path in target.parent.glob("*.part-*") if os.name == "posix" else ():
        found = leaving.fullmatch(path.name)
        if found and not _is_running(int(found[1])):
            with suppress(OSError):
                shutil.rmtree(path)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
