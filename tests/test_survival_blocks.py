"""Rows in blocks: the same numbers as at once, people whole, and data larger than memory."""

import subprocess
import sys
import textwrap
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import DataError, ModelError, SourceError
from desistance.survival import Ridge, Spline, fit_cox, kaplan_meier
from desistance.timetoevent import TimesInBlocks, TimeToEvent

ROLES = {"start": "start", "stop": "stop", "event": "event", "person": "person"}
TERMS = ["x", "arm", "tier", Spline("age", knots=[20, 30, 45])]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(11)
    people, cuts = 400, 3
    n = people * cuts
    stay = rng.integers(1, 60, (people, cuts))
    stop = np.cumsum(stay, axis=1).ravel()
    frame = pd.DataFrame(
        {
            "person": np.repeat([f"P{i:04}" for i in range(people)], cuts),
            "start": stop - stay.ravel(),
            "stop": stop,
            "event": rng.random(n) < 0.5,
            "x": rng.normal(1e4, 3, n),
            "arm": np.repeat(rng.random(people) < 0.5, cuts),
            "tier": rng.choice(["FIXED", "FLEX", "FREE"], n),
            "age": np.repeat(rng.uniform(18, 60, people), cuts),
            "area": rng.choice(["east", "north", "west"], n),
            "prison": np.repeat(rng.integers(0, 40, people), cuts),
            "weight": rng.uniform(0.3, 3, n),
        }
    )
    frame.loc[[5, 700], "x"] = np.nan
    return frame


def in_blocks(rows, sizes=(0, 7, 500, 501, 777, 1200), **roles):
    """The rows cut anywhere: in the middle of people too."""
    cut = [rows.iloc[a:b] for a, b in pairwise(sizes)]
    return TimesInBlocks.from_frames(cut, recurrent=True, **ROLES | roles)


def both(rows, sizes=(0, 7, 500, 501, 777, 1200), **roles):
    at_once = TimeToEvent.from_frame(rows, recurrent=True, **ROLES | roles)
    return at_once, in_blocks(rows, sizes, **roles)


def same_fit(one, other):
    assert other.terms == one.terms
    assert other.notes == one.notes
    for name in ("log_hazards", "covariance", "model_covariance"):
        value = getattr(one, name)
        scale = np.nanmax(np.abs(value), initial=1e-300)
        assert_allclose(getattr(other, name), value, rtol=1e-11, atol=1e-12 * scale)
    for name in ("log_likelihood", "log_likelihood_null", "score_statistic"):
        assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-12)
    assert_allclose(other.tests().statistic, one.tests().statistic, rtol=1e-10)
    for name in ("n", "n_people", "n_events", "n_left_out", "degrees", "strata", "clusters"):
        assert getattr(other, name) == getattr(one, name)
    if any("no event among" in note for note in one.notes):
        return  # how far out the term is taken, and so the hazard at its mean, is rounding
    assert other.baseline.groups == one.baseline.groups
    assert other.baseline.last_day == one.baseline.last_day
    for name in ("day", "group", "hazard", "variance", "path"):
        assert_allclose(getattr(other.baseline, name), getattr(one.baseline, name), atol=1e-11)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variance": "robust"},
        {"variance": "cluster"},
        {"variance": "cluster", "cluster": "prison"},
        {"strata": ["area", "arm"], "variance": "cluster"},
        {"penalty": Ridge(2.0)},
    ],
)
def test_blocks_give_the_numbers_of_the_rows_at_once(rows, ties, options):
    for roles in ({}, {"weight": "weight", "strata": "area"}):
        terms = [t for t in TERMS if t not in options.get("strata", ())]
        one, other = (fit_cox(t, terms, ties=ties, **options) for t in both(rows, **roles))
        same_fit(one, other)
        assert other.caveats == one.caveats
        assert other.caveats[0] == "Rows left out (`x` is empty): 2."


@pytest.mark.parametrize("variance", ["model", "cluster"])
def test_a_late_entry_that_outweighs_all_others_spoils_no_block(rows, variance):
    rng = np.random.default_rng(4)
    frame = rows.iloc[:300].assign(x=rng.normal(size=300), age=rng.normal(size=300), start=0)
    frame["stop"] = 1 + (300 * rng.exponential(np.exp(-frame.x - 0.3 * frame.age))).astype(int)
    frame["person"] = frame.index.astype(str)
    middle = int(np.sort(frame.stop[frame.event])[70])
    frame.loc[10, ["start", "stop", "event", "x"]] = [middle - 1, middle, True, 36.0]
    one, other = (fit_cox(t, ["x", "age"], variance=variance) for t in both(frame, (0, 7, 300)))
    assert one.notes == ("", "")
    same_fit(one, other)


def test_what_cannot_be_estimated_is_said_of_blocks_too(rows):
    frame = rows.assign(never=(rows.index % 9 == 0) & ~rows.event, twin=rows.arm * 2)
    one, other = (fit_cox(t, ["age", "arm", "twin", "never"]) for t in both(frame))
    assert other.notes[2:] == (
        "not estimable: the same as `arm`",
        "not estimable: no event among those with `never` 1",
    )
    same_fit(one, other)
    quiet, also = (fit_cox(t, ["age"]) for t in both(rows.assign(event=False)))
    assert also.notes == quiet.notes == ("not estimable: no event",)


def test_a_category_keeps_its_order_and_a_block_may_lack_a_label(rows):
    tier = pd.Categorical(rows.tier, ["FREE", "FLEX", "NONE", "FIXED"])
    frame = rows.assign(tier=tier)[rows.tier.ne("FREE") | (rows.index < 600)]
    frame = frame.reset_index(drop=True)
    one, other = (fit_cox(t, ["tier"]) for t in both(frame, sizes=(0, 600, len(frame))))
    assert other.terms == ("tier[FLEX]", "tier[FIXED]")
    same_fit(one, other)


def test_row_groups_of_parquet_files_are_blocks(rows, tmp_path):
    rows[:700].to_parquet(tmp_path / "part-0.parquet", row_group_size=100)
    rows[700:].to_parquet(tmp_path / "part-1.parquet", row_group_size=333)
    stored = TimesInBlocks.from_parquet(tmp_path, recurrent=True, **ROLES, strata="area")
    assert repr(stored) == repr(both(rows)[0]).replace("TimeToEvent", "TimesInBlocks")
    once = TimeToEvent.from_frame(rows, recurrent=True, **ROLES, strata="area")
    same_fit(*(fit_cox(t, TERMS, variance="cluster") for t in (once, stored)))


def test_strata_of_whole_numbers_stand_in_one_order(rows):
    frame = rows.assign(area=rows.area.factorize()[0] + 9)
    one, other = (fit_cox(t, TERMS) for t in both(frame, strata="area"))
    assert one.baseline.groups == other.baseline.groups
    assert "10" in one.baseline.groups
    same_fit(one, other)


def test_a_person_cut_in_two_is_joined_and_one_who_comes_back_is_refused(rows):
    sizes = (*range(0, 120, 2), 1200)
    one, other = (fit_cox(t, ["x"], variance="cluster") for t in both(rows, sizes))
    same_fit(one, other)
    by_day = rows.sort_values("stop")
    with pytest.raises(DataError, match=r"The rows of \d+ people stand in blocks that do not"):
        in_blocks(by_day)


def test_faults_are_found_in_their_block(rows):
    wrong = rows.assign(stop=rows.stop.where(rows.index != 640, 0))
    with pytest.raises(DataError, match=r"frame 3: (.|\n)*not after 'start' in 1 row \(row 139\)"):
        in_blocks(wrong)
    with pytest.raises(DataError, match=r"`stop='days'`: no such column in every block; there are"):
        TimesInBlocks.from_frames([rows], stop="days", event="event")
    with pytest.raises(DataError, match="There is no frame"):
        TimesInBlocks.from_frames([], stop="stop", event="event")
    with pytest.raises(DataError, match="There is no row"):
        TimesInBlocks.from_frames([rows[:0]], stop="stop", event="event")
    numbered = [rows[:600].assign(person=range(600)), rows[600:]]
    with pytest.raises(DataError, match="`person` holds int64 and object in different blocks"):
        TimesInBlocks.from_frames(numbered, recurrent=True, **ROLES)
    with pytest.raises(DataError, match="column 'person' is empty in 1 row"):
        in_blocks(rows.assign(person=rows.person.where(rows.index != 640)))


def test_files_that_are_not_there_are_said_so(tmp_path):
    with pytest.raises(SourceError, match=r"no file \*.parquet in the folder"):
        TimesInBlocks.from_parquet(tmp_path, stop="stop", event="event")
    with pytest.raises(SourceError, match=r"no file or folder 'rows.parquet'"):
        TimesInBlocks.from_parquet(tmp_path / "rows.parquet", stop="stop", event="event")


def test_what_needs_all_rows_at_once_is_refused(rows):
    blocks = in_blocks(rows)
    for options, told in {
        "exact": ({"ties": "exact"}, "ties='exact' cannot"),
        "firth": ({"penalty": "firth"}, "penalty='firth' cannot"),
        "varying": ({"time_varying": {"x": "log"}}, "`time_varying` cannot"),
    }.values():
        with pytest.raises(ModelError, match=told):
            fit_cox(blocks, ["x"], **options)
    with pytest.raises(ModelError, match="Say where the knots"):
        fit_cox(blocks, [Spline("age")])
    with pytest.raises(ModelError, match="'nobody' is not a column of every block"):
        fit_cox(blocks, ["nobody"])
    with pytest.raises(ModelError, match="says who a person is"):
        fit_cox(blocks, ["person"])
    with pytest.raises(ModelError, match="'event' says what happened: it is no term and no group"):
        fit_cox(blocks, ["x", "event"])
    for ask in (partial(fit_cox, terms=["x"], strata="event"), partial(kaplan_meier, by="stop")):
        with pytest.raises(ModelError, match="says what happened: it is no term and no group"):
            ask(blocks)
    ids = rows.assign(note=rows.person + "!")
    with pytest.raises(ModelError, match="has 400 labels: an id is not a term"):
        fit_cox(in_blocks(ids), ["note"])
    with pytest.raises(ModelError, match="none is left to fit"):
        fit_cox(in_blocks(rows.assign(x=np.nan)), ["x"])


LARGE = """
    import resource, sys
    import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq
    from desistance.survival import fit_cox
    from desistance.timetoevent import TimesInBlocks

    path, roles, terms = sys.argv[1], {"stop": "stop", "event": "event"}, list("abcdefgh")

    def block(number, n=50_000):
        rng = np.random.default_rng(number)
        x = {name: rng.normal(size=n) for name in terms}
        day = np.ceil(rng.exponential(300 * np.exp(-0.3 * x["a"]))).astype(int)
        return pa.Table.from_pandas(
            pd.DataFrame({"stop": np.minimum(day, 365), "event": day <= 365, **x})
        )

    def write(blocks):
        with pq.ParquetWriter(path, block(0).schema) as file:
            for number in range(blocks):
                file.write_table(block(number))

    def fit():
        return fit_cox(TimesInBlocks.from_parquet(path, **roles), terms)

    pa.set_memory_pool(pa.system_memory_pool())
    write(1)
    fit()  # so that all is imported, and threads have started
    write(16)
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 40 * 2**20,) * 2)
    if sys.argv[2] == "whole":
        pq.ParquetFile(path).read(use_threads=False).to_pandas(use_threads=False)
    else:
        found = fit()
        print(found.n, found.coefficients["a"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as on Linux")
def test_data_larger_than_memory_are_fitted(tmp_path):
    def run(how):
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(LARGE), str(tmp_path / "rows.parquet"), how],
            capture_output=True, text=True, check=False, timeout=60,
            env={"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        )  # fmt: skip

    whole, blocks = run("whole"), run("blocks")
    assert whole.returncode
    assert "MemoryError" in whole.stderr
    assert blocks.returncode == 0, blocks.stderr
    n, slope = blocks.stdout.split()
    assert n == "800000"
    assert float(slope) == pytest.approx(0.3, abs=0.01)
