"""The plan locked before outcomes are opened, and every later change of it.

What counts as an outcome: offences from each person's index date on (the day of leaving), what
became of earlier ones from that day on, and custody, assessments and support from that day on.
Nothing that runs before the lock reads them (see `desistance.cases.before`). What it reads: who
people are, the programmes they were in, where they lived, and what had happened to them before. The
bytes of the files are hashed, which reads no cell.

A lock is a JSON file beside the plan: the whole plan with its defaults in canonical form, the hash
of it, the hashes of the input and of definitions the plan names as files, the version of the
library, and a date that is given or that of the extract. It is never written over. Whatever is
found to differ when the plan is run is a deviation, and is listed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import TypeAdapter

from desistance.balance import Comparator, balance_cohorts
from desistance.cases import load_cases
from desistance.catalogue.pathways import own_tools
from desistance.catalogue.reader import path_of
from desistance.disclosure import protect_counts, protect_sentence
from desistance.errors import NobodyToMatchError, NoOverlapError, OutputError, PlanError
from desistance.evaluation.plan import EvaluationPlan, beside, load_plan
from desistance.followup import follow_up, index_dates
from desistance.histories import build_histories
from desistance.results import text_table

if TYPE_CHECKING:
    from datetime import date

    from desistance.balance import Balance
    from desistance.cases import CaseData
    from desistance.disclosure import DisclosurePolicy
    from desistance.followup import FollowUp, FollowUpDesign

MADE_BY = "desistance plan lock"
NOT_THERE = "not there"
DEVIATION = ("what", "locked", "now")
SHOWN = 12  # digits of a hash that a reader is shown


@dataclass(frozen=True, slots=True)
class PlanLock:
    """A plan as it was before outcomes were opened.

    Attributes
    ----------
    plan
        Every setting, defaults included, as JSON values.
    inputs
        SHA-256 of each input file, and of definitions named as files.
    extract_date, locked_on
        ISO days; `locked_on` was given, or is that of the extract.
    version
        Of the library.
    """

    plan: dict[str, Any]
    inputs: dict[str, str]
    extract_date: str
    locked_on: str
    version: str

    @property
    def sha256(self) -> str:
        """Hash of the canonical form of the plan."""
        return _hash(self.plan)

    def text(self) -> str:
        """Write the lock as JSON, sealed with a hash of all it says."""
        told = self._told()
        sealed = {"made_by": MADE_BY, "sha256": self.sha256, **told, "seal": _hash(told)}
        return json.dumps(sealed, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _told(self) -> dict[str, Any]:
        names = ("plan", "inputs", "extract_date", "locked_on", "version")
        return {name: getattr(self, name) for name in names}

    def deviations(self, plan: EvaluationPlan, cases: CaseData) -> pd.DataFrame:
        """List every setting, file, day and version that is not as it was locked.

        Returns
        -------
        DataFrame
            ``what, locked, now``; no row where nothing changed.
        """
        was, is_now = _flat(self.plan), _flat(settings_of(plan))
        rows = [
            (f"plan: {name}", was.get(name, NOT_THERE), is_now.get(name, NOT_THERE))
            for name in sorted(was.keys() | is_now.keys())
        ]
        files = inputs_of(plan, cases)
        rows += [
            (f"file: {name}", _short(self.inputs.get(name)), _short(files.get(name)))
            for name in sorted(self.inputs.keys() | files.keys())
            if self.inputs.get(name) != files.get(name)
        ]
        rows.append(("extract date", self.extract_date, f"{cases.extract_date:%Y-%m-%d}"))
        rows.append(("version of desistance", self.version, metadata.version("desistance")))
        return pd.DataFrame([row for row in rows if row[1] != row[2]], columns=list(DEVIATION))


@dataclass(frozen=True, slots=True, eq=False)
class Locked:
    """A lock just written, and what could be seen without outcomes.

    Attributes
    ----------
    lock, path, policy
        The lock, its file, and how small counts are protected.
    followed
        Those who may be followed, with nothing after their index date.
    balanced : dict of design to Balance or None
        The plan's own comparison under "", others under their letter; None where nobody can be
        compared.
    """

    lock: PlanLock
    path: Path
    policy: DisclosurePolicy
    followed: FollowUp
    balanced: dict[str, Balance | None]

    def summary(self) -> str:
        """Say who may be followed, and how alike the cohorts are, with small counts protected."""
        policy = self.policy
        counts = ["n_left_out", "n_remaining"]
        told = ["From everyone in the data to the people who may be followed"]
        flow = protect_counts(self.followed.flow, counts=counts, policy=policy)
        told.append(text_table(flow.shown()))
        for letter, balanced in self.balanced.items():
            told.append("")
            told.append(f"Design {letter}" if letter else "The comparison of the plan")
            if balanced is None:
                told.append("Nobody can be compared.")
                continue
            matched = protect_counts(balanced.flow, counts=counts, policy=policy)
            told.append(text_table(matched.shown()))
            told.append(f"Balance, as known on the day of leaving, is {balanced.light}:")
            shown = balanced.table[["term", "smd_before", "smd_after", "light"]].round(2)
            told.append(text_table(shown, 2))
            told += [protect_sentence(caveat, policy) for caveat in balanced.caveats]
        return "\n".join(told)


def lock_plan(path: str | Path, *, on: date | None = None) -> Locked:
    """Lock a plan: read everything but outcomes, write the lock beside the plan.

    Parameters
    ----------
    path
        The plan, a TOML file.
    on
        The day the lock is dated; that of the extract when None.

    Raises
    ------
    OutputError
        If the plan has a lock already, or none can be written.
    PlanError, SourceError, DataError, FollowUpError
        As `load_plan`, `load_cases` and `follow_up` do.
    """
    plan, target = load_plan(path), lock_of(path)
    if target.exists():
        raise OutputError(
            f"{target.name} is there: the plan is locked, and a lock is never written over. Later "
            "changes are listed as deviations; a new plan has a new name."
        )
    cases = _cases_before(path, plan, plan.follow_up)
    followed = follow_up(cases, build_histories(cases, plan.histories), plan.follow_up)
    lock = PlanLock(
        settings_of(plan), inputs_of(plan, cases), f"{cases.extract_date:%Y-%m-%d}",
        f"{on or cases.extract_date:%Y-%m-%d}", metadata.version("desistance"),
    )  # fmt: skip
    balanced = {"": _balanced(followed, plan, None)}
    for letter in plan.comparators:
        if letter in ("A", "B", "C"):
            seen = _widened(path, plan) if letter == "B" else followed
            balanced[letter] = _balanced(seen, plan, letter)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(lock.text())
    except OSError as error:
        raise OutputError(f"{target.name} cannot be written: {error.strerror}.") from error
    return Locked(lock, target, plan.disclosure, followed, balanced)


def read_lock(path: str | Path) -> PlanLock | None:
    """Read the lock of a plan; None if it has none.

    Raises
    ------
    PlanError
        If the lock was changed after it was written.
    """
    target = lock_of(path)
    if not target.exists():
        return None
    problem = f"{target.name} is not a lock as it was written; restore it, or lock a new plan."
    try:
        said = json.loads(target.read_text(encoding="utf-8"))
        names = ("plan", "inputs", "extract_date", "locked_on", "version")
        lock = PlanLock(*(said[name] for name in names))
        whole = said["sha256"] == lock.sha256 and said["seal"] == _hash(lock._told())
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise PlanError(problem)
    return lock


def lock_of(path: str | Path) -> Path:
    """Give the file that holds the lock of a plan."""
    return Path(path).with_suffix(".lock.json")


def settings_of(plan: EvaluationPlan) -> dict[str, Any]:
    """Give every setting of a plan, defaults included, as JSON values."""
    return TypeAdapter(EvaluationPlan).dump_python(plan, mode="json")


def inputs_of(plan: EvaluationPlan, cases: CaseData) -> dict[str, str]:
    """Give the hashes of the files read, and of definitions the plan names as files."""
    named = [
        plan.follow_up.offence_set, plan.histories.scheme, *plan.histories.offence_sets,
        *plan.offence_sets,
    ]  # fmt: skip
    if plan.sensitivity is not None:
        named += [*plan.sensitivity.offence_sets, plan.sensitivity.negative_control or ""]
    own = {name: path_of(name) for name in named if name.endswith(".toml")}
    for name, file in own.items():
        if not file.is_file():
            raise PlanError(
                f"There is no file {name!r}: a definition of your own is looked for from the "
                "folder in which the plan lies."
            )
    if plan.histories.scheme in own:
        own |= own_tools(plan.histories.scheme)
    return cases.sources | {n: sha256(file.read_bytes()).hexdigest() for n, file in own.items()}


def _cases_before(path: str | Path, plan: EvaluationPlan, design: FollowUpDesign) -> CaseData:
    """Load what had happened to each person before the index date of a design."""

    def load(before: pd.Series) -> CaseData:
        return load_cases(
            beside(path, plan.data), plan.mapping and beside(path, plan.mapping),
            extract_date=plan.extract_date, before=before,
        )  # fmt: skip

    nothing = load(pd.Series(dtype="datetime64[ns]"))
    return load(index_dates(build_histories(nothing, plan.histories), design))


def _widened(path: str | Path, plan: EvaluationPlan) -> FollowUp:
    """Follow those too who left before the dates of the plan, as design B does."""
    design = replace(plan.follow_up, exits_from=None)
    cases = _cases_before(path, plan, design)
    return follow_up(cases, build_histories(cases, plan.histories), design)


def _balanced(followed: FollowUp, plan: EvaluationPlan, letter: Any) -> Balance | None:
    balance = plan.balance
    if letter is not None:
        first = plan.follow_up.exits_from if letter == "B" else None
        comparator = Comparator(letter, plan.calendar, first)
        balance = replace(balance, way=plan.comparators_way, comparator=comparator)
    try:
        return balance_cohorts(followed, balance)
    except (NobodyToMatchError, NoOverlapError):
        return None


def _hash(said: dict[str, Any]) -> str:
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode("utf-8")).hexdigest()


def _flat(settings: dict[str, Any], within: str = "") -> dict[str, str]:
    """Name every setting by its path, its value as JSON."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{within}{name}.")
        else:
            flat[within + name] = json.dumps(value, ensure_ascii=False)
    return flat


def _short(digest: str | None) -> str:
    return NOT_THERE if digest is None else digest[:SHOWN]
