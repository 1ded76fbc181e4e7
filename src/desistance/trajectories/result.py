"""What fitted trajectories show; what their numbers mean is said in `fit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit, log_expit, logit

from desistance.plots import LINE_STYLES, MARKERS, PALETTE, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.trajectories.model import SAME_TOP, Model, Top, mean_rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Z95 = 1.959963984540054
LEAST_POSTERIOR, LEAST_ODDS, LEAST_SHARE = 0.70, 5.0, 0.05
NUMBERS = ["std_error", "conf_low", "conf_high", "statistic", "p_value"]
NAMES = {
    "zip": "zero-inflated Poisson",
    "poisson": "Poisson",
    "negative-binomial": "negative binomial",
    "logit": "logit (any offence)",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trajectories(Result):
    """Fitted trajectory groups.

    Groups are named 1, 2, ... in the order of `model.order`. They are summaries of curves, not
    kinds of people; whoever uses `memberships` uses its probabilities.

    Attributes
    ----------
    model : Model
        The panel and the choices.
    top : Top
        Coefficients, covariance and posterior; it holds personal data.
    seed
        None when a generator was given.
    """

    model: Model
    top: Top
    seed: int | None
    caveats: tuple[str, ...]

    @property
    def n_groups(self) -> int:
        """How many groups were fitted."""
        return self.top.mixture.n_groups

    @property
    def n_people(self) -> int:
        """People fitted."""
        return len(self.model.panel.first)

    @property
    def n_periods(self) -> int:
        """Rows fitted."""
        return len(self.model.panel.count)

    @property
    def n_parameters(self) -> int:
        """Of all curves and the membership."""
        return self.top.mixture.n_parameters

    @property
    def log_likelihood(self) -> float:
        """With every constant, so that families can be compared."""
        return self.top.log_likelihood

    @property
    def aic(self) -> float:
        """-2 log-likelihood + 2 parameters: smaller is better."""
        return 2 * self.n_parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """-2 log-likelihood + parameters x log people: smaller is better."""
        return float(self.n_parameters * np.log(self.n_people) - 2 * self.log_likelihood)

    @property
    def bic_by_period(self) -> float:
        """The same with the number of rows in place of people, as crimCV gives it."""
        return float(self.n_parameters * np.log(self.n_periods) - 2 * self.log_likelihood)

    @property
    def entropy(self) -> float:
        """1 when everybody's group is certain, 0 when nothing is known; NaN with one group."""
        if self.n_groups == 1:
            return np.nan
        p, weight = self.top.posterior, self.top.mixture.weight
        each = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        return float(1 - (each @ weight) / (weight.sum() * np.log(self.n_groups)))

    @property
    def starts_at_best(self) -> int:
        """How many starts came to the best top."""
        return int((self.top.tops > self.top.tops.max() - SAME_TOP).sum())

    def to_frame(self) -> pd.DataFrame:
        """Coefficients with 95 % intervals, a row for each group and term.

        Terms of the curve are of log offences per unit of exposure (with "logit" of log odds),
        those of membership of log odds of the group against group 1.
        """
        model, top, g = self.model, self.top, self.n_groups
        own = [*model.basis.names, *model.second_names]
        of_members = [f"membership: {name}" for name in model.panel.member_names]
        estimate = np.concatenate(
            [np.hstack([top.curve, top.second]).ravel(), top.membership[1:].ravel()]
        )
        error = np.sqrt(np.maximum(np.diag(top.covariance), 0))
        group = np.concatenate(
            [np.repeat(np.arange(g), len(own)), np.repeat(np.arange(1, g), len(of_members))]
        )
        frame = pd.DataFrame(
            {
                "group": [str(k + 1) for k in group],
                "term": [*(own * g), *(of_members * (g - 1))],
                "estimate": estimate,
                "std_error": error,
                "conf_low": estimate - Z95 * error,
                "conf_high": estimate + Z95 * error,
            }
        )
        frame["note"] = np.where(top.unknown, f"{NOT_ESTIMABLE}: the likelihood is flat in it", "")
        thin = np.array([bool(why) for why in self._why_thin()])[group]
        frame.loc[thin, "note"] = f"{NOT_ESTIMABLE}: fewer people than parameters"
        frame.loc[frame["note"] != "", NUMBERS[:3]] = np.nan
        return frame

    def groups(self) -> pd.DataFrame:
        """How large and how well told apart the groups are, a row each.

        Returns
        -------
        DataFrame
            group; n (people whose most likely group it is); estimate, std_error, conf_low,
            conf_high (share of people, 95 % on the logit scale); average_posterior (of those n, the
            mean chance of this group); odds_of_correct (classification: those odds by the odds of
            its share); mean_rate (per unit of exposure, over all the rows); note.
        """
        top, weight = self.top, self.top.mixture.weight
        posterior, assigned = top.posterior, self._assigned()
        share, error = self._shares()
        half = Z95 * error / (share * (1 - share)) if self.n_groups > 1 else np.zeros(1)
        with np.errstate(divide="ignore", invalid="ignore"):  # nobody, or everybody for certain
            average = np.array(
                [
                    (posterior[:, g] * weight)[assigned == g].sum() / weight[assigned == g].sum()
                    for g in range(self.n_groups)
                ]
            )
            odds = (average / (1 - average)) / (share / (1 - share))
        frame = pd.DataFrame(
            {
                "group": [str(g + 1) for g in range(self.n_groups)],
                "n": np.bincount(assigned, minlength=self.n_groups),
                "estimate": share,
                "std_error": error,
                "conf_low": expit(logit(share) - half),
                "conf_high": expit(logit(share) + half),
                "average_posterior": average,
                "odds_of_correct": odds if self.n_groups > 1 else np.nan,
                "mean_rate": mean_rates(top.mixture, top.point.params[0]),
            }
        )
        faults = (
            (frame["average_posterior"] < LEAST_POSTERIOR, "average posterior below 0.70"),
            (frame["odds_of_correct"] < LEAST_ODDS, "odds of correct classification below 5"),
            (frame["estimate"] < LEAST_SHARE, "share below 5 in 100"),
        )
        weak = [
            "; ".join(filter(None, [thin, *(what for wrong, what in faults if wrong.iloc[g])]))
            for g, thin in enumerate(self._why_thin())
        ]
        return frame.assign(note=weak)

    def memberships(self) -> pd.DataFrame:
        """Chances of each person being in each group: personal data, not for release.

        A most likely group is not known: carry the chances into whatever uses them.

        Returns
        -------
        DataFrame, shape (people, 2 + groups)
            The person, ``group`` (the most likely), and ``p_1``, ``p_2``, ...
        """
        frame = pd.DataFrame(
            self.top.posterior, columns=[f"p_{g + 1}" for g in range(self.n_groups)]
        )
        frame.insert(0, "group", [str(g + 1) for g in self._assigned()])
        frame.insert(0, "person_id", self.model.panel.person_ids)
        return frame

    def curve(self, times: Sequence[float] | Floats | None = None) -> pd.DataFrame:
        """Expected offences per unit of exposure by group and time, with 95 % limits.

        Parameters
        ----------
        times
            Those of the panel if left out. Outside them a polynomial soon means nothing.

        Returns
        -------
        DataFrame
            group, time, estimate (with "logit" the chance of any offence in one unit), std_error,
            conf_low, conf_high (on the log or logit scale), note.
        """
        at = np.unique(self.model.panel.time) if times is None else np.asarray(times, float)
        frames = [self._curve_of(g, at) for g in range(self.n_groups)]
        return pd.concat(frames, ignore_index=True)

    def _curve_of(self, g: int, at: Floats) -> pd.DataFrame:
        """One group's curve by the delta method, on the scale of its log or logit."""
        model, top, own = self.model, self.top, self.top.mixture.per_group
        x, beta = model.basis.matrix(at), top.curve[g]
        value, moves = x @ beta, x
        if model.family == "zip":
            w = x[:, :0] if model.inflation_basis is None else model.inflation_basis.matrix(at)
            second = -top.second[g] * value if model.tau else w @ top.second[g]
            p = expit(second)[:, None]
            by_curve = x * (1 + p * top.second[g]) if model.tau else x
            by_second = p * value[:, None] if model.tau else -p * w
            moves = np.hstack([by_curve, by_second])
            value = value + log_expit(-second)
        where = slice(g * own, g * own + moves.shape[1])
        covariance = top.covariance[where, where]
        error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", moves, covariance, moves), 0))
        back = expit if model.family == "logit" else np.exp
        estimate = back(value)
        slope = estimate * (1 - estimate) if model.family == "logit" else estimate
        frame = pd.DataFrame(
            {
                "group": str(g + 1),
                "time": at,
                "estimate": estimate,
                "std_error": slope * error,
                "conf_low": back(value - Z95 * error),
                "conf_high": back(value + Z95 * error),
                "note": "",
            }
        )
        why = self._why_thin()[g]
        if not why and top.unknown[where][: x.shape[1]].any():
            why = f"{NOT_ESTIMABLE}: the likelihood is flat in a term"
        if why:
            frame[NUMBERS[:3]] = np.nan
            frame["note"] = why
        return frame

    def observed(self) -> pd.DataFrame:
        """Observed offences per unit of exposure by group and time, people shared out by chance."""
        mixture, panel = self.top.mixture, self.model.panel
        moments, when = np.unique(panel.time, return_inverse=True)
        rows = []
        for g in range(self.n_groups):
            chance = (self.top.posterior[:, g] * mixture.weight)[mixture.person]
            y = panel.count
            exposed = np.bincount(when, chance * panel.exposure)
            if self.model.family == "logit":
                y, exposed = (panel.count > 0).astype(float), np.bincount(when, chance)
            with np.errstate(divide="ignore", invalid="ignore"):
                rate = np.bincount(when, chance * y) / exposed
            rows.append(pd.DataFrame({"group": str(g + 1), "time": moments, "estimate": rate}))
        return pd.concat(rows, ignore_index=True)

    def summary(self) -> str:
        """Say what was fitted, to whom, by which definitions, and how well groups differ."""
        model, basis = self.model, self.model.basis
        groups = self.groups()
        per = f"per unit of `{model.exposure}`" if model.exposure else "per period"
        bent = f", knots at {', '.join(f'{k:g}' for k in basis.knots)}" if basis.knots else ""
        inflation = ""
        if model.family == "zip":
            inflated = model.inflation_basis
            inflation = (
                f"; inflation by {'tau' if inflated is None else f'degree {inflated.degree}'}"
            )
        seed = "of a generator" if self.seed is None else f"seed {self.seed}"
        lines = [
            f"Trajectories: {self.n_groups} groups, {NAMES[model.family]}; "
            f"{number(self.n_people)} people, {number(self.n_periods)} periods, "
            f"{number(int(model.panel.count.sum()))} offences",
            f"Curves {per}, of degree {basis.degree} in z = ({model.time} - {basis.centre:g}) / "
            f"{basis.unit:g}{bent}{inflation}",
            f"Log-likelihood {self.log_likelihood:.4f}, {self.n_parameters} parameters; BIC "
            f"{self.bic:.2f} (by people; by periods {self.bic_by_period:.2f}; smaller is better)",
            f"{self.starts_at_best} of {len(self.top.tops)} starts reached the best top ({seed}); "
            f"standard errors: {model.variance}{', weighted' if model.weighted else ''}",
            f"Groups in order of {model.order}"
            + ("" if self.n_groups == 1 else f"; entropy {self.entropy:.3f}"),
            "",
            "Share of people in each group, and how well it is told from the others:",
            text_table(groups[["group", "n", *groups.columns[2:]]]),
            "",
            "Groups are summaries of curves, not kinds of people: carry the chances of membership "
            "into whatever uses them.",
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the curves with 95 % bands, over what was observed (people shared out by chance)."""
        ax = new_axes(ax)
        moments = self.model.panel.time
        line = self.curve(np.linspace(moments.min(), moments.max(), 101))
        points, shares = self.observed(), self._shares()[0]
        with house_style():
            for g in range(self.n_groups):
                name, look = str(g + 1), g % len(PALETTE)
                mine, seen = line[line["group"] == name], points[points["group"] == name]
                ax.plot(
                    mine["time"], mine["estimate"], color=PALETTE[look],
                    linestyle=LINE_STYLES[look], label=f"Group {name} ({shares[g]:.0%})",
                )  # fmt: skip
                ax.fill_between(
                    mine["time"], mine["conf_low"], mine["conf_high"], color=PALETTE[look],
                    alpha=0.2,
                )  # fmt: skip
                ax.plot(
                    seen["time"], seen["estimate"], linestyle="", marker=MARKERS[look],
                    markersize=4, color=PALETTE[look], alpha=0.7,
                )  # fmt: skip
            what = "Chance of any offence" if self.model.family == "logit" else "Offences"
            per = f"per unit of {self.model.exposure}" if self.model.exposure else "per period"
            ax.set(xlabel=self.model.time.capitalize(), ylabel=f"{what} {per}")
            ax.set_ylim(bottom=0)
            ax.legend()
        return ax

    def _assigned(self) -> NDArray[np.intp]:
        """The most likely group of each person, from 0."""
        return self.top.posterior.argmax(axis=1)

    def _shares(self) -> tuple[Floats, Floats]:
        """Mean shares of the groups and their standard errors, shape (groups,) each."""
        mixture, params = self.top.mixture, self.top.point.params
        weight, g = mixture.weight / mixture.weight.sum(), self.n_groups
        each = np.exp(mixture.log_shares(params)[0])
        share = each @ weight
        slopes = [
            ((each[k] * ((k == h) - each[h]) * weight) @ self.model.panel.members)
            for k in range(g)
            for h in range(1, g)
        ]
        moves = np.reshape(slopes, (g, -1))
        r = moves.shape[1]
        covariance = self.top.covariance[-r:, -r:] if r else np.zeros((0, 0))
        variance = np.einsum("ij,jk,ik->i", moves, covariance, moves)
        return share, np.sqrt(np.maximum(variance, 0))

    def _why_thin(self) -> list[str]:
        """Why a group's numbers cannot be had; empty where they can."""
        n = np.bincount(self._assigned(), minlength=self.n_groups)
        own = self.top.mixture.per_group
        return [
            f"{NOT_ESTIMABLE}: fewer people than its {own} parameters" if count < own else ""
            for count in n
        ]
