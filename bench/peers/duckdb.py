"""DuckDB: SQL over Arrow tables, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from bench.data import WATCHED, WINDOW, digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]

PACKAGE = "duckdb"

PEOPLE = f"""
with career as (
    select person,
        count(*) filter (day < index_day) as n_prior,
        sum(serious) filter (day < index_day) as n_serious,
        min(day) filter (day < index_day) as onset,
        max(day) filter (day < index_day) as last,
        min(day - index_day) filter (day > index_day and day <= index_day + {WATCHED}) as first,
        count(*) filter (day > index_day and day <= index_day + {WATCHED}) as n_again
    from offences join people using (person) group by person
), stays as (
    select person, index_day, came_out, greatest(went_in, coalesce(max(came_out) over (
        partition by person order by went_in rows between unbounded preceding and 1 preceding
    ), 0)) as low
    from custody join people using (person)
), inside as (
    select person,
        sum(greatest(least(came_out, index_day) - greatest(low, index_day - {WINDOW}), 0))
            as before,
        sum(greatest(least(came_out, index_day + {WATCHED}) - greatest(low, index_day), 0)) as after
    from stays group by person
)
select coalesce(n_prior, 0) as n_prior, coalesce(n_serious, 0)::bigint as n_serious,
    coalesce(onset, -1) as onset, coalesce(last, -1) as last, coalesce(first, -1) as first,
    coalesce(n_again, 0) as n_again, coalesce(before, 0)::bigint as before,
    coalesce(after, 0)::bigint as after
from people left join career using (person) left join inside using (person) order by person
"""  # noqa: S608
SPELLS = f"""
with ends as (
    select distinct person, day - index_day as stop, 1 as event
    from offences join people using (person)
    where day > index_day and day <= index_day + {WATCHED}
    union all select person, {WATCHED}, 0 from people
), spells as (
    select person, stop, event,
        coalesce(lag(stop) over (partition by person order by stop, event desc), 0) as start
    from ends
)
select person, start, stop, event from spells where stop > start order by person, start
"""  # noqa: S608


def read(columns: Columns) -> Columns:
    """Leave the columns as they are: they have three lengths."""
    return columns


def histories(columns: Columns) -> Callable[[], Answer]:
    """Group and window in SQL."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register(
        "people",
        pa.table(
            {"person": np.arange(len(columns["index_day"])), "index_day": columns["index_day"]}
        ),
    )
    connection.register(
        "offences",
        pa.table(
            {
                "person": columns["offence_person"], "day": columns["offence_day"],
                "serious": columns["serious"],
            }
        ),
    )  # fmt: skip
    connection.register(
        "custody",
        pa.table(
            {
                "person": columns["custody_person"], "went_in": columns["in_day"],
                "came_out": columns["out_day"],
            }
        ),
    )  # fmt: skip

    def fit() -> Answer:
        told = connection.execute(PEOPLE).fetchnumpy()
        spells = connection.execute(SPELLS).fetchnumpy()
        return digest(*map(np.asarray, told.values()), *map(np.asarray, spells.values()))

    return fit
