"""Fine and Gray's model: which people have a higher share for whom a cause comes first.

Cox's model of a hazard says how fast people at risk have the cause; that share also depends on how
fast competing events take people away. Fine and Gray model it directly: Breslow's partial
likelihood over the risk sets of `subdistribution`, in which those who had a competing event stay
with falling weight (`watching`). A ratio above 1 means a higher share on every day; its size is no
ratio of risks, and no cause of anything.

The variance is the sandwich over people, or over clusters, of score residuals and of what each
person's censoring (and late entry) moves the weights by: that of cmprsk's ``crr``. The inverse
information alone, or a sandwich that takes the weights for known, would not count the latter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csc_array

from desistance.results import Result, number, text_table
from desistance.survival.baseline import BaselineHazard, baseline_hazard, last_days
from desistance.survival.competing.causes import cause_code, causes_of, first_events
from desistance.survival.competing.subdistribution import subdistribution_sets
from desistance.survival.competing.watching import influence_of_watching, numbered, watch
from desistance.survival.covariates import covariates
from desistance.survival.cox.variance import blanked, unscaled
from desistance.survival.hazardratios import forest, hazard_ratios
from desistance.survival.newton import maximise
from desistance.survival.partial_likelihood import clustered_score, partial_likelihood
from desistance.survival.reasons import caveats_of, refuse_few_clusters, why_not_estimable
from desistance.survival.terms import Term, labelled, read_terms, without_empty
from desistance.timetoevent import days_asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.competing.subdistribution import SubdistributionSets
    from desistance.survival.competing.watching import Watch
    from desistance.survival.newton import Maximum
    from desistance.survival.partial_likelihood import PartialLikelihood
    from desistance.timetoevent import Days, HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FineGrayFit(Result):
    """A fitted model of the share of one cause: p covariates, named by `terms`.

    Attributes
    ----------
    terms : the covariates' names, p of them
    log_hazards : float64 array, shape (p,)
        Log subdistribution hazard ratios; NaN where `notes` say why there is none.
    covariance : float64 array, shape (p, p)
        Of the log hazards: the sandwich, the estimated weights counted.
    model_covariance : float64 array, shape (p, p)
        The inverse information.
    log_likelihood, log_likelihood_null
        Pseudo-likelihoods at the fit, and with no covariate: not for likelihood-ratio tests.
    n_events, n_competing
        Events of the cause, and of others.
    strata : the columns whose groups are watched alike
    baselines : the columns whose groups have each a baseline of their own
    late_entry : whether anyone came in after day 0
    baseline : BaselineHazard
        Of the subdistribution.
    """

    cause: str
    terms: tuple[str, ...]
    log_hazards: Floats
    covariance: Floats
    model_covariance: Floats
    notes: tuple[str, ...]
    clusters: str
    strata: tuple[str, ...]
    baselines: tuple[str, ...]
    weighted: bool
    late_entry: bool
    log_likelihood: float
    log_likelihood_null: float
    n: int
    n_people: int
    n_events: int
    n_competing: int
    n_left_out: int
    caveats: tuple[str, ...]
    baseline: BaselineHazard
    read_as: tuple[Term, ...]
    iterations: int

    @property
    def coefficients(self) -> dict[str, float]:
        """Log subdistribution hazard ratio by term."""
        return dict(zip(self.terms, map(float, self.log_hazards), strict=True))

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Subdistribution hazard ratios with 95 % intervals; their logarithms with `log`.

        `std_error`, `statistic` and `p_value` are of the logarithm in both.
        """
        return hazard_ratios(self.terms, self.log_hazards, self.covariance, self.notes, log=log)

    def incidence_at(self, profile: Mapping[str, object], days: Days) -> pd.DataFrame:
        """Predict the share for whom the cause comes first, for one profile.

        Parameters
        ----------
        profile
            A value for every column the terms were read from.
        days
            In the fit's unit; NaN beyond the last follow-up of the baseline's group.

        Returns
        -------
        DataFrame
            group (of the baseline), cause, day, estimate, note; without a standard error, as
            cmprsk's predict.crr.
        """
        x = np.array([value for term in self.read_as for value in term.of(profile)])
        found = self.baseline.survival(x, days_asked(days))
        return pd.DataFrame(
            {
                "group": found.group,
                "cause": self.cause,
                "day": found.day,
                "estimate": 1 - found.estimate,
                "note": found.note,
            }
        )

    def summary(self) -> str:
        """Say who was fitted, by which definitions, and what was found."""
        watched = f"within {', '.join(self.strata)}" if self.strata else "of all together"
        lines = [
            f"Fine–Gray model of {self.cause}: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n_competing)} competing events, "
            f"{number(self.n)} rows",
            f"Breslow ties, robust variance clustered by {self.clusters}"
            + (", weighted" if self.weighted else ""),
            f"Censoring{' and entry' if self.late_entry else ''} {watched}"
            + (f"; a baseline for each of {', '.join(self.baselines)}" if self.baselines else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            "Subdistribution hazard ratios with 95 % intervals (std_error is of the logarithm):",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of subdistribution hazard ratios on a log axis."""
        return forest(self.to_frame(), ax=ax, label=f"Subdistribution hazard ratio, {self.cause}")


def fit_fine_gray(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str | Term],
    *,
    cause: str,
    strata: str | Sequence[str] | None = None,
    baselines: str | Sequence[str] | None = None,
    cluster: str | None = None,
) -> FineGrayFit:
    """Fit Fine and Gray's model of the share for whom one cause comes first.

    Parameters
    ----------
    times
        Rows of people at risk whose events have causes; one stretch of days a person, late
        entries among them. Weights are used, and in the probability of being watched too.
    terms
        Columns to enter, as in `fit_cox`. A column that changes within a person stays, after a
        competing event, what it was then.
    cause
        The cause whose share is modelled; every other is a competing event.
    strata
        A column, or several, within whose groups people are watched alike: the censoring (and
        entry) that the weights come from is estimated for each.
    baselines
        A column, or several, whose groups have each their own baseline; the rows' own strata
        when left out, and one baseline for all if they have none. Name few large groups here and
        in `strata` too if censoring differs between them; of many small ones, here alone.
    cluster
        A column of groups for the variance; the person when left out.

    Raises
    ------
    ModelError
        If the rows name no such cause, go on after an event or leave gaps; if a name is not a
        column, or a column cannot be a term. Data that say too little are no error: the term's
        `note` says why it is not estimable.

    References
    ----------
    Fine and Gray (1999), J. Am. Stat. Assoc. 94, 496-509; Geskus (2011), Biometrics 67, 39-49;
    Zhou, Latouche, Rocha and Fine (2011), Biometrics 67, 661-670; R cmprsk, `crr`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "day": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "over": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "what": ["reoffence", "custody", None, "reoffence", "custody", None, "reoffence",
    ...              "reoffence", None, "custody"],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="over", cause="what")
    >>> fit = fit_fine_gray(times, ["priors"], cause="reoffence")
    >>> round(fit.coefficients["priors"], 4)
    1.4928
    """
    came = first_events(times)
    code = cause_code(came, cause)
    by = [strata] if isinstance(strata, str) else list(strata or ())
    apart = [baselines] if isinstance(baselines, str) else list(baselines or ())
    kept = came
    for name in [*by, *apart, *([cluster] if cluster else [])]:
        kept = without_empty(kept, name)
    kept, read_as = read_terms(kept, terms)
    group = labelled(kept, by)[1] if by else np.zeros(kept.n, np.int64)
    clusters = labelled(kept, cluster)[1] if cluster else kept.person
    stratum, labels = (
        labelled(kept, apart)[1:] if apart else (kept.strata, kept.strata_labels or ("all",))
    )
    counted, moments = numbered(kept)
    watched = watch(counted, group, code)
    sets = subdistribution_sets(counted, code, watched, stratum)
    problem = partial_likelihood(sets, covariates(kept, read_as, sets), "breslow")
    refuse_few_clusters(cluster, int(clusters.max(initial=-1)) + 1, problem.p)
    top = maximise(problem)
    notes = why_not_estimable(problem, top)
    slopes = top.beta / problem.covariates.scale
    slopes[list(top.aliased)] = 0.0
    slopes[top.runaway | top.unsettled] = np.nan
    blank = np.array([bool(note) for note in notes], dtype=bool)
    covariance = _sandwich(problem, sets, top, watched, stratum, clusters)
    of_cause = replace(kept, event=sets.event)
    baseline = baseline_hazard(
        problem,
        top.point,
        groups=labels,
        last_day=last_days(kept.stop, stratum, len(labels)),
        slopes=slopes,
        covariance=covariance,
    )
    if moments is not None:
        baseline = replace(baseline, day=moments[baseline.day])
    n_events = int(sets.event.sum())
    return FineGrayFit(
        cause=cause,
        terms=problem.covariates.names,
        log_hazards=np.where(blank, np.nan, slopes),
        covariance=blanked(covariance, blank),
        model_covariance=blanked(unscaled(top.covariance, problem), blank),
        notes=notes,
        clusters=cluster or "person",
        strata=tuple(by),
        baselines=tuple(apart) or (("the rows' strata",) if stratum is not None else ()),
        weighted=kept.weight is not None,
        late_entry=watched.late_entry,
        log_likelihood=top.point.log_likelihood,
        log_likelihood_null=top.null.log_likelihood,
        n=kept.n,
        n_people=kept.n_people,
        n_events=n_events,
        n_competing=int(np.count_nonzero(causes_of(kept))) - n_events,
        n_left_out=came.n - kept.n,
        caveats=caveats_of(came, of_cause, notes, "cluster", clusters),
        baseline=baseline,
        read_as=read_as,
        iterations=top.iterations,
    )


def _sandwich(
    problem: PartialLikelihood,
    sets: SubdistributionSets,
    top: Maximum,
    watched: Watch,
    stratum: Ints | None,
    cluster: Ints,
) -> Floats:
    """Add up the squares of what each cluster of rows moves the coefficients by."""
    total = clustered_score(problem, top.point, cluster)
    moved = influence_of_watching(problem, sets, top.point, watched, stratum)
    moved /= problem.covariates.scale
    members = csc_array(
        (np.ones(len(cluster)), cluster, np.arange(len(cluster) + 1)),
        shape=(len(total), len(cluster)),
    )
    total += members @ moved
    return unscaled(top.covariance @ (total.T @ total) @ top.covariance, problem)
