"""Splink on DuckDB: how likely two records are of one person (Fellegi and Sunter's model).

DuckDB is shut in first: one thread (sums in one order), no file, no network, no extension fetched
or loaded, nothing spilt to a disk, and settings locked. What is used is part of DuckDB itself, so
that it runs on a machine that reaches no other; a comparison that needs an extension fails with a
clear error instead of a download.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from desistance.errors import DataError, ModelError
from desistance.linkage.links import PAIR_COLUMNS, Links
from desistance.linkage.onetoone import one_to_one

try:
    import duckdb
    import splink
    from splink import comparison_library as library
except ImportError:
    splink = None

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desistance.linkage.plan import LinkColumn, LinkPlan

SHUT_IN = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
NEAR = (0.92, 0.8)  # Jaro–Winkler similarities
DAYS = (31, 366)  # a month, a year
DIGITS = 10  # of a probability; beyond them DuckDB's sums may differ from run to run
RIVALS = 0.001  # pairs less likely than this by themselves compete with no other


def link_tables(tables: Mapping[str, pd.DataFrame], plan: LinkPlan, *, rng: int) -> Links:
    """Give the probability that records of agency tables are of one person.

    The model is trained on the tables themselves, without known matches: how often records of
    different people agree by pairs drawn at random, how often those of one person do by
    expectation–maximisation, one round for each of the plan's blocks.

    Parameters
    ----------
    tables
        By name of the agency. Only the columns the plan names are read, as text; an empty text is
        unknown. With one table, its own duplicates are sought.
    plan
        What is compared, and which pairs are tried.
    rng
        Seed of the pairs drawn at random; the same seed gives the same ten digits.

    Returns
    -------
    Links
        Pairs at least as likely as `plan.least`.

    Raises
    ------
    ModelError
        If Splink is not installed, or its model cannot be trained on these tables.
    DataError
        If a column is missing, or a table names a record twice or not at all.

    References
    ----------
    Fellegi, Sunter (1969), A theory for record linkage, JASA 64. Splink, Ministry of Justice.
    """
    if splink is None:
        raise ModelError(
            "Linking needs Splink and DuckDB, which are not installed: "
            "`pip install 'desistance[link]'`."
        )
    read = {name: _as_text(name, table, plan) for name, table in tables.items()}
    records = pd.concat(
        [pd.DataFrame({"table": name, "record_id": rows[plan.id_column]})
         for name, rows in read.items()], ignore_index=True,
    )  # fmt: skip
    fault, found = "", pd.DataFrame()
    untrained: list[str] = []
    try:
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            for setting in SHUT_IN:
                connection.execute(setting)
            found, untrained = _predicted(connection, read, plan, rng)
    except Exception as error:  # noqa: BLE001 - whatever SQL engines raise may hold values
        fault = type(error).__name__
    if fault:
        raise ModelError(
            f"Splink could not train or use its model on these tables ({fault}). Common causes: "
            "no pair agrees on a block, a column has one value only, too few records, or exact "
            "copies are the only records of one person: take those out first."
        )
    if untrained:
        raise ModelError(
            f"Nothing in these tables says how well {', '.join(untrained)} tell people apart: too "
            "few pairs agree, or differ, on them. Leave them out of the plan, or change its blocks."
        )
    pairs = _tidy(found, list(tables), plan)
    if plan.matched_once(len(read)):
        pairs = one_to_one(pairs, {name: len(rows) for name, rows in read.items()})
    kept = pairs[pairs["probability"] >= plan.least].reset_index(drop=True)
    return Links(records, kept, plan, rng)


def _as_text(name: str, table: pd.DataFrame, plan: LinkPlan) -> pd.DataFrame:
    """Take the columns of the plan as text, or refuse the table."""
    missing = [column for column in plan.read if column not in table.columns]
    if missing:
        raise DataError(f"`{name}` has no column {', '.join(missing)}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DataError("A table is named with lower-case letters, digits and _.")
    rows = pd.DataFrame({column: _texts(table[column]) for column in plan.read})
    unnamed, twice = rows[plan.id_column].isna(), rows[plan.id_column].duplicated()
    if unnamed.any() or twice.any():
        raise DataError(
            f"`{name}`: {int(unnamed.sum())} records have no {plan.id_column}, and "
            f"{int(twice.sum())} one that stands there already."
        )
    return rows


def _texts(column: pd.Series) -> pd.Series:
    if column.dtype.kind == "M":
        column = column.dt.strftime("%Y-%m-%d")
    texts = column.astype("string").str.strip()
    return pd.Series([text or None for text in texts.fillna("")], dtype=object)


def _predicted(
    connection: Any, read: Mapping[str, pd.DataFrame], plan: LinkPlan, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """Train the model and use it: the pairs, and the columns it could not be trained on."""
    within = plan.within or len(read) == 1
    kind = "dedupe_only" if len(read) == 1 else "link_and_dedupe" if within else "link_only"
    blocks = [splink.block_on(*block) for block in plan.blocks]
    settings = splink.SettingsCreator(
        link_type=kind,
        unique_id_column_name=plan.id_column,
        comparisons=[_comparison(column) for column in plan.columns],
        blocking_rules_to_generate_predictions=blocks,
        retain_matching_columns=False,
    )
    api = splink.DuckDBAPI(connection)
    inputs = [api.register(rows, dataset_display_name=name) for name, rows in read.items()]
    linker = splink.Linker(inputs, settings, log_level=logging.ERROR)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [splink.block_on(*plan.sure)], recall=plan.recall
    )
    training.estimate_u_using_random_sampling(max_pairs=plan.max_pairs + 0.5, seed=seed)
    for block in blocks:
        training.estimate_parameters_using_expectation_maximisation(block)
    least = min(plan.least, RIVALS) if plan.matched_once(len(read)) else plan.least
    found = linker.inference.predict(threshold_match_probability=least)
    return found.as_pandas_dataframe(), _untrained(linker.misc.save_model_to_json())


def _untrained(model: Mapping[str, Any]) -> list[str]:
    """Name the columns of which agreeing, or differing, has no probability in the model."""
    return [
        f"`{comparison['output_column_name']}`"
        for comparison in model["comparisons"]
        for _, same, *_, other in [comparison["comparison_levels"]]
        if not {"m_probability", "u_probability"} <= same.keys() & other.keys()
    ]


def _comparison(column: LinkColumn) -> Any:
    if column.how == "near":
        made = library.JaroWinklerAtThresholds(column.name, list(NEAR))
    elif column.how == "date":
        made = library.AbsoluteDateDifferenceAtThresholds(
            column.name, input_is_string=True, metrics=["day", "day"], thresholds=list(DAYS)
        )
    else:
        made = library.ExactMatch(column.name)
    return made.configure(term_frequency_adjustments=True) if column.rare_counts else made


def _tidy(found: pd.DataFrame, names: list[str], plan: LinkPlan) -> pd.DataFrame:
    """Give pairs in one order, whatever order the database has them in."""
    pairs = pd.DataFrame(
        {
            "table_a": found.get("source_dataset_l", names[0]),
            "record_a": found[f"{plan.id_column}_l"],
            "table_b": found.get("source_dataset_r", names[0]),
            "record_b": found[f"{plan.id_column}_r"],
            "probability": found["match_probability"].round(DIGITS),
        },
        columns=list(PAIR_COLUMNS),
    )
    place = {name: position for position, name in enumerate(names)}
    a, b = pairs["table_a"].map(place), pairs["table_b"].map(place)
    swapped = (a > b) | ((a == b) & (pairs["record_a"] > pairs["record_b"]))
    for part in ("table", "record"):
        left, right = pairs[f"{part}_a"].copy(), pairs[f"{part}_b"].copy()
        pairs[f"{part}_a"] = left.where(~swapped, right)
        pairs[f"{part}_b"] = right.where(~swapped, left)
    return pairs.sort_values(
        ["probability", "table_a", "record_a", "table_b", "record_b"],
        ascending=[False, True, True, True, True], ignore_index=True,
    )  # fmt: skip
