"""The chance of being exposed, from what was known before: the propensity score.

Of a plain frame, a row is a person. Of a follow-up, a row is a person on a day on which somebody
joined, among those who could have joined that day (see `riskset`); the days since leaving enter
too: they are the same within a set, so they do not tell its members apart, but they keep the other
terms from standing in for time. No outcome is read.

Four ways to estimate it:

logistic
    Logistic regression by maximum likelihood.
ridge
    The same with a ridge of 1 on standardised columns: finite where a need decides who joins.
boosted
    Gradient-boosted trees (scikit-learn), each person scored by trees that were grown without
    them (five folds, by person), so that nobody's score has learnt their own cohort.
hazard
    Of a follow-up only: the hazard of joining among those at risk of it that day (Cox's partial
    likelihood, a stratum a set).

References
----------
Rosenbaum and Rubin (1983), Biometrika 70(1); McCaffrey, Ridgeway and Morral (2004), Psychological
Methods 9(4), of boosting; Lu (2005), Biometrics 61(3), of the hazard of joining.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
from scipy.linalg import LinAlgWarning
from scipy.special import expit, logit, ndtr, ndtri
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from desistance.balance.covariates import in_standard_units, varying_columns
from desistance.balance.dual import balancing_slopes
from desistance.balance.rows import refuse_repeated, rows_of
from desistance.errors import ModelError, NobodyToMatchError
from desistance.plots import house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, number, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.balance.comparators import Comparator
    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

Method = Literal["logistic", "ridge", "boosted", "hazard"]

RIDGE = 1.0  # of standardised columns
CERTAIN = 15.0  # log odds beyond which a score has run away
FOLDS = 5
ROWS_AT_ONCE = 16_384  # that stay near the processor


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Propensity(Result):
    """The chance of being exposed, for each of n rows.

    Attributes
    ----------
    frame : DataFrame, n rows
        The rows scored, as they came: weights and matches stand on its index.
    columns : DataFrame, shape (n, p)
        The covariates that terms were turned into.
    exposed : bool array, shape (n,)
    log_odds : float64 array, shape (n,)
        Of being exposed; under "hazard" log hazards, which compare only within a set.
    sets : DataFrame or None, n rows
        ``match, person, day`` of each row of a follow-up.
    coefficients : DataFrame
        ``term, estimate, std_error, conf_low, conf_high, statistic, p_value, note``.
    flow : DataFrame
        ``step, n_left_out, n_remaining``: of those exposed.
    """

    method: Method
    terms: tuple[str, ...]
    names: tuple[str, str]
    frame: pd.DataFrame
    columns: pd.DataFrame
    exposed: Bools
    log_odds: Floats
    sets: pd.DataFrame | None
    coefficients: pd.DataFrame
    flow: pd.DataFrame
    caveats: tuple[str, ...]

    @property
    def score(self) -> pd.Series:
        """The chance of being exposed, on the index of the input."""
        return pd.Series(expit(self.log_odds), index=self.frame.index, name="propensity")

    def to_frame(self) -> pd.DataFrame:
        """One row per covariate: log odds ratio of being exposed."""
        return self.coefficients.copy()

    def summary(self) -> str:
        """Say who was scored, how, and how far the cohorts overlap."""
        spread = (
            pd.DataFrame(self.log_odds).groupby(self.exposed)[0].quantile(np.array([0.1, 0.5, 0.9]))
        )
        overlap = spread.unstack().rename(index=dict(enumerate(self.names)))
        overlap.columns = ["10 %", "median", "90 %"]
        return "\n".join(
            [
                f"Chance of being {self.names[1]}, {self.method}: "
                f"{number(int(self.exposed.sum()))} of {number(len(self.exposed))} rows",
                text_table(self.coefficients),
                "",
                "Log odds:",
                text_table(overlap),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw both cohorts' distributions of log odds over each other: the overlap."""
        ax = new_axes(ax)
        bins = np.histogram_bin_edges(self.log_odds, bins=24).tolist()
        with house_style():
            for is_exposed, name in zip((False, True), self.names, strict=True):
                inside = self.log_odds[self.exposed == is_exposed]
                share = np.full(len(inside), 100 / max(len(inside), 1))
                ax.hist(inside, bins, weights=share, alpha=0.55, label=name)
            ax.set(xlabel="Log odds of joining", ylabel="Share of the cohort (%)")
            ax.legend()
        return ax


def estimate_propensity(
    people: pd.DataFrame | FollowUp,
    *,
    terms: Sequence[str],
    exposed: str | None = None,
    method: Method = "logistic",
    names: tuple[str, str] | None = None,
    comparator: Comparator | None = None,
    rng: int = 0,
) -> Propensity:
    """Estimate each person's chance of being exposed.

    Parameters
    ----------
    people
        A frame with a row a person, or a follow-up whose exposure starts later.
    terms
        Columns the chance is modelled on. Of a follow-up: columns of `Histories.known_on` as known
        on the day of joining, columns of `FollowUp.people` fixed on leaving, and "needs" for every
        pathway. What is not known is a state of its own, so nobody is left out.
    exposed
        The column of a frame that says who was exposed (yes/no or 1/0).
    method
        See `desistance.balance.propensity`.
    names
        What the cohorts are called: not exposed, and exposed.
    comparator
        Of a follow-up: who may be compared; everybody at risk on the same day since leaving when
        None. See `desistance.balance.comparators`.
    rng
        Seed of "boosted".

    Raises
    ------
    ModelError
        If a column is missing or infinite, no term differs between people, or only one cohort is
        there.

    Examples
    --------
    >>> frame = pd.DataFrame({"joined": [0, 0, 0, 1, 1, 0], "age": [20, 25, 31, 30, 41, 45]})
    >>> fitted = estimate_propensity(frame, exposed="joined", terms=["age"])
    >>> fitted.score.round(2).tolist()
    [0.16, 0.22, 0.3, 0.29, 0.47, 0.55]
    """
    if method not in get_args(Method):
        raise ModelError(f"`method` is one of {', '.join(get_args(Method))}.")
    if method == "hazard" and isinstance(people, pd.DataFrame):
        raise ModelError('"hazard" needs a follow-up: a frame has no days to join on.')
    rows = rows_of(people, terms, exposed=exposed, comparator=comparator)
    frame, sets, is_exposed = rows.frame, rows.sets, rows.exposed
    refuse_repeated(frame.index)
    time = np.zeros((len(frame), 0))
    if sets is not None:
        day = sets["day"].to_numpy()
        time = np.column_stack([day, np.sqrt(day)])
        time = time[:, np.ptp(time, axis=0) > 0]  # where all join on one day it tells nothing
    names = names or rows.names
    groups = None if sets is None else sets["match"].to_numpy()
    # In the order of labels, so that no bit depends on the order in which the rows came.
    place = label_order(frame.index) if sets is None else np.arange(len(frame))
    in_order = sets is not None or frame.index.is_monotonic_increasing
    columns = varying_columns(frame if in_order else frame.iloc[place], rows.terms)
    log_odds = np.empty(len(frame))
    log_odds[place], coefficients = _fit(
        method, columns, time, is_exposed[place], groups, rows.person, rng
    )
    columns = columns if in_order else columns.reindex(frame.index)
    return Propensity(
        method, tuple(rows.terms), names, frame, columns, is_exposed, log_odds, sets, coefficients,
        rows.flow, _caveats(log_odds, is_exposed, names, columns.shape[1]),
    )  # fmt: skip


def scored(propensity: object) -> Propensity:
    """Refuse what is not a score of people."""
    if not isinstance(propensity, Propensity):
        raise ModelError(
            f"`propensity` is from `estimate_propensity`, not a {type(propensity).__name__}."
        )
    return propensity


def within_sets(propensity: Propensity, chosen: Bools) -> Propensity:
    """Keep some rows of the risk sets, with the chance of joining as it was estimated of all.

    Parameters
    ----------
    propensity
        Of a follow-up.
    chosen : bool array, shape (n,)
        Rows to keep; a set that loses its joiner, or everybody else, is left out whole.

    Raises
    ------
    NobodyToMatchError
        If no set is left.
    """
    if propensity.sets is None:
        raise ModelError("Risk sets are of a follow-up; cut a frame before it is scored.")
    sets, exposed = propensity.sets["match"].to_numpy(), propensity.exposed
    whole = np.intersect1d(sets[chosen & exposed], sets[chosen & ~exposed])
    n = int((chosen & exposed).sum())
    flow = pd.DataFrame(
        [("people of this cohort who joined, and have somebody to be compared with", 0, n),
         ("nobody of this cohort to be compared with", n - len(whole), len(whole))],
        columns=propensity.flow.columns,
    )  # fmt: skip
    if not len(whole):
        raise NobodyToMatchError(f"Nobody of {propensity.names[1]} can be compared.", flow)
    inside = chosen & np.isin(sets, whole)
    columns = propensity.columns[inside].reset_index(drop=True)
    return replace(
        propensity, frame=propensity.frame[inside].reset_index(drop=True),
        columns=columns.loc[:, columns.max() > columns.min()],
        exposed=exposed[inside], log_odds=propensity.log_odds[inside],
        sets=propensity.sets[inside].reset_index(drop=True), flow=flow, caveats=(),
    )  # fmt: skip


def label_order(index: pd.Index) -> NDArray[np.int64]:
    """Give the places of rows in the order of their labels; of mixed kinds, that of their text."""
    try:
        return np.argsort(index.to_numpy(), kind="stable")
    except TypeError:
        return np.argsort(index.astype(str).to_numpy(), kind="stable")


def _fit(
    method: Method,
    columns: pd.DataFrame,
    time: Floats,
    exposed: Bools,
    groups: NDArray[np.int64] | None,
    person: NDArray[np.int64],
    rng: int,
) -> tuple[Floats, pd.DataFrame]:
    """Score every row, and tell the coefficients."""
    numbers = columns.to_numpy(float)
    x = np.column_stack([numbers, time]) if time.shape[1] else numbers
    x, spread = in_standard_units(x)
    p, names = columns.shape[1], [str(name) for name in columns]
    scale = spread[:p]
    if method == "boosted":
        return _boosted(x, exposed, person, rng), _told(
            names, None, None, "boosted trees have none"
        )
    if method == "hazard":
        assert groups is not None
        slopes, information = balancing_slopes(x[:, :p], exposed, groups)
        error = np.sqrt(np.diag(np.linalg.pinv(information)))
        return x[:, :p] @ slopes, _told(names, slopes / scale, error / scale)
    model = LogisticRegression(
        C=1 / RIDGE if method == "ridge" else np.inf, solver="newton-cholesky", tol=1e-12,
        warm_start=True,
    )  # fmt: skip
    slopes, constant = _discriminant(x, exposed)
    if (np.abs(x @ slopes + constant) < CERTAIN).all():  # none of them ran away
        model.coef_, model.intercept_ = slopes[None], np.array([constant])
    with catch_warnings():  # of a term balanced already, or that tells all, which is said elsewhere
        simplefilter("ignore", ConvergenceWarning)
        simplefilter("ignore", LinAlgWarning)
        log_odds = model.fit(x, exposed).decision_function(x)
    estimate = model.coef_[0, :p] / scale
    if method == "ridge":
        return log_odds, _told(names, estimate, None, "a ridge has no standard error")
    information = np.zeros((x.shape[1] + 1,) * 2)  # the constant is last
    for begin in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(begin, begin + ROWS_AT_ONCE)
        chance = expit(log_odds[rows])
        weight = chance * (1 - chance)
        weighted = x[rows].T * weight
        information[:-1, :-1] += weighted @ x[rows]
        information[-1, :-1] += weighted.sum(axis=1)
        information[-1, -1] += weight.sum()
    information[:-1, -1] = information[-1, :-1]
    covariance = np.linalg.pinv(information)
    return log_odds, _told(names, estimate, np.sqrt(np.diag(covariance))[:p] / scale)


def _discriminant(x: Floats, exposed: Bools) -> tuple[Floats, float]:
    """Fisher's discriminant of centred columns (n, p): log odds near those of a regression."""
    share, total = exposed.mean(), exposed @ x
    slopes = np.linalg.pinv(x.T @ x, hermitian=True) @ total
    squares = share * (1 - share) * len(x)
    slopes *= len(x) / max(squares - slopes @ total, 1e-9 * squares)  # of which these are left
    middle = (total / exposed.sum() - total / (~exposed).sum()) / 2
    return slopes, float(logit(share) - middle @ slopes)


def _boosted(x: Floats, exposed: Bools, person: NDArray[np.int64], rng: int) -> Floats:
    """Score each row by trees grown without its person."""
    chance = np.empty(len(x))
    order = np.random.default_rng(rng).permutation(person.max() + 1)
    folds = min(FOLDS, int(exposed.sum()), int((~exposed).sum()))
    if folds < 2:
        raise ModelError('"boosted" needs two people at least in each cohort.')
    for grown, scored in GroupKFold(folds).split(x, groups=order[person]):
        trees = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=100, max_leaf_nodes=8, random_state=rng
        )
        chance[scored] = trees.fit(x[grown], exposed[grown]).predict_proba(x[scored])[:, 1]
    return logit(np.clip(chance, 1e-6, 1 - 1e-6))


def _told(
    names: list[str], estimate: Floats | None, error: Floats | None, why: str = ""
) -> pd.DataFrame:
    blank = np.full(len(names), np.nan)
    estimate = blank if estimate is None else estimate
    error = blank if error is None else error
    half = ndtri(0.975) * error
    statistic = np.divide(estimate, error, out=blank.copy(), where=error > 0)
    return pd.DataFrame(
        {
            "term": names,
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            "statistic": statistic,
            "p_value": 2 * ndtr(-np.abs(statistic)),
            "note": f"{NOT_ESTIMABLE}: {why}" if why else "",
        }
    )


def _caveats(
    log_odds: Floats, exposed: Bools, names: tuple[str, str], n_columns: int
) -> tuple[str, ...]:
    said: list[str] = []
    if (np.abs(log_odds) > CERTAIN).any():
        said.append(
            "Some people are certain to be in one cohort by these terms, so nobody is like them "
            'in the other; leave a term out, or use method="ridge".'
        )
    other = log_odds[~exposed]
    beyond = int(((log_odds[exposed] < other.min()) | (log_odds[exposed] > other.max())).sum())
    if beyond:
        said.append(
            Caveat(
                f"{{beyond}} of {{n}} {names[1]} rows have a chance outside that of every "
                f"{names[0]} row.",
                beyond=beyond, n=int(exposed.sum()),
            )
        )  # fmt: skip
    few = int(min(exposed.sum(), (~exposed).sum()))
    if few < 10 * n_columns:
        said.append(
            f"Fewer than ten people in the smaller cohort for each of {n_columns} columns: the "
            "score may fit chance; use fewer terms or a ridge."
        )
    return tuple(said)
