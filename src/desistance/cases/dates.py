"""One text, one day: how dates are written, and which of them are no days at all.

A column has one declared format; ISO dates are read beside it. A time of day is dropped; one with
a time zone is taken to London first, for midnight in UTC is one o'clock of a British summer day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from desistance.cases.mapping import EXCEL_SERIAL, ISO

EPOCH = date(1970, 1, 1)
PLACEHOLDERS = (date(1900, 1, 1), date(1899, 12, 30), EPOCH, date(1753, 1, 1))
NO_END = (date(9999, 12, 31), date(2999, 12, 31))
LONDON = ZoneInfo("Europe/London")
SERIAL_ZERO = date(1899, 12, 30)  # day 0 of a spreadsheet, as it counts from 1 March 1900 on
SERIALS = (61, 110_000)

BARE_NUMBER = re.compile(r"\d+(\.\d+)?")
CLOCK = r"(?:[ T](?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.\d+)?)?)?"
ZONE = r"\s?(?P<zone>Z|[+-]\d{2}:?\d{2})?"
ISO_DATE = re.compile(r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})" + CLOCK + ZONE)
DIRECTIVE = {
    "d": r"(?P<d>\d{1,2})", "m": r"(?P<m>\d{1,2})", "Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d{2})",
    "b": r"(?P<b>[A-Za-z]{3})", "B": r"(?P<b>[A-Za-z]{3,9})",
    "H": r"(?P<H>\d{1,2})", "M": r"(?P<M>\d{2})", "S": r"(?P<S>\d{2})",
}  # fmt: skip
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
          "october", "november", "december")  # fmt: skip


class Cell(NamedTuple):
    """What a text is worth: a value, or the rule it breaks; and what was put right in it."""

    value: Any = None
    rule: str = ""
    tidied: tuple[str, ...] = ()
    has_zone: bool = False
    day_month: tuple[int, int] | None = None


@dataclass(frozen=True)
class DateReader:
    """Reads the dates of one column.

    Attributes
    ----------
    wanted
        "%d/%m/%Y", "iso" or "excel-serial".
    latest
        A year of two digits is the last one not after this day.
    open_end, whole_month
        As in `desistance.schemas.Column`.
    """

    wanted: str
    latest: date | None
    open_end: bool
    whole_month: bool

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """The texts the declared format allows; a time of day may follow."""
        if self.wanted in (ISO, EXCEL_SERIAL):
            return None
        parts = [
            DIRECTIVE[part] if place % 2 else re.escape(part)
            for place, part in enumerate(re.split(r"%([dmyYbBHMS])", self.wanted))
        ]
        return re.compile("".join(parts) + ("" if "%H" in self.wanted else CLOCK))

    def read(self, text: str) -> Cell:
        """Judge one text."""
        if self.wanted == EXCEL_SERIAL and BARE_NUMBER.fullmatch(text):
            days = float(text)
            if not SERIALS[0] <= days < SERIALS[1]:
                return Cell(rule="impossible_date")
            return self._judged(Cell(SERIAL_ZERO + timedelta(days=int(days))))
        own = self.pattern and self.pattern.fullmatch(text)
        found = own or ISO_DATE.fullmatch(text)
        if found is None:
            return Cell(rule="bare_number" if BARE_NUMBER.fullmatch(text) else "misformatted_date")
        parts = {name: part for name, part in found.groupdict().items() if part}
        cell = self._moment(parts)
        if own and "m" in parts:
            cell = cell._replace(day_month=(int(parts["d"]), int(parts["m"])))
        return self._judged(cell) if cell.value else cell

    def _moment(self, parts: dict[str, str]) -> Cell:
        """Give the day of a matched text, in London if it has a time zone."""
        year, month, day = self._year(parts), _month(parts), int(parts["d"])
        hour, minute, second = (int(parts.get(part, 0)) for part in "HMS")
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return Cell(rule="impossible_date")
        tidied = ("time_dropped",) if hour or minute or second else ()
        if "zone" not in parts:
            return Cell(moment.date(), tidied=tidied)
        if not 1900 <= moment.year < 2200:  # leaves room for the offset
            return Cell(rule="impossible_date")
        return Cell((moment - _offset(parts["zone"])).astimezone(LONDON).date(), "", tidied, True)

    def _year(self, parts: dict[str, str]) -> int:
        if "Y" in parts:
            return int(parts["Y"])
        year = 2000 + int(parts["y"])
        return year - 100 if self.latest and year > self.latest.year else year

    def _judged(self, cell: Cell) -> Cell:
        """Tell days from placeholders, and drop the day of the month where it is not kept."""
        day = cell.value
        if day in NO_END:
            return Cell(rule="no_end" if self.open_end else "no_end_here")
        born_in_january_1970 = self.whole_month and day == EPOCH  # a month like any other
        if day in PLACEHOLDERS and not born_in_january_1970:
            return Cell(rule="placeholder_date")
        if not 1900 <= day.year < 2200:
            return Cell(rule="impossible_date")
        if self.whole_month and day.day > 1:
            return cell._replace(value=day.replace(day=1), tidied=(*cell.tidied, "day_dropped"))
        return cell


def _month(parts: dict[str, str]) -> int:
    """Give the number of a month written in digits or letters; 0 if there is no such month."""
    if "m" in parts:
        return int(parts["m"])
    name = parts["b"].casefold()
    return next((n for n, month in enumerate(MONTHS, 1) if name in (month, month[:3])), 0)


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    size = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -size if zone[0] == "-" else size
