"""Every estimator that takes rows of people at risk, by name, on frames of one make.

Bad input (tests/faults) and relations (tests/properties) are tried on each of them. A new
estimator is one line of `ESTIMATORS`: its name, how it is run, and what it reads and minds.

A frame has the columns ``pid, day, event, arm, age, area, kind``, and ``start``, ``weight``,
``person`` or ``strata`` where they are meant to be used.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from desistance import survival as s
from desistance.survival.frequency import fit_frequency
from desistance.survival.residuals import Kind
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from desistance.results import Result

TERMS = ("arm", "age")
CAUSE = "violence"
VALUES = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")
COUNTS = ("n", "n_at_risk", "n_events")
KEYS = ("outcome", "group", "cause", "term", "day")


@dataclass(frozen=True)
class Estimator:
    """One estimator, run on rows and terms; and what is true of it.

    ``terms``     reads covariates (the others: groups by `arm`, or the score `age`)
    ``groups``    reads groups by `arm`
    ``score``     ranks people by a score
    ``causes``    needs the kind of each event
    ``repeated``  counts every event of a person
    ``weights``   takes weights
    ``strata``    takes strata
    ``ranks``     minds only the order of days
    ``units``     minds the units of covariates
    ``tests``     is a test; ``hazards`` gives hazard ratios; ``curves`` a curve by day
    ``drawn``     has errors, or limits, from people drawn at random
    ``counts``    counts terms, whether or not they can be told apart
    ``slow``      takes long: tried in full by ``make studies`` only
    """

    name: str
    family: str
    run: Callable[[TimeToEvent, tuple[str, ...]], Result]
    traits: frozenset[str]

    def times(self, frame: pd.DataFrame, **more: str) -> TimeToEvent:
        """Read a frame for this estimator."""
        roles = {name: name for name in ("start", "person", "weight", "strata") if name in frame}
        if "causes" in self.traits:
            roles["cause"] = "kind"
        if "drawn" in self.traits:  # so that the order of rows is no matter
            roles = {"person": "pid", **roles}
        if "repeated" in self.traits:
            roles = {"person": "pid", **roles, "recurrent": True}
        return TimeToEvent.from_frame(frame, stop="day", event="event", **(roles | more))

    def __call__(self, frame: pd.DataFrame, terms: tuple[str, ...] = TERMS) -> Result:
        """Run on a frame."""
        return self.run(self.times(frame), terms)


def numbers(result: Result) -> pd.DataFrame:
    """Give the tidy numbers of a result, on the log scale where it has one, and its tests."""
    log = "log" in inspect.signature(result.to_frame).parameters
    frames = [result.to_frame(log=True) if log else result.to_frame()]
    if isinstance(result, s.CoxFit):
        frames.append(result.tests())
    frame = pd.concat(frames, ignore_index=True)
    note = frame.note if "note" in frame else pd.Series("", index=frame.index)
    return frame.assign(note=note.fillna("").astype(str))


def predictions(result: Result, frame: pd.DataFrame) -> pd.DataFrame:
    """Ask for everything that a fit foretells, of somebody like those in the frame."""
    profile = {str(name): next(iter(frame[name].dropna()), 0) for name in frame.columns.unique()}
    found = [pd.DataFrame({"estimate": [], "note": []})]
    for name in ("survival_at", "incidence_at", "hazard_at"):
        if hasattr(result, name):
            found.append(getattr(result, name)(profile, [0, 5, 60, 5_000]))
    if hasattr(result, "rate_at"):
        found.append(result.rate_at(profile))
    return pd.concat(found, ignore_index=True)


def _restricted(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    try:
        last = pd.Series(times.stop).groupby(times.columns[terms[0]].to_numpy()).max().min()
    except ValueError:  # there are two such columns
        last = 90
    return s.restricted_mean(times, terms[0], horizon=90 if np.isnan(last) else int(last))


def _checked(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    return s.check_proportional_hazards(s.fit_cox(times, terms), times)


def _time_varying(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    varies = "arm" if "arm" in terms else terms[0]
    return s.fit_cox(times, list(terms), time_varying={varies: s.Steps([60])})


def _calibrated(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    return s.calibration(s.fit_cox(times, list(terms)), times, day=30, groups=3)


def _bootstrapped(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    return s.bootstrap(partial(s.fit_cox, terms=list(terms)), times, rng=1, replicates=60)


def _by(estimate: Callable[..., Result], **options: object) -> Callable[..., Result]:
    return lambda times, terms: estimate(times, terms[0], **options)


def _fit(estimate: Callable[..., Result], **options: object) -> Callable[..., Result]:
    return lambda times, terms: estimate(times, list(terms), **options)


def _convergence(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    return s.hazard_convergence(
        times, by=terms[0], reference=0.004, hold=10, bandwidth=20, replicates=100, rng=1
    )


def _score(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    return s.concordance(times, terms[-1])


def _fit_ranks(times: TimeToEvent, terms: tuple[str, ...]) -> Result:
    return s.concordance(times, s.fit_cox(times, terms))


@dataclass(frozen=True)
class Residuals:
    """Every kind of residual of a fit, as few numbers; what is odd is said by the fit.

    Of a term: how far those who reoffend move it, and its standard error by persons; and how many
    more of them reoffended than were expected.
    """

    fitted: s.CoxFit
    times: TimeToEvent

    @property
    def caveats(self) -> tuple[str, ...]:
        return self.fitted.caveats

    def summary(self) -> str:
        return self.fitted.summary()

    def to_frame(self) -> pd.DataFrame:
        found = {kind: s.cox_residuals(self.fitted, self.times, kind) for kind in get_args(Kind)}
        person = self.times.person
        again = pd.Series(self.times.event).groupby(person).any()
        moves = found["dfbeta"].drop(columns="day").groupby(person[found["dfbeta"].index]).sum()
        surplus = found["martingale"].groupby(person[found["martingale"].index]).sum()
        notes = pd.DataFrame({"term": self.fitted.terms, "note": self.fitted.notes})
        terms = pd.DataFrame({"estimate": moves[again[moves.index]].sum(),
                              "std_error": np.sqrt((moves**2).sum())})  # fmt: skip
        rest = surplus[again[surplus.index]].sum().rename("estimate").rename_axis("term")
        return pd.concat([notes.join(terms, on="term"), rest.reset_index()], ignore_index=True)


def _residuals(times: TimeToEvent, terms: tuple[str, ...]) -> Residuals:
    return Residuals(s.fit_cox(times, list(terms)), times)


HAZARDS = "terms hazards ranks strata"
CURVE = "groups curves weights ranks"
GROUPS = "groups ranks strata tests"
OF_TIME = "terms weights"

ESTIMATORS = tuple(
    Estimator(name, family, run, frozenset(traits.split()))
    for name, family, run, traits in (
        ("fit_cox", "Cox", _fit(s.fit_cox), f"{HAZARDS} weights"),
        ("fit_cox breslow", "Cox", _fit(s.fit_cox, ties="breslow"), f"{HAZARDS} weights"),
        ("fit_cox robust", "Cox", _fit(s.fit_cox, variance="cluster"), f"{HAZARDS} weights"),
        ("fit_cox exact", "exact", _fit(s.fit_cox, ties="exact"), f"{HAZARDS} slow"),
        ("fit_cox firth", "Firth", _fit(s.fit_cox, penalty="firth"), f"{HAZARDS} slow"),
        ("fit_cox ridge", "ridge", _fit(s.fit_cox, penalty=s.Ridge(2.0)),
         f"{HAZARDS} weights units"),
        ("fit_cox time-varying", "Cox", _time_varying, "terms hazards strata weights"),
        ("fit_cox frailty", "frailty", _fit(s.fit_cox, frailty="area"),
         "terms hazards ranks strata"),
        ("fit_cause_specific", "cause", _fit(s.fit_cause_specific), f"{HAZARDS} weights causes"),
        ("calibration", "calibration", _calibrated, "terms"),
        ("check_proportional_hazards", "PH", _checked, "terms ranks weights strata tests"),
        ("cox_residuals", "residuals", _residuals, f"{HAZARDS} weights"),
        ("concordance", "C", _score, "score ranks weights strata"),
        ("concordance of a fit", "C", _fit_ranks, "terms ranks weights strata"),
        ("kaplan_meier", "KM", _by(s.kaplan_meier), CURVE),
        ("nelson_aalen", "NA", _by(s.nelson_aalen), CURVE),
        ("restricted_mean", "RMST", _restricted, "groups weights"),
        ("log_rank", "LR", _by(s.log_rank), f"{GROUPS} weights"),
        ("log_rank peto", "LR", _by(s.log_rank, rho=1.0), f"{GROUPS} weights"),
        ("cumulative_incidence", "CIF", _by(s.cumulative_incidence), f"{CURVE} causes"),
        ("gray_test", "Gray", _by(s.gray_test), f"{GROUPS} causes"),
        ("fit_fine_gray", "FG", _fit(s.fit_fine_gray, cause=CAUSE),
         "terms hazards weights ranks causes"),
        ("mean_cumulative_function", "MCF", _by(s.mean_cumulative_function), f"{CURVE} repeated"),
        *(
            (f"fit_recurrent {model}", "AG, PWP, WLW", _fit(s.fit_recurrent, model=model),
             f"{HAZARDS} weights repeated")
            for model in ("andersen-gill", "pwp-total", "pwp-gap", "wlw")
        ),
        *(
            (f"fit_parametric {shape}", "AFT", _fit(s.fit_parametric, distribution=shape), OF_TIME)
            for shape in ("exponential", "weibull", "log-normal", "log-logistic")
        ),
        ("fit_parametric generalised-gamma", "AFT",
         _fit(s.fit_parametric, distribution="generalised-gamma"), f"{OF_TIME} slow"),
        ("fit_flexible_parametric", "spline", _fit(s.fit_flexible_parametric), OF_TIME),
        ("fit_split_population", "split", _fit(s.fit_split_population), OF_TIME),
        ("fit_split_population cox", "split", _fit(s.fit_split_population, latency="cox"),
         f"{OF_TIME} ranks"),
        ("fit_frequency", "frequency", _fit(fit_frequency), "terms hazards repeated"),
        ("smoothed_hazard", "hazard", _by(s.smoothed_hazard, bandwidth=20), "groups weights"),
        ("hazard_convergence", "convergence", _convergence, "groups weights drawn"),
        ("bootstrap", "bootstrap", _bootstrapped, "terms weights drawn"),
        ("events_per_parameter", "EPP", _fit(s.events_per_parameter), "terms counts"),
    )
)  # fmt: skip
FAMILIES = tuple(dict.fromkeys(one.family for one in ESTIMATORS))
BY_NAME = {one.name: one for one in ESTIMATORS}
