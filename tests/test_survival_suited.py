"""Few rows, and rows in order a block of days at a time: the digits of the tables of all days."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import fit_cox, manydays, suited
from desistance.timetoevent import TimeToEvent


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    n = 900
    start = rng.integers(0, 40_000, n) * (rng.random(n) < 0.6)
    frame = pd.DataFrame(
        {
            "start": start,
            "stop": start + rng.integers(1, 40_000, n),
            "event": rng.random(n) < 0.6,
            "x": rng.normal(2e3, 1, n),
            "arm": rng.random(n) < 0.5,
            "area": rng.choice(["east", "north", "west"], n),
            "pair": np.arange(n) // 2,
            "weight": rng.uniform(0.3, 3, n),
            "person": np.arange(n) // 3,
        }
    )
    frame.loc[::4, ["start", "stop"]] //= 4_000  # some tied, some that cover no event
    frame.loc[::4, "stop"] += 1
    return frame


def fits(frame, monkeypatch, roles, options):
    times = TimeToEvent.from_frame(
        frame, stop="stop", event="event", unit="minutes", recurrent=True, **roles
    )
    monkeypatch.setattr(manydays, "CELLS_IN_CACHE", 150)
    for cells, largest, fewest in ((0, 10**9, 1), (10**9, 0, 1), (0, 0, 1), (0, 0, 1024)):
        monkeypatch.setattr(suited, "CELLS_IN_CACHE", cells)
        monkeypatch.setattr(suited, "LARGEST_TABLE", largest)
        monkeypatch.setattr(manydays, "FEWEST_ROWS", fewest)
        yield fit_cox(times, ["x", "arm"], **options)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("variance", ["model", "robust", "cluster"])
@pytest.mark.parametrize(
    "roles",
    [
        {},
        {"start": "start"},
        {"strata": "area", "weight": "weight"},
        {"start": "start", "strata": "area", "weight": "weight"},
        {"start": "start", "strata": "pair"},
    ],
)
def test_all_ways_give_the_same_digits(rows, monkeypatch, ties, variance, roles):
    frame = rows.assign(person=rows.index) if "start" not in roles else rows
    frame = frame.sample(frac=1, random_state=2, ignore_index=True)
    tables, *others = fits(frame, monkeypatch, roles, {"ties": ties, "variance": variance})
    for fit in others:
        assert_allclose(fit.log_hazards, tables.log_hazards, rtol=1e-12)
        assert_allclose(fit.covariance, tables.covariance, rtol=1e-12)
        assert_allclose(fit.model_covariance, tables.model_covariance, rtol=1e-12)
        assert_allclose(fit.log_likelihood, tables.log_likelihood, rtol=1e-13)
        assert_allclose(fit.score_statistic, tables.score_statistic, rtol=1e-11)
        assert fit.baseline is fit.baseline  # made once
        assert (fit.baseline.day == tables.baseline.day).all()
        for name in ("hazard", "variance", "path"):
            one, other = getattr(fit.baseline, name), getattr(tables.baseline, name)
            assert_allclose(one, other, rtol=1e-11, atol=1e-11 * np.abs(other).max())


def test_what_cannot_be_estimated_is_said_the_same_way(rows, monkeypatch):
    frame = rows.assign(arm=rows.arm & ~rows.event)
    tables, *others = fits(frame, monkeypatch, {"start": "start"}, {})
    assert tables.notes[1] == "not estimable: no event among those with `arm` 1"
    for fit in others:
        assert fit.notes == tables.notes
        assert_allclose(fit.log_hazards[0], tables.log_hazards[0], rtol=1e-9)
    nothing, *also = fits(rows.assign(event=False), monkeypatch, {}, {})
    assert all(fit.notes == nothing.notes for fit in also)


def test_exponents_that_would_overflow_are_shifted(rows, monkeypatch):
    frame = rows.assign(x=rows.x.where(rows.index != 7, 2e3 + 4e4))
    tables, *others = fits(frame, monkeypatch, {"start": "start"}, {})
    for fit in others:
        assert_allclose(fit.log_hazards, tables.log_hazards, rtol=1e-9)


def test_a_row_that_outweighs_all_others_spoils_no_other_stratum(monkeypatch):
    rng = np.random.default_rng(8)
    n = 600
    x, area = rng.normal(size=n), rng.choice(["east", "north", "west"], n)
    stop = 2 + (20_000 * rng.exponential(np.exp(-x))).astype(int)
    event = rng.random(n) < 0.7
    x[:6], stop[:6], event[:6], area[:6] = 30, 1, [True] + 5 * [False], "west"
    frame = pd.DataFrame({"x": x, "arm": x > 0, "stop": stop, "event": event, "area": area})
    tables, *others = fits(frame, monkeypatch, {"strata": "area"}, {})
    for fit in others:
        assert_allclose(fit.log_hazards, tables.log_hazards, rtol=1e-11)
        assert_allclose(fit.covariance, tables.covariance, rtol=1e-11)


def exact(frame):
    """Efron's estimates by adding up every risk set anew, in extended precision."""
    x = frame[["x", "arm"]].to_numpy(np.longdouble)
    beta = np.zeros(2)
    for _ in range(60):
        risk = np.exp(x @ beta)
        score, information = np.zeros(2, np.longdouble), np.zeros((2, 2), np.longdouble)
        for day in np.unique(frame.stop[frame.event]):
            there = ((frame.start < day) & (frame.stop >= day)).to_numpy()
            dying = ((frame.stop == day) & frame.event).to_numpy()
            for tied in range(dying.sum()):
                left = risk * (there - dying * tied / np.longdouble(dying.sum()))
                mean = left @ x / left.sum()
                score += x[dying].mean(axis=0) - mean
                information += (left[:, None] * x).T @ x / left.sum() - np.outer(mean, mean)
        step = np.linalg.solve(information.astype(float), score.astype(float))
        beta = beta + step / max(1, np.abs(step).max())
        if np.abs(step).max() < 1e-14:
            break
    return beta, np.linalg.inv(information.astype(float))


def test_a_late_entry_that_outweighs_all_others_leaves_no_rounding_behind(monkeypatch):
    """R's coxph does not converge here: the sums before the late entry are its rounding."""
    rng = np.random.default_rng(1)
    n = 300
    x, arm = rng.normal(size=n), rng.normal(size=n)
    stop = 1 + (300 * rng.exponential(np.exp(-x - 0.3 * arm))).astype(int)
    frame = pd.DataFrame(
        {"start": 0, "stop": stop, "event": rng.random(n) < 0.7, "x": x, "arm": arm}
    )
    middle = int(np.sort(stop[frame.event])[150])
    frame.loc[n] = [middle - 1, middle, True, 36.0, 0.0]
    beta, covariance = exact(frame)
    for fit in fits(frame.astype({"event": bool}), monkeypatch, {"start": "start"}, {}):
        assert_allclose(fit.log_hazards, beta, rtol=1e-13)
        assert_allclose(fit.covariance, covariance, rtol=1e-12)
        assert np.isfinite(fit.survival_at({"x": 0, "arm": 0}, [middle]).std_error).all()


def test_a_frame_changed_after_the_fit_changes_no_prediction(rows, monkeypatch):
    monkeypatch.setattr(suited, "CELLS_IN_CACHE", 0)
    monkeypatch.setattr(suited, "LARGEST_TABLE", 0)
    found = []
    for column in (None, "x", "stop", "event", "start", "arm", "weight"):
        frame = rows.copy()
        times = TimeToEvent.from_frame(
            frame, start="start", stop="stop", event="event", weight="weight", unit="minutes",
            recurrent=True,
        )  # fmt: skip
        fit = fit_cox(times, ["x", "arm"], variance="robust")
        if column:
            frame.loc[:, column] = frame[column].iloc[-1]
        found.append(fit.survival_at({"x": 2e3, "arm": True}, [20_000]))
    assert all(one.equals(found[0]) for one in found)
    fit = fit_cox(times, ["x", "arm"])
    times.columns.loc[:300, "x"] = 2e3
    with pytest.raises(ModelError, match="changed after the fit"):
        fit.survival_at({"x": 2e3, "arm": True}, [20_000])
