"""The plan: every choice of an evaluation, written down before outcomes are seen."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from desistance.balance import BalanceDesign, CalendarRules
from desistance.balance.matching import SetWay
from desistance.catalogue.reader import OwnFile
from desistance.comparison import By, Design, ExternalRate, SensitivityDesign, check_designs
from desistance.comparison.effects.compare import MAIN
from desistance.comparison.effects.followed import Measured
from desistance.disclosure import DisclosurePolicy
from desistance.errors import PlanError
from desistance.evaluation.exploring import ExploratoryDesign
from desistance.evaluation.missing import MissingDesign
from desistance.evaluation.timing import TimingDesign
from desistance.evaluation.trial import TargetTrial, trial_table
from desistance.followup import FollowUpDesign
from desistance.histories import HistoryDesign
from desistance.histories.needs import NeedsDesign
from desistance.results import html_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


@dataclass(frozen=True, slots=True)
class HazardDesign:
    """The Cox model of time to the first reoffence.

    Attributes
    ----------
    terms
        Columns of `FollowUp.people`, "exposed" for having joined, and "needs" for every pathway.
        Empty for no model.
    ties, variance
        As in `fit_cox`.
    """

    terms: tuple[str, ...] = ("exposed", "age", "n_previous", "needs")
    ties: Literal["efron", "breslow"] = "efron"
    variance: Literal["model", "robust", "cluster"] = "cluster"


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """Every choice of an evaluation.

    Attributes
    ----------
    title
        Heading of the report.
    data, mapping
        Folder, workbook or database, and mapping file. These and definitions of your own are read
        from where the plan lies, if it is a file; a database URL is taken as it is.
    extract_date
        When the data do not say it themselves.
    histories, follow_up, needs, hazards, balance, disclosure
        The choices of each step.
    missing
        How missing needs are filled in for the model of `hazards`, which is of complete cases; None
        for not at all.
    until_joining
        Whether a comparison person who joins later is watched only until then; see
        `compare_cohorts`.
    outcomes
        Which effects are compared, the headline first: "rate", "frequency", "time", "rmst",
        "severity", "incidence"; see `desistance.comparison.effects`. Other designs and cohorts
        show the first three of these, where the plan has any of them.
    offence_sets
        Sets of the catalogue, or files, counted beside that of the follow-up, with every outcome
        again for each.
    target_trial
        The trial one would run; printed beside its emulation.
    comparators
        Designs under which the comparison is run again, in the order to be shown; see
        `triangulate`.
    comparators_way
        How their people are made alike; see `BalanceDesign`.
    calendar, external
        How near in the calendar people must be, and the published rate of design E.
    cohorts
        Cohorts by which the effect is shown: "area", "tier", "wave", "exit wave"; see `compare_by`.
    cohorts_way
        How the people of each are made alike.
    timing
        Which designs of time stand side by side; None for no such comparison.
    sensitivity
        How the comparison is stressed, see `SensitivityDesign`; None for not at all.
    exploratory
        For whom, and by how much support, joining may do more; None where nothing is explored.
    notes
        Paragraphs for the reader of the report: what the pilot is, who it works with.

    Examples
    --------
    >>> EvaluationPlan(title="A pilot").follow_up.months
    12
    """

    title: str = "Evaluation"
    data: str = "."
    mapping: str | None = None
    extract_date: date | None = None
    notes: tuple[str, ...] = ()
    histories: HistoryDesign = field(default_factory=HistoryDesign)
    follow_up: FollowUpDesign = field(default_factory=FollowUpDesign)
    needs: NeedsDesign = field(default_factory=NeedsDesign)
    hazards: HazardDesign = field(default_factory=HazardDesign)
    missing: MissingDesign | None = None
    balance: BalanceDesign = field(default_factory=BalanceDesign)
    until_joining: bool = False
    outcomes: tuple[Measured, ...] = MAIN
    offence_sets: tuple[str, ...] = ()
    target_trial: TargetTrial | None = None
    comparators: tuple[Design, ...] = ()
    comparators_way: SetWay = "inverse"
    calendar: CalendarRules = field(default_factory=CalendarRules)
    external: ExternalRate | None = None
    cohorts: tuple[By, ...] = ()
    cohorts_way: SetWay = "entropy"
    timing: TimingDesign | None = None
    sensitivity: SensitivityDesign | None = None
    exploratory: ExploratoryDesign | None = None
    disclosure: DisclosurePolicy = field(default_factory=DisclosurePolicy)

    def __post_init__(self) -> None:
        check_designs(self.comparators, self.external)
        if not self.outcomes or len(set(self.outcomes)) < len(self.outcomes):
            raise PlanError("`outcomes` names one effect or more, each once.")
        if self.missing is not None and not self.hazards.terms:
            raise PlanError("`missing` fills in terms of `hazards`, which has none.")
        counted = (self.follow_up.offence_set, *self.offence_sets)
        if len(set(counted)) < len(counted):
            raise PlanError("`offence_sets` are others than that of the follow-up, each once.")

    @property
    def main_outcomes(self) -> tuple[Measured, ...]:
        """The outcomes that other designs and cohorts show."""
        return tuple(name for name in self.outcomes if name in MAIN) or self.outcomes

    def trial_table(self) -> pd.DataFrame:
        """Put the target trial beside its emulation: ``item, target_trial, emulation``."""
        return trial_table(self)

    def _repr_html_(self) -> str:
        shown = self.trial_table().rename(columns={"target_trial": "target trial"})
        return html_table(shown, caption=f"{self.title}: the target trial and its emulation")


def load_plan(path: str | Path) -> EvaluationPlan:
    """Read a plan from a TOML file.

    Raises
    ------
    PlanError
        If the file is missing or not TOML, or a setting is unknown or cannot be: every fault in
        one message, by the name of the setting.
    """
    path = Path(path)
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = f"There is no plan at {path}."
    except (OSError, UnicodeDecodeError):
        problem = f"The plan {path} cannot be read as a text file."
    except tomllib.TOMLDecodeError as error:
        problem = f"The plan {path} is not valid TOML: {error}."
    else:
        return _named_beside(path, _checked(settings, path))
    raise PlanError(problem)


def beside(plan: str | Path, named: str) -> str:
    """Read a path from where the plan lies; a database URL is taken as it is."""
    return named if "://" in named else str(Path(plan).parent / named)


def _named_beside(plan: Path, part: Any) -> Any:
    """Let every file that a plan names be read from where the plan lies."""
    if is_dataclass(part) and not isinstance(part, type):
        return replace(
            part, **{one.name: _named_beside(plan, getattr(part, one.name)) for one in fields(part)}
        )
    if isinstance(part, tuple):
        return tuple(_named_beside(plan, one) for one in part)
    named = isinstance(part, str) and part.endswith(".toml")
    return OwnFile(part, plan.parent.absolute()) if named else part


def _checked(settings: dict[str, Any], path: Path) -> EvaluationPlan:
    unknown = list(_unknown(settings, EvaluationPlan))
    faults = [f"`{name}` is not a setting (there are {known})" for name, known in unknown]
    try:
        checked = TypeAdapter(EvaluationPlan).validate_python(settings)
    except ValidationError as error:
        faults += [
            f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg'].lower()}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
    else:
        if not faults:
            return checked
    raise PlanError(f"The plan {path.name} cannot be used: " + "; ".join(faults) + ".")


def _unknown(settings: dict[str, Any], kind: type, within: str = "") -> Iterable[tuple[str, str]]:
    """Find settings that no design has, with the names there are."""
    known, hints = [choice.name for choice in fields(kind)], get_type_hints(kind)
    for name, value in settings.items():
        if name not in known:
            yield within + name, ", ".join(known)
        elif isinstance(value, dict):
            kinds = (hints[name], *get_args(hints[name]))
            for inner in (each for each in kinds if isinstance(each, type) and is_dataclass(each)):
                yield from _unknown(value, inner, f"{within}{name}.")
