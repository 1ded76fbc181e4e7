"""Cox, Kaplan–Meier and log-rank against R survival 3.5-3, over every crossing of options.

`survival_lattice.R` makes the data and the answers; Rossi's are certified to 50 digits.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_rossi
from numpy.testing import assert_allclose

from desistance.survival import fit_cox, influence_of_survival, kaplan_meier, log_rank
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "survival_lattice.json").read_text())
LATTICE = pd.read_csv(HERE / "survival_lattice.csv")
TERMS = ["priors", "need", "tier"]


def with_holes(frame):
    """The same rows with what `missing` names not known."""
    holes = ("priors", "tier", "region", "site")
    return frame.assign(**{name: frame[name].mask(frame.missing == name) for name in holes})


def lattice(frame=LATTICE, **columns):
    return TimeToEvent.from_frame(frame, **{"stop": "day", "event": "event", **columns})


def entered(**columns):
    return lattice(start="entry", **columns)


def numbers(values):
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def name_of(cell):
    options = [name for name in ("weights", "strata", "entry") if cell[name]]
    return "-".join([cell["ties"], *options, cell["variance"], cell["rows"]])


def test_the_lattice_has_every_crossing():
    cells = {name_of(cell) for cell in ANSWERS["cells"]}
    assert len(cells) == len(ANSWERS["cells"]) == 2**4 * 3 * 2


@pytest.mark.parametrize("cell", ANSWERS["cells"], ids=name_of)
def test_cox_is_rs_in_every_cell_of_the_lattice(cell):
    times = lattice(
        LATTICE if cell["rows"] == "all" else with_holes(LATTICE),
        **({"weight": "weight"} if cell["weights"] else {}),
        **({"start": "entry"} if cell["entry"] else {}),
    )
    fit = fit_cox(
        times, TERMS, ties=cell["ties"], strata="region" if cell["strata"] else None,
        variance=cell["variance"], cluster="site" if cell["variance"] == "cluster" else None,
    )  # fmt: skip
    assert (fit.n, fit.n_left_out) == (cell["n"], times.n_in - cell["n"])
    assert_allclose(fit.log_hazards, cell["coefficients"], rtol=1e-11)
    assert_allclose(fit.covariance, cell["covariance"], rtol=1e-9)
    assert_allclose([fit.log_likelihood_null, fit.log_likelihood], cell["loglik"], rtol=1e-12)
    tests = fit.tests().set_index("term").statistic
    assert_allclose(tests[["score", "Wald"]], [cell["score"], cell["wald"]], rtol=1e-9)
    baseline = fit.baseline.to_frame().set_index(["group", "day"]).estimate
    expected = pd.Series(
        cell["hazard"], pd.MultiIndex.from_arrays([cell["hazard_strata"], cell["hazard_days"]])
    )
    assert_allclose(baseline, expected[baseline.index], rtol=1e-9)


# 50-digit solution by mpmath: 432 releases, 114 rearrests in 52 weeks, all seven covariates.
ROSSI = {
    "efron": (-658.747659446086, -0.37942216687120777),
    "breslow": (-659.120605677328, -0.37902188779502751),
}


@pytest.mark.parametrize("ties", ROSSI)
def test_cox_has_twelve_certified_digits_on_the_rossi_releases(ties):
    releases = load_rossi()
    times = TimeToEvent.from_frame(releases, stop="week", event="arrest", unit="weeks")
    fit = fit_cox(times, ["fin", "age", "race", "wexp", "mar", "paro", "prio"], ties=ties)
    log_likelihood, fin = ROSSI[ties]
    assert fit.log_likelihood == pytest.approx(log_likelihood, rel=1e-14)
    assert fit.coefficients["fin"] == pytest.approx(fin, rel=1e-12)


@pytest.mark.parametrize(("kind", "options"), [("plain", {}), ("weighted", {"weight": "weight"})])
def test_predicted_survival_and_its_error_are_rs(kind, options):
    variance = {"variance": "cluster", "cluster": "site"} if options else {}
    fit = fit_cox(entered(**options), TERMS, **variance)
    found = fit.survival_at({"priors": 0.5, "need": 1, "tier": "FREE"}, [2, 5, 9, 14])
    assert_allclose(found.estimate, ANSWERS["predictions"][kind]["share"], rtol=1e-10)
    assert_allclose(found.std_error, ANSWERS["predictions"][kind]["std_err"], rtol=1e-9)


CURVES = {
    "plain": (lattice(), "log-log"),
    "entry": (entered(), "log-log"),
    "entry_log": (entered(), "log"),
    "entry_logit": (entered(), "logit"),
    "entry_plain": (entered(), "plain"),
    "weighted": (lattice(weight="weight"), "log-log"),
    "weighted_entry": (entered(weight="weight"), "log-log"),
    "weighted_again": (
        lattice(start="begin", stop="end", event="again", person="site", weight="weight",
                recurrent=True),
        "log-log",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CURVES)
def test_kaplan_meier_its_error_and_limits_are_rs(kind):
    times, interval = CURVES[kind]
    answer = ANSWERS["curves"][kind]
    curve = kaplan_meier(times, interval=interval)
    frame = curve.to_frame().set_index("day").loc[answer["day"]]
    assert_allclose(frame.estimate, answer["share"], rtol=1e-11, atol=1e-15)
    inside = ((frame.estimate > 0) & (frame.estimate < 1)).to_numpy()  # elsewhere: NaN
    for ours, theirs in {"std_error": "std_err", "conf_low": "low", "conf_high": "high"}.items():
        assert_allclose(frame[ours][inside], numbers(answer[theirs])[inside], rtol=1e-9)
        assert frame[ours][~inside].isna().all()
    assert curve.median().estimate[0] == answer["median"]
    if times.weight is None:
        assert frame.n_at_risk.tolist() == answer["n_risk"]
        assert frame.n_events.tolist() == answer["n_event"]
        assert frame.n_censored.tolist() == answer["n_censor"]


@pytest.mark.parametrize("kind", ["weighted", "weighted_entry", "weighted_again"])
def test_influences_of_rows_add_up_to_rs_robust_error(kind):
    times = CURVES[kind][0]
    answer = ANSWERS["curves"][kind]
    for day in (3, 6, 9):
        estimate, influence = influence_of_survival(times, day)
        at = answer["day"].index(day)
        error = np.sqrt((np.bincount(times.person, influence) ** 2).sum())
        assert (estimate, error) == pytest.approx((answer["share"][at], answer["std_err"][at]))


@pytest.mark.parametrize("strata", [None, "region"])
def test_log_rank_is_rs(strata):
    answer = ANSWERS["log_rank"]["strata" if strata else "plain"]
    found = log_rank(lattice(), "tier", strata=strata)
    assert found.statistic == pytest.approx(answer["statistic"], rel=1e-11)
    assert found.observed.tolist() == answer["observed"]
    assert_allclose(found.expected, answer["expected"], rtol=1e-12)
    assert_allclose(found.covariance, answer["covariance"], rtol=1e-11)


def test_log_rank_with_late_entry_is_mantel_haenszel_over_the_stack_of_tables():
    found = log_rank(entered(), "tier")
    assert found.statistic == pytest.approx(ANSWERS["log_rank"]["entry"]["statistic"], rel=1e-11)


WEIGHTED_TESTS = json.loads((HERE / "logrank.json").read_text())


@pytest.mark.parametrize(
    ("name", "times", "how"),
    [
        ("weights", lattice(weight="weight"), {}),
        ("weights, entry", entered(weight="weight"), {}),
        ("weights, entry, strata", entered(weight="weight"), {"strata": "region"}),
        (
            "weights, sites",
            TimeToEvent.from_frame(
                LATTICE, start="begin", stop="end", event="again", person="site", weight="weight",
                recurrent=True,
            ),
            {},
        ),
        ("gehan", entered(), {"at_risk": 1}),
        ("tarone ware", entered(), {"at_risk": 0.5}),
    ],
)  # fmt: skip
def test_weighted_log_rank_tests(name, times, how):
    """logrank.R: R's weighted score residuals at 0, and days weighted by those at risk."""
    found = log_rank(times, "tier", **how)
    assert found.df == 2
    assert found.statistic == pytest.approx(WEIGHTED_TESTS[name], rel=1e-10)
