"""The page and the released folder: safe against injection, accessible, whole or absent."""

import csv
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from desistance import plots
from desistance.errors import OutputError
from desistance.release import (
    file_hash,
    is_report,
    release_folder,
    write_bytes,
    write_csv,
    write_text,
)
from desistance.report.page import Figure, KeyFigure, Page, Prose, Section, Table, png, render

ABOUT = {"plan": {"months": 12}, "seed": 1, "exclusions": {"left the area": 10}}

HTML_PAYLOADS = (
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    '" onload="alert(1)',
    "' onmouseover='alert(1)",
    "--><svg/onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '"><iframe srcdoc="<script>alert(1)</script>">',
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
)

FORMULAS = (
    *("=1+1", "+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")'),
    *("\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "\ufeff=1", "＝1", "＋1", "－1", "＠1"),
)


def line(ax):
    ax.step([0, 91, 183, 274, 365], [1, 0.9, 0.8, 0.75, 0.7], where="post", label="7PP")
    ax.legend()


def page_saying(text):
    """A page with `text` in every position a text can stand in."""
    table = Table(pd.DataFrame({text: [text, "suppressed"], "n": [text, 120]}), text, note=text)
    blocks = (
        Prose((text, text)),
        KeyFigure(text, detail=text),
        table,
        Figure(line, text, text, table, note=text),
    )
    return Page(text, (Section(text, blocks), Section(text, blocks)), text, text, (text, text))


class Reader(HTMLParser):
    """The elements of a page, their attributes, and the text of each."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def values(self, attribute):
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    def shape(self):
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]


@pytest.fixture(scope="module")
def plain():
    return render(page_saying("Seven pathways"))


# The page


@pytest.mark.parametrize("payload", HTML_PAYLOADS)
def test_no_text_becomes_markup_wherever_it_stands(payload, plain):
    page = Reader(render(page_saying(payload)))
    assert page.shape() == Reader(plain).shape()
    assert not page.all("script")
    assert not [name for _, names in page.shape() for name in names if name.startswith("on")]
    assert payload in page.values("alt")


def test_the_page_reads_nothing_from_elsewhere_and_runs_nothing(plain):
    page = Reader(plain)
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert all(source.startswith("data:image/png;base64,") for source in page.values("src"))
    assert all(target.startswith("#") for target in page.values("href"))
    assert not {"script", "link", "iframe", "form", "object"} & {tag for tag, _ in page.elements}
    assert "url(" not in plain
    assert "@import" not in plain


def test_the_page_can_be_read_by_everybody(plain):
    page = Reader(plain)
    tags = Counter(tag for tag, _ in page.elements)
    assert page.all("html") == [{"lang": "en-GB"}]
    assert (tags["h1"], tags["main"], tags["nav"], tags["header"], tags["footer"]) == (1,) * 5
    assert tags["caption"] == tags["table"] == 4
    assert all(cell["scope"] in ("col", "row") for cell in page.all("th"))
    assert tags["details"] == tags["figure"] == tags["img"] == 2
    assert all(image["alt"] for image in page.all("img"))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert set(page.values("aria-labelledby")) <= set(ids)
    assert {target[1:] for target in page.values("href")} <= set(ids)
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}


def brightness(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    light, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_stands_out_in_light_in_dark_and_on_paper(plain):
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block))
        for block in re.findall(r":root \{(.*?)\}", plain, re.DOTALL)
    ]
    assert len(schemes) == 3
    for colours in schemes:
        for ground in ("page", "panel"):
            for ink in ("text", "quiet", "link", "warning"):
                assert contrast(colours[ink], colours[ground]) >= 4.5
        assert contrast(colours["blue"], colours["page"]) >= 3


def test_tables_and_figures_are_numbered_and_numbers_laid_out():
    table = Table(
        pd.DataFrame({"group": ["7PP", "IOM"], "n": pd.array([1240, pd.NA], "Int64"),
                      "share": [0.4137, "suppressed"]}),
        "Rates",
    )  # fmt: skip
    figure = Figure(png(line), "Finding", "A line", table)
    html = render(Page("Report", (Section("One", (table, figure)), Section("Two", (table,)))))
    assert re.findall(r'class="label">([^<]*)<', html) == ["Table 1", "Figure 1", "Table 2"]
    assert '<td class="number">1,240</td><td class="number">0.41</td>' in html
    assert '<td class="number"></td><td class="number">suppressed</td>' in html
    assert "numbers of figure 1" in html


def test_a_page_without_extras_and_an_empty_table_render():
    html = render(Page("T", (Section("S", (Table(pd.DataFrame({"n": []}), "Nobody"),)),)))
    assert '<p class="banner"' not in html
    assert "<footer" not in html
    assert '<th scope="col" class="text">n</th>' in html


# Pictures


def test_a_picture_has_the_same_bytes_each_time_and_no_words_about_the_machine():
    first, second = png(line), png(line)
    assert first == second
    assert not re.findall(rb"tEXt|iTXt|zTXt|tIME", first)


def test_drawing_leaves_no_trace_in_pyplot_nor_in_the_settings():
    before = dict(mpl.rcParams)
    png(line)
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


def test_axes_given_are_drawn_on_and_lines_differ_by_more_than_colour():
    mine = plots.new_axes()
    assert plots.new_axes(mine) is mine
    lines = [mine.plot([0, 1], [0, i])[0] for i in range(6)]
    assert [drawn.get_color() for drawn in lines] == list(plots.PALETTE)
    assert len({str(drawn._unscaled_dash_pattern) for drawn in lines}) == 6


# Tables as CSV


def test_no_text_in_a_csv_file_is_a_formula(tmp_path):
    write_csv(pd.DataFrame({payload: [payload] for payload in FORMULAS}), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [[f"'{payload}" for payload in FORMULAS]] * 2


def test_numbers_in_a_csv_file_stay_numbers(tmp_path):
    frame = pd.DataFrame(
        {"n": pd.array([-5, pd.NA], "Int64"), "x": [-0.1, float("nan")], "b": [True, False],
         "s": ["a, b", "7PP = new"], "o": [12, "suppressed"]}
    )  # fmt: skip
    write_csv(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == (
        'n,x,b,s,o\n-5,-0.1,true,"a, b",12\n,,false,7PP = new,suppressed\n'
    )


# The folder


def write_report(place, text="We were here."):
    with release_folder(place, ABOUT) as part:
        write_text(text, part / "note.txt")
        (part / "table.csv").write_text("n\n10\n")  # whoever writes, it ends up private


def test_a_released_folder_is_private_and_proves_what_it_holds(tmp_path):
    write_report(tmp_path / "report")
    said = json.loads((tmp_path / "report/manifest.json").read_text())
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "manifest.json", "note.txt", "table.csv"
    ]  # fmt: skip
    assert said["files"]["note.txt"] == file_hash(tmp_path / "report/note.txt")
    assert said["about"] == ABOUT
    assert said["packages"]["pandas"] == pd.__version__
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "report").iterdir()} == {
        0o600
    }
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing_or_the_old_report(tmp_path, error):
    def fail():
        with release_folder(tmp_path / "report", ABOUT) as part:
            write_text("half", part / "note.txt")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []
    write_report(tmp_path / "report")
    with pytest.raises(error):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (tmp_path / "report/note.txt").read_text() == "We were here."


def test_our_own_unchanged_report_is_replaced(tmp_path):
    write_report(tmp_path / "report")
    write_report(tmp_path / "report", "Again.")
    assert (tmp_path / "report/note.txt").read_text() == "Again."
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("spoil", ["no manifest", "edited", "added", "folder inside", "foreign"])
def test_anything_else_that_stands_there_is_left_alone(tmp_path, spoil):
    place = tmp_path / "report"
    write_report(place)
    if spoil == "no manifest":
        (place / "manifest.json").unlink()
    elif spoil == "edited":
        (place / "note.txt").write_text("My own words.")
    elif spoil == "added":
        (place / "thesis.txt").write_text("Years of work.")
    elif spoil == "folder inside":
        (place / "mine").mkdir()
    else:
        (place / "manifest.json").write_text("[]")
    before = sorted(path.name for path in place.iterdir())
    assert not is_report(place)
    with pytest.raises(OutputError, match="left as it is"):
        write_report(place)
    assert sorted(path.name for path in place.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize(
    "name",
    [
        "Case.csv",
        "a b.csv",
        "a..csv",
        ".hidden",
        "con.csv",
        "x.csv.exe",
        "é.csv",
        "a" * 65 + ".csv",
    ],
)
def test_a_file_name_outside_the_pattern_is_refused(tmp_path, name):
    for write in (lambda path: write_bytes(b"", path), lambda path: path.write_text("")):
        with (
            pytest.raises(OutputError, match="name that is not allowed"),
            release_folder(tmp_path / "report", ABOUT) as part,
        ):
            write(part / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("trap", ["symlink", "folder"])
def test_only_plain_files_are_released(tmp_path, trap):
    with (
        pytest.raises(OutputError, match="not a plain file"),
        release_folder(tmp_path / "report", ABOUT) as part,
    ):
        (part / "x.csv").symlink_to("/etc/hostname") if trap == "symlink" else (
            part / "x.csv"
        ).mkdir()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_written_over_nor_through_a_link(tmp_path):
    (tmp_path / "there.txt").write_text("kept")
    (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    for name in ("there.txt", "link.txt"):
        with pytest.raises(FileExistsError):
            write_text("lost", tmp_path / name)
    assert (tmp_path / "there.txt").read_text() == "kept"
    assert not (tmp_path / "elsewhere.txt").exists()


def run(code, *, check=True, **options):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=check, **options
    )


FULL_DISK = """
import resource, sys
from desistance.release import release_folder, write_text
from desistance.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with release_folder(sys.argv[-1], {}) as part:
        write_text("x" * 50_000, part / "page.html")
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of file size are set as on Linux")
def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path):
    shown = run(FULL_DISK.replace("sys.argv[-1]", repr(str(tmp_path / "report")))).stdout
    assert "could not be written" in shown
    assert list(tmp_path.iterdir()) == []


HANG = """
import sys, time
from desistance.release import release_folder, write_text
with release_folder({place!r}, {{}}) as part:
    write_text("half", part / "page.html")
    print("written", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_attempt_leaves_no_report_and_is_cleared_by_the_next(tmp_path, how):
    place = tmp_path / "report"
    with subprocess.Popen(
        [sys.executable, "-c", HANG.format(place=str(place))],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as attempt:  # fmt: skip
        attempt.stdout.readline()
        attempt.send_signal(how)
        attempt.wait(timeout=20)
    assert not place.exists()
    assert len(list(tmp_path.iterdir())) == (how == signal.SIGKILL)
    write_report(place)
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_an_attempt_still_running_is_left_alone(tmp_path):
    (tmp_path / f"report.part-{os.getppid()}").mkdir()
    write_report(tmp_path / "report")
    assert len(list(tmp_path.iterdir())) == 2


SAME = """
import sys, hashlib, pathlib
sys.path.insert(0, {tests!r})
from test_report_page import ABOUT, page_saying, png, line
from desistance.report.page import render
from desistance.release import release_folder, write_bytes, write_csv, write_text
page = page_saying("Seven pathways")
with release_folder("report", ABOUT) as part:
    write_text(render(page), part / "report.html")
    write_bytes(png(line), part / "figure-1.png")
    write_csv(page.sections[0].blocks[2].frame, part / "table.csv")
for path in sorted(pathlib.Path("report").iterdir()):
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_the_same_report_has_the_same_bytes_anywhere(tmp_path):
    hashes = []
    for zone, seed, language in (("UTC", "1", "C"), ("Pacific/Apia", "2", "tr_TR.UTF-8")):
        place = tmp_path / seed
        place.mkdir()
        world = os.environ | {"TZ": zone, "PYTHONHASHSEED": seed, "LANG": language}
        code = SAME.format(tests=str(Path(__file__).parent))
        hashes.append(run(code, cwd=place, env=world).stdout)
    assert hashes[0].count("\n") == 4
    assert hashes[0] == hashes[1]
