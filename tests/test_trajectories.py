"""What `fit_trajectories` and `choose_groups` say; numbers of others are in tests/reference."""

import inspect
import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit, logsumexp
from statsmodels.discrete.count_model import ZeroInflatedPoisson
from statsmodels.tools.numdiff import approx_hess

from desistance.errors import ModelError
from desistance.trajectories import choose_groups, fit_trajectories
from desistance.trajectories.fit import told
from desistance.trajectories.model import _described, make_model
from tests.trajectory_people import FAMILIES, KINDS, people_of, rates

ONCE = {"starts": 2, "rng": 1}


@pytest.fixture(scope="module")
def panel():
    return people_of(n=300, seed=2)


@pytest.fixture(scope="module")
def fitted(panel):
    return fit_trajectories(panel, groups=2, family="poisson", **ONCE)


# --- one group is a regression ------------------------------------------------------------


def design(panel, degree=2):
    times = panel.period.to_numpy()
    z = (times - (times.min() + times.max()) / 2) / ((times.max() - times.min()) / 2)
    return np.vander(z, degree + 1, increasing=True)


@pytest.mark.parametrize("family", ["poisson", "logit"])
def test_one_group_is_a_generalised_linear_model(panel, family):
    fit = fit_trajectories(panel, groups=1, family=family, rng=1)
    y, kind = panel.n_offences, sm.families.Poisson()
    if family == "logit":
        y, kind = (y > 0).astype(float), sm.families.Binomial()
    told = sm.GLM(y, design(panel), kind, offset=np.log(panel.exposure)).fit(tol=1e-14)
    assert fit.log_likelihood == pytest.approx(told.llf, abs=1e-8)
    assert_allclose(fit.to_frame().estimate, told.params, atol=1e-9)
    assert_allclose(fit.to_frame().std_error, told.bse, rtol=1e-7)
    robust = fit_trajectories(panel, groups=1, family=family, variance="robust", rng=1)
    told = sm.GLM(y, design(panel), kind, offset=np.log(panel.exposure)).fit(
        tol=1e-14, cov_type="cluster",
        cov_kwds={"groups": panel.person_id, "use_correction": False},
    )  # fmt: skip
    assert_allclose(robust.to_frame().std_error, told.bse, rtol=1e-7)


def test_one_group_is_a_zero_inflated_poisson_model(panel):
    for degree in (0, 1):
        fit = fit_trajectories(panel, groups=1, family="zip", inflation=degree, rng=1)
        told = ZeroInflatedPoisson(
            panel.n_offences, design(panel), exog_infl=design(panel, degree),
            offset=np.log(panel.exposure),
        ).fit(method="newton", disp=0, maxiter=100, tol=1e-12)  # fmt: skip
        frame = fit.to_frame()
        assert fit.log_likelihood == pytest.approx(told.llf, abs=1e-7)
        both = np.r_[told.params[degree + 1 :], told.params[: degree + 1]]
        assert_allclose(frame.estimate, both, atol=1e-6)
        curvature = approx_hess(told.params, told.model.loglike)
        error = np.sqrt(np.diag(np.linalg.inv(-curvature)))
        assert_allclose(frame.std_error, np.r_[error[degree + 1 :], error[: degree + 1]], rtol=1e-3)


def test_one_group_is_a_negative_binomial_model(panel):
    fit = fit_trajectories(panel, groups=1, family="negative-binomial", rng=1)
    told = sm.NegativeBinomial(
        panel.n_offences, design(panel), offset=np.log(panel.exposure)
    ).fit(method="newton", disp=0, maxiter=100, tol=1e-13)  # fmt: skip
    assert fit.log_likelihood == pytest.approx(told.llf, abs=1e-8)
    estimate = fit.to_frame().estimate.to_numpy()
    assert_allclose(estimate[:3], told.params[:3], atol=1e-7)
    assert np.exp(estimate[3]) == pytest.approx(told.params.iloc[3], rel=1e-6)


# --- the likelihood, by brute force -------------------------------------------------------


def log_row(family, y, eta, second):
    """Log-probability of one count by scipy's distributions."""
    mu = np.exp(eta)
    if family == "poisson":
        return stats.poisson.logpmf(y, mu)
    if family == "zip":
        p = expit(second)
        return np.log(p * (y == 0) + (1 - p) * stats.poisson.pmf(y, mu))
    if family == "negative-binomial":
        r = np.exp(-second)
        return stats.nbinom.logpmf(y, r, r / (r + mu))
    return np.log(expit(eta) if y > 0 else expit(-eta))


MODELS = [
    *((family, {}) for family in FAMILIES),
    ("zip", {"inflation": "tau"}),
    ("zip", {"inflation": 2}),
    ("zip", {"membership": ["need", "area"]}),
    ("poisson", {"knots": 1, "degree": 3}),
]


def somewhere(family, options, n_groups=3):
    model = make_model(people_of(n=30, seed=4), family=family, **options)
    mixture = model.mixture(n_groups)
    return mixture, np.random.default_rng(1).normal(0, 0.4, (2, mixture.n_parameters))


@pytest.mark.parametrize(("family", "options"), MODELS)
def test_the_likelihood_is_the_sum_over_groups_person_by_person(family, options):
    mixture, params = somewhere(family, options)
    groups, theta = mixture.split(params)
    p = mixture.curve.shape[1]
    for start, person in itertools.product(range(2), range(0, 30, 7)):
        inside = []
        for g in range(3):
            total = 0.0
            for row in np.flatnonzero(mixture.person == person):
                eta = mixture.log_exposure[row] + mixture.curve[row] @ groups[start, g, :p]
                second = mixture.second[row] @ groups[start, g, p:]
                if mixture.tau:
                    second = -groups[start, g, p] * eta
                total += log_row(family, mixture.count[row], eta, second)
            inside.append(total + mixture.members[person] @ theta[start, g])
        truth = logsumexp(inside) - logsumexp(theta[start] @ mixture.members[person])
        point = mixture.at(params)
        assert point.each[start, person] == pytest.approx(truth, abs=1e-10)
        assert_allclose(point.posterior[start, :, person], np.exp(inside - logsumexp(inside)))
    assert_allclose(mixture.log_likelihoods(params), point.each, rtol=1e-14)


@pytest.mark.parametrize(("family", "options"), MODELS)
def test_slopes_and_curvature_are_those_of_differences(family, options):
    mixture, params = somewhere(family, options)
    point, given = mixture.at(params), mixture.at(params[::-1]).posterior
    known = mixture.at(params, given)
    for j in range(mixture.n_parameters):
        move = np.zeros(mixture.n_parameters)
        move[j] = 1e-5
        up, down = mixture.at(params + move), mixture.at(params - move)
        assert_allclose((up.value - down.value) / 2e-5, point.score[:, j], rtol=1e-6, atol=1e-5)
        slopes = (down.score - up.score) / 2e-5
        assert_allclose(slopes, point.observed[:, j], rtol=1e-6, atol=1e-5)
        up, down = mixture.at(params + move, given), mixture.at(params - move, given)
        assert_allclose((up.value - down.value) / 2e-5, known.score[:, j], rtol=1e-6, atol=1e-5)
        slopes = (down.score - up.score) / 2e-5
        assert_allclose(slopes, known.complete[:, j], rtol=1e-6, atol=1e-5)


def test_what_people_add_adds_up(panel):
    mixture = make_model(panel, family="zip").mixture(2)
    params = np.full((1, mixture.n_parameters), 0.1)
    whole, n = mixture.at(params), len(mixture.first)
    parts = [mixture.of_people(np.arange(a, n, 3)).at(params) for a in range(3)]
    assert_allclose(sum(part.value for part in parts), whole.value)
    assert_allclose(sum(part.observed for part in parts), whole.observed, atol=1e-9)


# --- what exposure is for -----------------------------------------------------------------


def test_without_exposure_custody_looks_like_desistance():
    """One even rate; half the people are inside ever more. Without exposure they 'desist'."""
    rng = np.random.default_rng(7)
    period, person = np.tile(np.arange(8), 400), np.repeat(np.arange(400), 8)
    free = np.where(person < 200, 1.0, 1 - 0.12 * period)
    rows = pd.DataFrame({"person_id": person, "period": period, "exposure": free})
    rows["n_offences"] = rng.poisson(3.0 * free)
    told = {
        used: choose_groups(
            rows, groups=(1, 2), family="poisson", degree=1, exposure=used, starts=4, rng=1
        )
        for used in ("exposure", None)
    }
    assert told["exposure"].best.n_groups == 1
    even = told["exposure"].fits[0].curve()
    assert_allclose(even.estimate, 3.0, rtol=0.08)
    assert told[None].best.n_groups == 2
    curve = told[None].best.curve().pivot(index="time", columns="group", values="estimate")
    falls = curve.iloc[-1] / curve.iloc[0]
    assert falls.min() < 0.25
    assert falls.max() == pytest.approx(1.0, abs=0.1)
    assert any("Exposure is not used" in said for said in told[None].fits[0].caveats)


# --- recovery -----------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_groups_that_are_there_are_found(family):
    rows = people_of(n=1200, seed=11, family=family)
    fit = fit_trajectories(rows, groups=2, family=family, starts=4, rng=1)
    groups, curve = fit.groups(), fit.curve(range(8))
    share = rows.drop_duplicates("person_id").kind.value_counts(normalize=True).to_numpy()
    assert_allclose(groups.estimate, share, atol=4 * groups.std_error.max())
    for k, g in enumerate("12"):
        mine = curve[curve.group == g]
        truth = rates(k, np.arange(8), family)
        off = np.abs(mine.estimate - truth) / mine.std_error
        assert off.max() < 4
        assert mine.std_error.max() < 0.25 * truth.max()
    likely = fit.memberships().set_index("person_id").group.astype(int) - 1
    true = rows.drop_duplicates("person_id").set_index("person_id").kind
    assert (likely == true).mean() > 0.85


def test_membership_terms_are_found():
    fit = fit_trajectories(
        people_of(n=1500, seed=5), groups=2, family="poisson", membership=["need", "area"], **ONCE
    )
    frame = fit.to_frame()
    terms = frame[frame.term.str.startswith("membership")].set_index("term")
    assert list(terms.index.str.removeprefix("membership: ")) == ["intercept", "need", "area: b"]
    off = (terms.estimate - [*KINDS, 0.0]) / terms.std_error
    assert off.abs().max() < 3.5
    assert (terms.std_error < 0.3).all()
    each = np.exp(fit.top.mixture.log_shares(fit.top.point.params)[0])
    assert_allclose(fit.groups().estimate, each.mean(axis=1))


def test_bic_and_cross_validation_choose_the_groups_there_are(panel):
    options = {"family": "poisson", "groups": (1, 2, 3), "starts": 3, "rng": 1}
    by_bic = choose_groups(panel, **options)
    assert by_bic.best.n_groups == 2
    held = choose_groups(panel, by="cross-validation", folds=4, **options)
    frame = held.to_frame()
    assert held.best.n_groups in (2, 3)
    assert frame.estimate[0] < -10 * frame.std_error[0]
    assert frame.estimate.max() == 0
    again = choose_groups(panel, by="cross-validation", folds=4, **options)
    assert_allclose(held.held_out, again.held_out, rtol=0, atol=0)
    assert held.held_out[0].sum() < by_bic.fits[0].log_likelihood  # those left out were not seen


def test_leaving_one_person_out_is_a_fit_without_them():
    rows = people_of(n=40, seed=3)
    held = choose_groups(rows, groups=[1], by="cross-validation", folds=40, family="poisson", rng=1)
    person = rows.person_id.unique()[5]
    mine = rows[rows.person_id == person]
    others = fit_trajectories(
        rows[rows.person_id != person], groups=1, family="poisson", rng=1
    ).curve(mine.period).estimate.to_numpy()  # fmt: skip
    truth = stats.poisson.logpmf(mine.n_offences, others * mine.exposure).sum()
    place = list(held.best.memberships().person_id).index(person)
    assert held.held_out[0, place] == pytest.approx(truth, abs=1e-8)


# --- its faces ----------------------------------------------------------------------------


def test_curves_have_delta_method_errors(panel):
    for options in ({"inflation": 1}, {"inflation": "tau"}, {"family": "logit"}):
        fit = fit_trajectories(panel, groups=2, **({"family": "zip"} | options), **ONCE)
        shown, frame = fit.curve([2.0, 5.5]), fit.to_frame()
        values = frame.estimate.to_numpy()
        own, p = fit.top.mixture.per_group, len(fit.model.basis.names)

        def curve(values, g, fit=fit, own=own, p=p):
            x = fit.model.basis.matrix([2.0, 5.5])
            b = values[g * own : (g + 1) * own]
            eta = x @ b[:p]
            if fit.model.family == "logit":
                return expit(eta)
            if fit.model.tau:
                return np.exp(eta) * expit(b[p] * eta)
            return np.exp(eta) * expit(-fit.model.inflation_basis.matrix([2.0, 5.5]) @ b[p:])

        for g in range(2):
            moves = np.array([
                (curve(values + e, g) - curve(values - e, g)) / 2e-6
                for e in 1e-6 * np.eye(len(values))
            ])  # fmt: skip
            mine = shown[shown.group == str(g + 1)]
            assert_allclose(mine.estimate, curve(values, g))
            variance = np.einsum("ji,jk,ki->i", moves, fit.top.covariance, moves)
            assert_allclose(mine.std_error, np.sqrt(variance), rtol=1e-6)
            assert (mine.conf_low < mine.estimate).all()
            assert (mine.estimate < mine.conf_high).all()


def test_groups_say_how_well_they_are_told_apart(fitted):
    groups, chances = fitted.groups(), fitted.memberships()
    p = chances[["p_1", "p_2"]].to_numpy()
    assert_allclose(p.sum(axis=1), 1)
    assert (groups.n == [(chances.group == g).sum() for g in "12"]).all()
    for g in range(2):
        average = p[chances.group == str(g + 1), g].mean()
        share = p[:, g].mean()  # at the top the mean chance is the share
        assert groups.average_posterior[g] == pytest.approx(average)
        assert groups.estimate[g] == pytest.approx(share, abs=1e-6)
        odds = average / (1 - average) / (share / (1 - share))
        assert groups.odds_of_correct[g] == pytest.approx(odds, rel=1e-4)
    assert fitted.entropy == pytest.approx(1 + (p * np.log(p)).sum() / (300 * np.log(2)))


def test_bic_says_what_n_is(fitted):
    n, p, value = 300, fitted.n_parameters, fitted.log_likelihood
    assert p == 7
    assert fitted.bic == pytest.approx(p * np.log(n) - 2 * value)
    assert fitted.bic_by_period == pytest.approx(p * np.log(fitted.n_periods) - 2 * value)
    assert "by people" in fitted.summary()


def test_no_person_is_named_but_in_memberships(fitted):
    shown = fitted.summary() + fitted._repr_html_() + repr(fitted)
    assert not any(person in shown for person in fitted.memberships().person_id)


def test_the_same_seed_gives_the_same_bits(panel, fitted):
    again = fit_trajectories(panel, groups=2, family="poisson", **ONCE)
    assert_allclose(again.to_frame().estimate, fitted.to_frame().estimate, rtol=0, atol=0)


def test_groups_stand_in_the_order_asked_for(panel):
    by_share = fit_trajectories(panel, groups=2, family="poisson", **ONCE).groups()
    by_rate = fit_trajectories(panel, groups=2, family="poisson", order="rate", **ONCE).groups()
    assert by_share.estimate.is_monotonic_decreasing
    assert by_rate.mean_rate.is_monotonic_increasing
    flat = fit_trajectories(panel, groups=2, family="logit", order="rate", **ONCE)
    assert flat.groups().mean_rate.is_monotonic_increasing


def test_the_choices_of_one_are_those_of_all():
    """`choose_groups` takes for granted what `fit_trajectories` does."""
    one, made = (inspect.signature(f).parameters for f in (fit_trajectories, make_model))
    assert {name: one[name].default for name in list(made)[1:]} == {
        name: made[name].default for name in list(made)[1:]
    }
    assert set(one) - set(made) == {"panel", "groups", "starts", "rng"}


# --- what the data cannot say -------------------------------------------------------------


def test_no_inflation_and_no_spread_are_flat_not_hidden():
    rng = np.random.default_rng(1)
    rows = people_of(n=200, seed=1)
    z = rows.period / 7
    rows["n_offences"] = rng.binomial(12, 0.25 * np.exp(0.5 * z))  # less spread than Poisson
    rows["exposure"] = 1.0
    plain = fit_trajectories(rows, groups=1, family="poisson", rng=1)
    for family, name in (("zip", "inflation: intercept"), ("negative-binomial", "log dispersion")):
        fit = fit_trajectories(rows, groups=1, family=family, rng=1)
        frame = fit.to_frame().set_index("term")
        assert frame.note[name] == "not estimable: the likelihood is flat in it"
        assert np.isnan(frame.std_error[name])
        assert frame.estimate[name] < -8
        assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-4)
        assert_allclose(frame.std_error[:3], plain.to_frame().std_error, rtol=1e-3)
        assert fit.curve().note.eq("").all()
        assert any("flat" in caveat for caveat in fit.caveats)


def test_a_group_of_one_person_is_flagged():
    rows = people_of(n=60, seed=1)
    rows["n_offences"] = np.where(rows.person_id == rows.person_id.iloc[0], 90, rows.n_offences % 2)
    fit = fit_trajectories(rows, groups=2, family="poisson", starts=6, rng=1)
    groups, frame, curve = fit.groups(), fit.to_frame(), fit.curve()
    assert groups.n.tolist() == [59, 1]
    assert groups.note[1].startswith("not estimable: fewer people than its 3 parameters")
    assert "share below 5 in 100" in groups.note[1]
    assert frame[frame.group == "2"].std_error.isna().all()
    assert frame[frame.group == "1"].std_error.notna().all()
    assert curve[curve.group == "2"][["std_error", "conf_low", "conf_high"]].isna().all(axis=None)


def test_more_groups_than_there_are_is_flagged_or_weak():
    rng = np.random.default_rng(3)
    rows = people_of(n=200, seed=3)
    rows["n_offences"] = rng.poisson(rows.exposure)
    fit = fit_trajectories(rows, groups=3, family="poisson", starts=6, rng=1)
    assert fit.groups().note.ne("").any() or fit.top.unknown.any()
    assert fit.bic > fit_trajectories(rows, groups=1, family="poisson", rng=1).bic


def test_people_who_never_offend_have_a_curve_without_limits():
    rows = people_of(n=200, seed=9, family="poisson")
    rows.loc[rows.kind == 0, "n_offences"] = 0
    rows.loc[rows.kind == 1, "n_offences"] += 5
    fit = fit_trajectories(rows, groups=2, family="poisson", degree=1, **ONCE)
    curve = fit.curve()
    never = curve[curve.group == "1"]
    assert never.estimate.max() < 1e-6
    assert never.note.str.startswith("not estimable").all()
    assert never.conf_high.isna().all()
    assert curve[curve.group == "2"].note.eq("").all()


def test_a_climb_that_has_not_come_to_rest_is_said(panel, fitted):
    assert fitted.top.settled
    model, mixture = fitted.model, fitted.top.mixture
    away = _described(model, mixture, fitted.top.point.params[0] + 0.01, fitted.top.tops)
    assert not away.settled
    assert any("had not come to rest" in caveat for caveat in told(model, away, 1).caveats)


def test_what_is_left_out_is_counted():
    rows = people_of(n=50, seed=1)
    ids = rows.person_id.unique()
    rows["n_offences"] = rows.n_offences.astype(float)
    rows.loc[rows.index[:3], "n_offences"] = np.nan
    away = rows.person_id.eq(ids[20])
    rows.loc[away, ["n_offences", "exposure"]] = 0
    rows["need"] = rows.need.astype(float).mask(rows.person_id.eq(ids[30]))
    fit = fit_trajectories(rows, groups=1, family="poisson", membership=["need"], rng=1)
    assert fit.n_people == 48
    assert fit.n_periods == len(rows) - 3 - away.sum() - rows.person_id.eq(ids[30]).sum()
    told = " ".join(fit.caveats)
    assert "3 periods without a count" in told
    assert f"{away.sum()} periods without any exposure" in told
    assert "1 people without a value of a membership term" in told
    assert "1 people have no period left" in told
    assert "48 people are few" in told


def wrong(**columns):
    return lambda rows: rows.assign(**columns)


@pytest.mark.parametrize(("spoil", "options", "says"), [
    (lambda rows: rows.drop(columns="exposure"), {}, "Not a column: 'exposure'"),
    (wrong(n_offences=0.5), {}, "not whole"),
    (wrong(n_offences="many"), {}, "'n_offences' is not of numbers"),
    (wrong(exposure=-1.0), {}, "'exposure' below 0"),
    (wrong(exposure=np.nan), {}, "rows have no 'exposure'"),
    (wrong(exposure=np.inf), {}, "infinite 'exposure'"),
    (wrong(exposure=0.0, n_offences=1), {}, "offences and no exposure"),
    (wrong(person_id=None), {}, "name no person"),
    (lambda rows: pd.concat([rows, rows.head(2)]), {}, "2 of .* tell a person's period again"),
    (lambda rows: rows[rows.period < 2], {}, "needs 3 periods"),
    (lambda rows: rows[rows.period < 3], {"degree": 3}, "4 terms needs as many periods"),
    (lambda rows: rows[rows.person_id < rows.person_id.unique()[6]], {}, "more than the 6 people"),
    (lambda rows: rows[rows.period < 4], {"family": "logit", "groups": 3}, "need 5 periods"),
    (wrong(weight=0.0), {"weight": "weight", "variance": "robust"}, "of 0 or less"),
    (wrong(weight=1.0), {"weight": "weight"}, "variance='robust'"),
    (wrong(mood=lambda rows: rows.period), {"membership": ["mood"]}, "change 'mood' within"),
    (wrong(same=1), {"membership": ["same"]}, "'same' says nothing"),
    (wrong(), {"family": "gaussian"}, "`family` is one of"),
    (wrong(), {"order": "name"}, "`order` is one of"),
    (wrong(), {"variance": "hc0"}, "`variance` is one of"),
    (wrong(), {"inflation": "cubic"}, "'tau'"),
    (wrong(), {"degree": -1}, "degree of 0 or more"),
    (wrong(), {"knots": [99.0]}, "Knots lie between"),
    (wrong(), {"groups": 0}, "1 or more, not 0"),
    (wrong(), {"starts": 0}, "`starts` is 1 or more"),
])  # fmt: skip
def test_what_cannot_be_meant_is_a_clear_error(spoil, options, says):
    rows = spoil(people_of(n=40, seed=1))
    with pytest.raises(ModelError, match=says):
        fit_trajectories(rows, **({"groups": 2, "family": "zip", "rng": 1} | options))


@pytest.mark.parametrize(("options", "says"), [
    ({"by": "aic"}, "`by` is one of"),
    ({"groups": ()}, "names no number"),
    ({"by": "cross-validation", "folds": 1}, "from 2 to the 40 people"),
    ({"starts": 0}, "1 or more"),
])  # fmt: skip
def test_a_choice_that_cannot_be_made_is_a_clear_error(options, says):
    with pytest.raises(ModelError, match=says):
        choose_groups(people_of(n=40, seed=1), family="poisson", rng=1, **options)
