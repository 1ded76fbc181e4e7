"""The key that pseudonyms are made with: one secret file a project, and nowhere else.

Whoever has the key can find out whose row it is, by trying every number there is. So the key

* is random, 32 bytes or more, and made by `make_key_file`; there is no default;
* lies in a file that only its owner may read, outside version control, and outside the folders of
  the data it protects;
* is given by the path of that file, never as text on a command line or in an environment variable,
  which other programs of the machine can read;
* is shown by nothing: what may be printed is its id, an HMAC of a constant, so that two extracts
  can be known to have the same key.
"""

from __future__ import annotations

import base64
import hmac
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from desistance.errors import OutputError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_BYTES = 32
MOST_BYTES = 4096  # a longer file is not a key
LEAST_DIFFERENT = 10  # of the bytes of a key: fewer are not random
DOMAIN = "desistance/v1"


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """A secret of 32 bytes or more; it prints as its id.

    Examples
    --------
    >>> PseudonymKey(bytes(range(32)))
    <PseudonymKey a81368e53c7e01ac>
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < LEAST_BYTES:
            raise SourceError(f"A key has {LEAST_BYTES} bytes or more; this one is shorter.")

    @property
    def id(self) -> str:
        """The same for the same key, and no way back to it."""
        return self.digest(f"{DOMAIN}/key-id".encode()).hex()[:16]

    def digest(self, message: bytes) -> bytes:
        """HMAC-SHA256 of a message (RFC 2104); 32 bytes."""
        return hmac.digest(self.secret, message, "sha256")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


def make_key_file(path: str | Path) -> PseudonymKey:
    """Make a new random key and write it to a new file that only you may read.

    Raises
    ------
    OutputError
        If the file exists (a key in use is never replaced), stands in a git work tree, or cannot
        be written.
    """
    path = Path(path)
    if in_git_work_tree(path):
        raise OutputError("A key is not made inside a git work tree: choose another folder.")
    secret, reason = os.urandom(LEAST_BYTES), None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        reason = error.strerror
    if reason is not None:
        raise OutputError(f"The new key file could not be made: {reason}.")
    return PseudonymKey(secret)


def read_key_file(
    path: str | Path, *, apart_from: Iterable[str | Path] = (), exposed: Iterable[str] = ()
) -> PseudonymKey:
    """Read the key of a project, or refuse a key that is not secret.

    Parameters
    ----------
    path
        Of the key file.
    apart_from
        Folders the key must not lie in: those of the data and of the output.
    exposed
        Texts other programs can read (the words of the command line, the environment): the key
        must stand in none.

    Raises
    ------
    SourceError
        If there is no such file, others may read it, it lies where it must not, or it is no key.
        The message holds neither the key nor the path, which may be a key pasted by mistake.
    """
    fault, secret = _read(Path(path))
    if not fault:
        fault = _misplaced(Path(path).resolve(), apart_from) or _weak(secret)
    if not fault and any(form in text for text in exposed for form in _forms(secret)):
        fault = (
            "also stands on the command line or in the environment, where other programs can "
            "read it: make a new key, and give the path of its file only"
        )
    if fault:
        raise SourceError(f"The key file {fault}.")
    return PseudonymKey(secret)


def in_git_work_tree(path: str | Path) -> bool:
    """Whether a place, there yet or not, is under version control by git."""
    place = Path(path).resolve()
    return any((folder / ".git").exists() for folder in (place, *place.parents))


def _read(path: Path) -> tuple[str, bytes]:
    """Give what is wrong with the file, and what it holds."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return (
            "cannot be opened. Give the path of a file, not the key itself; a new key is made "
            "only when you ask for one",
            b"",
        )
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return "is not a plain file", b""
        if os.name == "posix" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return "can be read or changed by others: chmod 600 it, or make a new key", b""
        if os.name == "posix" and found.st_uid != os.geteuid():
            return "belongs to somebody else", b""
        return "", os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)


def _misplaced(path: Path, apart_from: Iterable[str | Path]) -> str:
    folders = (Path(folder).resolve() for folder in apart_from if "://" not in str(folder))
    if any(path.is_relative_to(folder) for folder in folders):
        return "lies in a folder of the data or of the output: move it elsewhere"
    if in_git_work_tree(path):
        return "lies in a git work tree: move it out, and make a new key if it was ever committed"
    return ""


def _weak(secret: bytes) -> str:
    if len(secret) < LEAST_BYTES:
        return f"is shorter than {LEAST_BYTES} bytes: make a new key"
    if len(secret) > MOST_BYTES:
        return f"is longer than {MOST_BYTES:,} bytes, and so no key"
    if len(set(secret)) < LEAST_DIFFERENT:
        return "is not random: make a new key"
    return ""


def _forms(secret: bytes) -> set[str]:
    """Give the ways a key may be written as text."""
    plain = secret.strip().decode("utf-8", "ignore")
    coded = {secret.hex(), secret.hex().upper(), base64.b64encode(secret).decode()}
    coded.add(base64.urlsafe_b64encode(secret).decode())
    return coded | ({plain} if len(plain) >= LEAST_BYTES // 2 else set())
