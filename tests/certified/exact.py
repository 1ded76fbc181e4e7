"""Curves and the log-rank test as exact fractions, from their definitions."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from mpmath import mpf
from mpmath import sqrt as root

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from tests.certified.studies import Study


def _days(study: Study, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Every event day of some rows, who is at risk on it and who has the event."""
    frame = study.frame
    stop, event = frame[study.stop].to_numpy(int), frame[study.event].to_numpy(bool)
    start = frame[study.start].to_numpy(int) if study.start else 0 * stop
    for day in sorted(set(stop[event & rows].tolist())):
        yield day, rows & (start < day) & (stop >= day), rows & event & (stop == day)


def curve(study: Study) -> dict[str, list[mpf]]:
    """Kaplan and Meier's share, Greenwood's error, Nelson and Aalen's hazard, on event days."""
    share, greenwood, hazard = Fraction(1), Fraction(0), Fraction(0)
    answer: dict[str, list[mpf]] = {"day": [], "share": [], "error": [], "hazard": []}
    everyone = study.frame[study.stop].notna().to_numpy()
    for day, at_risk, died in _days(study, everyone):
        n, d = int(at_risk.sum()), int(died.sum())
        share *= 1 - Fraction(d, n)
        hazard += Fraction(d, n)
        answer["hazard"].append(shown(hazard))
        answer["day"].append(day)
        if share:
            greenwood += Fraction(d, n * (n - d))
            answer["share"].append(shown(share))
            answer["error"].append(shown(share) * root(shown(greenwood)))
    return answer


def log_rank(study: Study) -> mpf:
    """The statistic of the log-rank test of `study.group`, variance hypergeometric."""
    labels = study.frame[study.group]
    groups = [labels.eq(name).to_numpy() for name in sorted(labels.unique())][1:]
    m = len(groups)
    gap, spread = [Fraction(0)] * m, [[Fraction(0)] * m for _ in range(m)]
    for _, at_risk, died in _days(study, labels.notna().to_numpy()):
        n, d = int(at_risk.sum()), int(died.sum())
        inside = [int((at_risk & group).sum()) for group in groups]
        for j, group in enumerate(groups):
            gap[j] += int((died & group).sum()) - Fraction(d * inside[j], n)
            for k in range(m):
                if n > 1:
                    part = Fraction(inside[j] * ((j == k) * n - inside[k]), n * n)
                    spread[j][k] += part * Fraction(d * (n - d), n - 1)
    return shown(sum(a * b for a, b in zip(gap, _solved(spread, gap), strict=True)))


def _solved(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Solve by Gauss and Jordan, without rounding."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for j in range(len(rows)):
        rows[j] = [value / rows[j][j] for value in rows[j]]
        for k in range(len(rows)):
            if k != j:
                rows[k] = [a - rows[k][j] * b for a, b in zip(rows[k], rows[j], strict=True)]
    return [row[-1] for row in rows]


def shown(value: Fraction) -> mpf:
    """Turn a fraction into the nearest number of the digits at work."""
    return mpf(value.numerator) / value.denominator
