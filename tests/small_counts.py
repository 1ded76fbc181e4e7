"""An independent reader of a released folder: which count columns still hold a small count?

It knows nothing of the library. It reads the text of CSV and HTML files as a stranger would.
"""

import csv
import re
from html.parser import HTMLParser

COUNT_COLUMN = re.compile(
    r"n|n_.*|people|(not )?assessed|with.*need|no.need|need|events|reoffen\w+|person.years|day \d+|"
    r"left out|compared|remaining|at risk|years at risk|rows in|used|set aside|merged|"
    r"both|(only_)?(first|second)( alone)?|neither|refused|not.applicable|need.*|referred(_need)?|"
    r"in.contact(_need)?|of them.*|contacts|months.*|completed|disengaged|broke off|silent|went.on",
    re.I,
)
WHOLE_NUMBER = re.compile(r"-?[\d,]+(\.0*)?")


def small_counts(folder, smallest=10):
    """List (file, column, row) of every count from 1 to `smallest - 1`, without its value."""
    found = []
    for path in sorted(folder.iterdir()):
        for rows in _tables(path):
            columns = [i for i, name in enumerate(rows[0]) if COUNT_COLUMN.fullmatch(name)]
            found += [
                (path.name, rows[0][i], number)
                for number, row in enumerate(rows[1:], start=1)
                for i in columns
                if WHOLE_NUMBER.fullmatch(row[i]) and 0 < _whole(row[i]) < smallest
            ]
    return found


def _whole(text):
    return float(text.replace(",", ""))


def _tables(path):
    if path.suffix == ".csv":
        return [list(csv.reader(path.read_text(encoding="utf-8").splitlines()))]
    if path.suffix == ".html":
        reader = _TableReader()
        reader.feed(path.read_text(encoding="utf-8"))
        return reader.tables
    return []


class _TableReader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tables, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.tables[-1][-1][-1] += data
