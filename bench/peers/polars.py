"""polars: lazy frames, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from bench.data import WATCHED, WINDOW, digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]

PACKAGE = "polars"


def read(columns: Columns) -> Columns:
    """Leave the columns as they are: they have three lengths."""
    return columns


def histories(columns: Columns) -> Callable[[], Answer]:
    """Join, group and window; day counts are 64-bit, as sums of shorter ones wrap silently."""
    n = len(columns["index_day"])
    people = pl.LazyFrame({"person": range(n), "index_day": columns["index_day"]})
    offences = pl.LazyFrame(
        {
            "person": columns["offence_person"], "day": columns["offence_day"],
            "serious": columns["serious"],
        }
    )  # fmt: skip
    custody = pl.LazyFrame(
        {
            "person": columns["custody_person"], "went_in": columns["in_day"],
            "came_out": columns["out_day"],
        }
    )  # fmt: skip
    col = pl.col
    after = col("day") - col("index_day")
    prior, again = after < 0, (after > 0) & (after <= WATCHED)

    def fit() -> Answer:
        rows = offences.join(people, on="person")
        career = rows.group_by("person").agg(
            prior.sum().cast(pl.Int64).alias("n_prior"),
            (col("serious") * prior).sum().alias("n_serious"),
            col("day").filter(prior).min().alias("onset"),
            col("day").filter(prior).max().alias("last"),
            after.filter(again).min().alias("first"),
            again.sum().cast(pl.Int64).alias("n_again"),
        )
        stays = custody.join(people, on="person").sort("person", "went_in")
        latest = col("came_out").cum_max().shift(1).over("person").fill_null(0)
        low = pl.max_horizontal(col("went_in"), latest)

        def nights(begins: int, ends: int) -> pl.Expr:
            start = pl.max_horizontal(low, col("index_day") + begins)
            stop = pl.min_horizontal(col("came_out"), col("index_day") + ends)
            return (stop - start).clip(lower_bound=0)

        inside = (
            stays.with_columns(before=nights(-WINDOW, 0), after=nights(0, WATCHED))
            .group_by("person")
            .agg(col("before").sum(), col("after").sum())
        )
        told = (
            people.join(career, on="person", how="left")
            .join(inside, on="person", how="left")
            .with_columns(col("onset", "last", "first").fill_null(-1))
            .with_columns(col("n_prior", "n_serious", "n_again", "before", "after").fill_null(0))
            .sort("person")
        )
        ends = rows.filter(again).select("person", after.alias("stop"), event=pl.lit(1)).unique()
        closing = people.select("person", stop=pl.lit(WATCHED, pl.Int64), event=pl.lit(0))
        spells = (
            pl.concat([ends, closing])
            .sort("person", "stop", "event", descending=[False, False, True])
            .with_columns(start=col("stop").shift(1).over("person").fill_null(0))
            .filter(col("stop") > col("start"))
        )
        people_told, spells_told = pl.collect_all([told, spells])
        order = ["n_prior", "n_serious", "onset", "last", "first", "n_again", "before", "after"]
        return digest(
            *(people_told[name].to_numpy() for name in order),
            *(spells_told[name].to_numpy() for name in ("person", "start", "stop", "event")),
        )

    return fit
