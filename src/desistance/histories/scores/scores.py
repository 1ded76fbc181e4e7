"""Risk scores of many people on many dates, and how they are spread in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue import PredictorTable, ReconvictionTable, score_table
from desistance.errors import DataError, PlanError
from desistance.histories.days import NEVER, to_days
from desistance.histories.scores.formulas import all_reoffending_predictor, ogrs3
from desistance.histories.scores.inputs import inputs_on, offence_free
from desistance.plots import DARK_BLUE, DARK_PINK, LIGHT_PURPLE, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from desistance.histories.days import Days
    from desistance.histories.histories import Histories

LABEL = "research re-implementation, not an operational score"
EVERYONE = "everyone"
FEWEST = 10  # people on each side of a quantile, and behind a mean
BANDS = ("low", "medium", "high", "very high")
QUANTILES = {
    "10th percentile": 0.1, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75,
    "90th percentile": 0.9,
}  # fmt: skip

NO_SEX = f"{NOT_ESTIMABLE}: sex is not recorded as male or female"
NO_BIRTH = f"{NOT_ESTIMABLE}: the month of birth is unknown"
NO_SANCTION = f"{NOT_ESTIMABLE}: no offence was proven before the day"
NO_START = f"{NOT_ESTIMABLE}: nothing to count offence-free months from"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RiskScores(Result):
    """Risk scores: research re-implementations, not operational scores.

    Attributes
    ----------
    frame : DataFrame
        How the scores are spread: ``outcome, group, term, n, estimate, note``; `estimate` from 0
        to 1, `n` person-dates with a score. A mean rests on ten people or more, a quantile has
        ten or more on each side.
    rows : DataFrame, one row per score, horizon, person and date
        On the index of the people asked about, in their order: ``person_id, date, score, years,
        estimate`` (probability), ``percent`` (whole, 1 to 99), ``band`` (of the score's longest
        horizon), ``note``, and the inputs used. Personal data, for covariates; never for a list
        of people by risk.
    definitions : tuple of str
        Which coefficients.
    caveats : tuple of str
    """

    frame: pd.DataFrame
    rows: pd.DataFrame
    definitions: tuple[str, ...]
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per score, group and statistic."""
        return self.frame.copy()

    def covariates(self) -> pd.DataFrame:
        """Give the probabilities side by side, for the people and dates asked about.

        Returns
        -------
        DataFrame, shape (n, scores and horizons)
            Columns such as ``OGRS3_2yr``, on the index of the people asked about.
        """
        blocks = self.rows.groupby(["score", "years"], sort=False)
        columns = {f"{score}_{years}yr": block["estimate"] for (score, years), block in blocks}
        index = next(iter(columns.values())).index
        return pd.DataFrame({name: x.to_numpy() for name, x in columns.items()}, index=index)

    def summary(self) -> str:
        """Say which scores, and how they are spread."""
        said = f"{', '.join(self.definitions)}: {LABEL}"
        return "\n".join([said, text_table(self.frame), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw mean, median and quartiles of every score in every group."""
        ax = new_axes(ax)
        wide = self.frame.pivot_table(
            "estimate", ["outcome", "group"], "term", sort=False, dropna=False
        ).reindex(columns=["mean", "lower quartile", "median", "upper quartile"])
        wide = wide.dropna(how="all")
        place = np.arange(len(wide))[::-1]
        quartiles = 100 * wide[["lower quartile", "upper quartile"]].to_numpy(float).T
        ax.hlines(place, *quartiles, linewidth=4, color=LIGHT_PURPLE, label="middle half")
        ax.plot(100 * wide["median"], place, "o", color=DARK_BLUE, label="median")
        ax.plot(100 * wide["mean"], place, "x", color=DARK_PINK, label="mean")
        ax.set_yticks(place, [f"{outcome}, {group}" for outcome, group in wide.index])
        ax.set_ylim(-0.5, max(len(wide), 1) - 0.5)
        ax.set_xlim(0, 100)
        ax.set_xlabel("Predicted proven reoffending, %")
        ax.legend()
        return ax


def risk_scores(
    histories: Histories,
    person_ids: pd.Series,
    dates: pd.Series,
    *,
    scores: Sequence[str | Path] = ("OGRS3", "ARP"),
    by: pd.Series | None = None,
) -> RiskScores:
    """Recompute published risk scores from what was known of people on given dates.

    Parameters
    ----------
    histories
        From `build_histories`; see `desistance.histories.scores` for what counts.
    person_ids, dates : Series, shape (n,)
        Pairs of a person and a day; a person may be asked about many times.
    scores
        Names in the catalogue, or paths of files in the same form.
    by : Series, shape (n,)
        Groups whose scores are summed up, beside everyone.

    Returns
    -------
    RiskScores
        A score that cannot be had is NaN, with a note why: sex or birth unknown, nothing proven
        yet, or an offence class that spans several weights.

    Raises
    ------
    DataError
        If somebody is not in the data, a date is empty, or nobody is asked about.
    PlanError
        If there is no such score.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, risk_scores, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=80), rng=1)
    >>> left = cases.episodes[cases.episodes["programme"] == "IOM"].dropna(subset=["end_date"])
    >>> scored = risk_scores(build_histories(cases), left["person_id"], left["end_date"])
    >>> scored.covariates().columns.tolist()
    ['OGRS3_1yr', 'OGRS3_2yr', 'ARP_2yr']
    """
    person, day = histories.positions(person_ids), to_days(dates)
    if (day == NEVER).any():
        raise DataError(f"{(day == NEVER).sum()} of {len(day)} dates are empty.")
    if not len(day):
        raise DataError("There is nobody to score: `person_ids` is empty.")
    tables = [score_table(name) for name in scores]
    if not tables or len({table.name for table in tables}) < len(tables):
        raise PlanError("`scores` should name one or more scores, each once.")
    inputs, moments = inputs_on(histories, person, day)
    inputs.insert(0, "person_id", person_ids.to_numpy())
    inputs.insert(1, "date", dates.to_numpy())
    blocks = [
        block
        for table in tables
        for block in _scored(histories, person, day, inputs, moments, table)
    ]
    rows = pd.concat([block.set_index(person_ids.index) for block in blocks])
    return RiskScores(
        frame=_spread(rows, person, by, len(blocks)),
        rows=rows,
        definitions=tuple(table.label for table in tables),
        caveats=_caveats(rows, tables),
    )


def _scored(
    histories: Histories,
    person: Days,
    day: Days,
    inputs: pd.DataFrame,
    moments: pd.DataFrame,
    table: ReconvictionTable | PredictorTable,
) -> list[pd.DataFrame]:
    """Score everyone by one table: a frame for each horizon."""
    offence = table.of_offence(inputs["offence_code"])
    sex, age = inputs["sex"], inputs["age"].to_numpy()
    first, last = inputs["age_first_sanction"], inputs["age_last_sanction"]
    common = (inputs["n_sanctions"], first, last, offence["weight"])
    months, began = np.full(len(age), np.nan), np.full(len(age), np.nan)
    doubt = np.zeros(len(age), bool)
    no_start = np.zeros(len(age), bool)
    if isinstance(table, PredictorTable):
        months, began = offence_free(histories, person, day, moments[[*table.free_from]])
        months = np.minimum(months, table.most_months)
        no_start = np.isnan(months)
        estimates = all_reoffending_predictor(sex, began, *common, months, table=table)[:, None]
    else:
        estimates = ogrs3(sex, age, *common, table=table)
        for each, (lowest, highest) in table.doubtful.items():
            doubt |= (sex == each).to_numpy(bool) & (age >= lowest) & (age <= highest)
    reasons = {
        NO_SEX: ~sex.isin(["M", "F"]).to_numpy(bool),
        NO_BIRTH: np.isnan(age),
        NO_SANCTION: inputs["n_sanctions"].to_numpy() < 1,
    }
    note = np.select([*reasons.values()], [*reasons], offence["note"].to_numpy(dtype=object))
    note = np.where((note == "") & no_start, NO_START, note)
    estimates = np.where((note == "")[:, None], estimates, np.nan)
    if isinstance(table, ReconvictionTable):
        note = np.where((note == "") & doubt, table.doubtful_note, note)
    band = _bands(estimates[:, -1], table)
    blocks = []
    for years, estimate in zip(table.horizons, estimates.T, strict=True):
        block = inputs[["person_id", "date"]].assign(
            score=table.name, years=years, estimate=estimate, percent=_percent(estimate),
            band=band, note=note,
        )  # fmt: skip
        own = pd.DataFrame({
            "offence_group": offence["category"].to_numpy(), "offence_weight": offence["weight"],
            "months_offence_free": months, "age_offence_free_from": began,
        })  # fmt: skip
        blocks.append(pd.concat([block, inputs.drop(columns=["person_id", "date"]), own], axis=1))
    return blocks


def _percent(estimate: np.ndarray) -> pd.Series:
    """Round to whole per cent, halves up; the scores know neither 0 nor 100."""
    return pd.Series(np.clip(np.floor(100 * estimate + 0.5), 1, 99)).astype("Int64")


def _bands(estimate: np.ndarray, table: ReconvictionTable | PredictorTable) -> pd.Series:
    scale = 10.0**table.band_decimals
    per_cent = np.floor(100 * estimate * scale + 0.5) / scale
    place = np.searchsorted(table.bands, per_cent, "right")
    named = pd.Series(np.array([*BANDS])[place]).where(~np.isnan(per_cent))
    return named.astype(pd.CategoricalDtype([*BANDS], ordered=True))


def _spread(rows: pd.DataFrame, person: Days, by: pd.Series | None, blocks: int) -> pd.DataFrame:
    groups: dict[str, np.ndarray] = {EVERYONE: np.ones(len(person), bool)}
    if by is not None:
        if len(by) != len(person):
            raise DataError(f"`by` has {len(by)} rows for {len(person)} people and dates.")
        labels = by.astype("string").fillna("unknown").to_numpy(dtype=object)
        groups |= {str(label): labels == label for label in sorted(set(labels))}
    estimates = rows["estimate"].to_numpy(float).reshape(blocks, len(person))
    heads = rows[["score", "years"]].to_numpy()[:: len(person)]
    said = []
    for (score, years), estimate in zip(heads, estimates, strict=True):
        outcome = f"{score} within {years} {'year' if years == 1 else 'years'}"
        for group, mask in groups.items():
            has = mask & ~np.isnan(estimate)
            head = {"outcome": outcome, "group": group, "n": int(has.sum())}
            said += [head | line for line in _statistics(estimate[has], person[has])]
    columns = ["outcome", "group", "term", "n", "estimate", "note"]
    return pd.DataFrame(said, columns=columns)


def _statistics(estimate: np.ndarray, person: Days) -> list[dict[str, object]]:
    people = len(np.unique(person))
    lines: list[dict[str, object]] = []
    for term, share in {"mean": None, **QUANTILES}.items():
        on_a_side = people if share is None else people * min(share, 1 - share)
        line: dict[str, object] = {"term": term, "estimate": np.nan, "note": ""}
        if on_a_side < FEWEST - 1e-9:
            where = "" if share is None else " on one side"
            line["note"] = f"{NOT_ESTIMABLE}: fewer than {FEWEST} people{where}"
        else:
            line["estimate"] = estimate.mean() if share is None else np.quantile(estimate, share)
        lines.append(line)
    return lines


def _caveats(
    rows: pd.DataFrame, tables: Sequence[ReconvictionTable | PredictorTable]
) -> tuple[str, ...]:
    said: list[str] = [f"A {LABEL}: not for a decision about a person."]
    for table in tables:
        mine = rows[(rows["score"] == table.name) & (rows["years"] == table.horizons[-1])]
        for note, count in mine.loc[mine["note"] != "", "note"].value_counts().items():
            said.append(
                Caveat(
                    f"{{some}} of {{all}} person-dates by {table.name}: {note}.",
                    some=int(count),
                    all=len(mine),
                )
            )
        if not table.verified:
            said.append(f"Some figures of {table.label} could not be verified.")
    return tuple(said)
