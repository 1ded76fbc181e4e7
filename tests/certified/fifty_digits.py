"""Maximum likelihood in arithmetic of 80 digits: Cox's model, and two models of the time itself.

Written from the formulas, apart from the library: plain loops over rows in `mpmath`, Newton's
method from zero until a step is below 1e-60.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from mpmath import cholesky, erfc, exp, eye, inverse, lu_solve, matrix, mp, mpf, nstr, pi, sqrt
from mpmath import log as ln

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.certified.studies import Study

WORKING_DIGITS, SHOWN_DIGITS = 80, 50
SMALL = mpf(10) ** -60


def columns(study: Study) -> dict[str, list]:
    """Read the columns a model uses, every float as the exact number it is."""
    frame, ones = study.frame, [mpf(1)] * len(study.frame)
    return {
        "x": [[mpf(float(v)) for v in row] for row in frame[list(study.terms)].to_numpy()],
        "start": [int(v) for v in frame[study.start]] if study.start else [0] * len(frame),
        "stop": [int(v) for v in frame[study.stop]],
        "event": [bool(v) for v in frame[study.event]],
        "weight": [mpf(float(v)) for v in frame[study.weight]] if study.weight else ones,
        "stratum": list(frame[study.strata]) if study.strata else [0] * len(frame),
        "cluster": list(frame[study.cluster]) if study.cluster else None,
    }


def cox(study: Study, ties: str) -> dict[str, object]:
    """Coefficients, standard errors (by cluster, if there is one) and log-likelihoods of Cox."""
    with mp.workdps(WORKING_DIGITS):
        rows = columns(study)
        beta, covariance, value, null = _climb(
            lambda b: _partial_likelihood(rows, ties, b), len(study.terms)
        )
        answer = _answer(beta, covariance, value, null)
        if rows["cluster"]:
            answer["std_error_by_cluster"] = _clustered(rows, ties, beta, covariance)
    return answer


def _climb(likelihood: Callable, p: int) -> tuple:
    """Find the top of a likelihood that gives value, score and information; halve bad steps."""
    beta = matrix(p, 1)
    value, score, information = likelihood(beta)
    null = value
    while True:
        step = lu_solve(information, score)
        if max(abs(s) for s in step) < SMALL * (1 + max(abs(b) for b in beta)):
            return beta, inverse(information), value, null
        there = likelihood(beta + step)
        while there is None or there[0] < value - SMALL * abs(value):
            step /= 2
            there = likelihood(beta + step)
        beta += step
        value, score, information = there


def _risk_sets(rows: dict, beta: matrix) -> list[tuple]:
    """For each stratum's event days: who has the event, the risks' sums R, R x, R x x."""
    p = len(beta)
    risk = [
        w * exp(sum(b * v for b, v in zip(beta, x, strict=True)))
        for w, x in zip(rows["weight"], rows["x"], strict=True)
    ]
    leave, enter, died = defaultdict(list), defaultdict(list), defaultdict(list)
    for i, (stratum, start, stop) in enumerate(
        zip(rows["stratum"], rows["start"], rows["stop"], strict=True)
    ):
        leave[stratum, stop].append(i)
        enter[stratum, start].append(i)
        if rows["event"][i]:
            died[stratum, stop].append(i)
    sets = []
    for stratum in sorted(set(rows["stratum"])):
        days = sorted({t for s, t in [*leave, *enter] if s == stratum}, reverse=True)
        total = _Sums(p)
        for day in days:
            for i in enter[stratum, day]:  # an entry on this day is not yet at risk
                total.add(-risk[i], rows["x"][i])
            for i in leave[stratum, day]:
                total.add(risk[i], rows["x"][i])
            if died[stratum, day]:
                dying = _Sums(p)
                for i in died[stratum, day]:
                    dying.add(risk[i], rows["x"][i])
                sets.append((stratum, day, died[stratum, day], total.copy(), dying))
    return [risk, sets]


class _Sums:
    """Sums of r, r x and r x x (lower half), grown one row at a time."""

    def __init__(self, p: int) -> None:
        self.one = mpf(0)
        self.x = [mpf(0)] * p
        self.xx = [[mpf(0)] * (j + 1) for j in range(p)]

    def add(self, r: mpf, x: list[mpf]) -> None:
        self.one += r
        for j, a in enumerate(x):
            ra = r * a
            self.x[j] += ra
            for k in range(j + 1):
                self.xx[j][k] += ra * x[k]

    def copy(self) -> _Sums:
        other = _Sums(0)
        other.one, other.x, other.xx = self.one, [*self.x], [[*row] for row in self.xx]
        return other


def _shares(ties: str, d: int) -> list[mpf]:
    return [mpf(i) / d if ties == "efron" else mpf(0) for i in range(d)]


def _partial_likelihood(rows: dict, ties: str, beta: matrix) -> tuple:
    p = len(beta)
    value, score, information = mpf(0), matrix(p, 1), matrix(p, p)
    _, sets = _risk_sets(rows, beta)
    for _, _, died, total, dying in sets:
        mean_weight = sum(rows["weight"][i] for i in died) / len(died)
        for i in died:
            for j in range(p):
                value += rows["weight"][i] * beta[j] * rows["x"][i][j]
                score[j] += rows["weight"][i] * rows["x"][i][j]
        for f in _shares(ties, len(died)):
            here = total.one - f * dying.one
            value -= mean_weight * ln(here)
            mean = [(total.x[j] - f * dying.x[j]) / here for j in range(p)]
            for j in range(p):
                score[j] -= mean_weight * mean[j]
                for k in range(j + 1):
                    square = (total.xx[j][k] - f * dying.xx[j][k]) / here
                    information[j, k] += mean_weight * (square - mean[j] * mean[k])
                    information[k, j] = information[j, k]
    return value, score, information


def _clustered(rows: dict, ties: str, beta: matrix, covariance: matrix) -> list[str]:
    """Lin and Wei's sandwich, score residuals added up by cluster, Efron's by his own rule."""
    p, n = len(beta), len(rows["x"])
    risk, sets = _risk_sets(rows, beta)
    moved = [[mpf(0)] * p for _ in range(n)]
    for stratum, day, died, total, dying in sets:
        mean_weight = sum(rows["weight"][i] for i in died) / len(died)
        pieces = []
        for f in _shares(ties, len(died)):
            here = total.one - f * dying.one
            mean = [(total.x[j] - f * dying.x[j]) / here for j in range(p)]
            pieces.append((f, mean_weight / here, mean))
        here = set(died)
        for i in range(n):
            at_risk = rows["start"][i] < day <= rows["stop"][i] and rows["stratum"][i] == stratum
            if not at_risk:
                continue
            for f, hazard, mean in pieces:
                share = 1 - f if i in here else 1
                for j in range(p):
                    off = rows["x"][i][j] - mean[j]
                    moved[i][j] -= risk[i] * share * hazard * off
                    if i in here:
                        moved[i][j] += rows["weight"][i] * off / len(pieces)
    by_cluster = defaultdict(lambda: [mpf(0)] * p)
    for i, cluster in enumerate(rows["cluster"]):
        by_cluster[cluster] = [a + b for a, b in zip(by_cluster[cluster], moved[i], strict=True)]
    meat = matrix(p, p)
    for move in by_cluster.values():
        for j in range(p):
            for k in range(p):
                meat[j, k] += move[j] * move[k]
    sandwich = covariance * meat * covariance
    return [_shown(sqrt(sandwich[j, j])) for j in range(p)]


def time_model(study: Study, distribution: str) -> dict[str, object]:
    """Intercept, coefficients and log scale of log time, Weibull's or log-normal, no entry."""
    with mp.workdps(WORKING_DIGITS):
        rows = columns(study)
        rows["x"] = [[mpf(1), *x] for x in rows["x"]]
        p = len(study.terms) + 2
        spread = [max(abs(x[j]) for x in rows["x"]) for j in range(p - 1)]
        rows["x"] = [[v / s for v, s in zip(x, spread, strict=True)] for x in rows["x"]]
        rows["log_time"] = [ln(mpf(t)) for t in rows["stop"]]
        density = {"weibull": _extreme_value, "log-normal": _normal}[distribution]
        theta, covariance, value, _ = _climb_inside(
            lambda at: _time_likelihood(rows, density, at), p, rows
        )
        units = [*spread, mpf(1)]
        theta = matrix([theta[j] / units[j] for j in range(p)])
        for j in range(p):
            for k in range(p):
                covariance[j, k] /= units[j] * units[k]
        return _answer(theta, covariance, value, None)


def _climb_inside(likelihood: Callable, p: int, rows: dict) -> tuple:
    """As `_climb`, from the mean of log time, where the information may not yet be positive."""
    at = matrix(p, 1)
    at[0] = sum(rows["log_time"]) / len(rows["log_time"])
    value, score, information = likelihood(at)
    while True:
        extra = mpf(0)
        while True:  # ridge until the step climbs
            try:
                cholesky(information + extra * eye(p))
                break
            except ValueError:
                extra = 2 * extra + 1
        step = lu_solve(information + extra * eye(p), score)
        if extra == 0 and max(abs(s) for s in step) < SMALL:
            return at, inverse(information), value, None
        there = likelihood(at + step)
        while there[0] < value - SMALL * abs(value):
            step /= 2
            there = likelihood(at + step)
        at += step
        value, score, information = there


def _extreme_value(z: mpf, event: bool) -> tuple[mpf, mpf, mpf]:
    """Log density (or log survival) of the least extreme value and its two derivatives."""
    e = exp(z)
    return (z - e, 1 - e, -e) if event else (-e, -e, -e)


def _normal(z: mpf, event: bool) -> tuple[mpf, mpf, mpf]:
    if event:
        return -z * z / 2 - ln(2 * pi) / 2, -z, mpf(-1)
    left = erfc(z / sqrt(mpf(2))) / 2
    mills = exp(-z * z / 2) / sqrt(2 * pi) / left
    return ln(left), -mills, -mills * (mills - z)


def _time_likelihood(rows: dict, density: Callable, at: matrix) -> tuple:
    """Of z = (log t - x b) / s with density f(z) / (s t), by b and log s."""
    p = len(at)
    s = exp(at[p - 1])
    value, score, information = mpf(0), matrix(p, 1), matrix(p, p)
    for x, y, event in zip(rows["x"], rows["log_time"], rows["event"], strict=True):
        z = (y - sum(a * b for a, b in zip(x, at, strict=False))) / s
        v, first, second = density(z, event)
        value += v - (at[p - 1] + y if event else 0)
        dz = [-a / s for a in x] + [-z]
        for j in range(p):
            score[j] += first * dz[j]
            for k in range(j + 1):
                last = p - 1
                bend = z if (j == last and k == last) else (x[k] / s if j == last else mpf(0))
                information[j, k] -= second * dz[j] * dz[k] + first * bend
        score[p - 1] -= event
    for j in range(p):
        for k in range(j):
            information[k, j] = information[j, k]
    return value, score, information


def _answer(beta: matrix, covariance: matrix, value: mpf, null: mpf | None) -> dict[str, object]:
    answer: dict[str, object] = {
        "coefficients": [_shown(b) for b in beta],
        "std_error": [_shown(sqrt(covariance[j, j])) for j in range(len(beta))],
        "log_likelihood": _shown(value),
    }
    return answer if null is None else answer | {"log_likelihood_null": _shown(null)}


def _shown(value: mpf) -> str:
    return nstr(value, SHOWN_DIGITS)
