"""Cases in blocks of people: the numbers of cases in memory, whatever the cuts and the order."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from desistance import (
    CaseData,
    FollowUpDesign,
    SimulationDesign,
    build_histories,
    cumulative_incidence,
    follow_up,
    kaplan_meier,
    open_cases,
    reoffending_rates,
    simulate_cases,
    start_spark,
    write_blocks,
)
from desistance.cases.inblocks import OF_PEOPLE
from desistance.engine import InMemory
from desistance.errors import (
    BiasError,
    DataError,
    EngineError,
    FollowUpError,
    ModelError,
    OutputError,
    SourceError,
)
from studiesinblocks import DESIGN, awkward_cases, same_study, study


@pytest.fixture(scope="module")
def cases():
    return awkward_cases()


@pytest.fixture(scope="module")
def at_once(cases):
    return study(cases)


@pytest.mark.parametrize("n_blocks", [1, 2, 7, 90])
def test_blocks_in_memory_give_the_numbers_of_all_at_once(cases, at_once, n_blocks):
    blocks = open_cases(cases, n_blocks=n_blocks)
    assert blocks.n_blocks == n_blocks
    same_study(at_once, study(blocks))


@pytest.mark.parametrize("n_blocks", [1, 7])
def test_blocks_in_files_give_the_numbers_of_all_at_once(cases, at_once, n_blocks, tmp_path):
    write_blocks(cases, tmp_path / "cases", n_blocks=n_blocks)
    same_study(at_once, study(open_cases(tmp_path / "cases")))


def test_what_is_written_is_what_is_read(cases, tmp_path):
    write_blocks(cases, tmp_path, n_blocks=5)
    opened = open_cases(tmp_path)
    assert repr(opened).startswith("<CasesInBlocks: 90 people,")
    again = opened.in_memory()
    for name in (*OF_PEOPLE, "areas", "extract"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(cases, name))
    assert (again.extract_date, again.extra) == (cases.extract_date, cases.extra)
    pd.testing.assert_frame_equal(again.quality.to_frame(), cases.quality.to_frame())
    assert oct((tmp_path / "people").stat().st_mode)[-2:] == "00"


def test_people_as_rows_are_the_same_wherever_they_are_cut(cases, at_once):
    followed = at_once["followed"]
    blocks = follow_up(opened := open_cases(cases, n_blocks=9), build_histories(opened), DESIGN)
    people = pd.concat(blocks.each(lambda rows: rows), ignore_index=True)
    pd.testing.assert_frame_equal(people, followed.people)
    ids = cases.people["person_id"].sample(frac=1, random_state=1)
    dates = pd.Series(pd.Timestamp("2022-06-01"), index=ids.index)
    pd.testing.assert_frame_equal(
        build_histories(opened).known_on(ids, dates), followed.histories.known_on(ids, dates)
    )
    with pytest.raises(DataError, match="1 of 2 people are not in `people`"):
        build_histories(opened).known_on(pd.Series([ids.iloc[0], "nobody"]), dates[:2])


def test_the_order_of_rows_and_the_names_of_people_change_nothing(cases, at_once):
    rng = np.random.default_rng(3)
    old = cases.people["person_id"]
    new = pd.Series([f"Q{i:05}" for i in rng.permutation(len(old))], index=old, dtype="string")

    def renamed(frame):
        named = frame.assign(person_id=frame["person_id"].map(new).astype("string"))
        return named.sample(frac=1, random_state=2).reset_index(drop=True)

    frames = {name: renamed(getattr(cases, name)) for name in OF_PEOPLE}
    frames["people"] = frames["people"].sort_values("person_id", ignore_index=True)
    other = replace(cases, **frames)
    same_study(at_once, study(other))
    same_study(at_once, study(open_cases(other, n_blocks=7)))


@pytest.mark.parametrize(
    "design",
    [
        FollowUpDesign(clock="street", watch_months=9),
        FollowUpDesign(exposure="ever", seen_everywhere=True),
        FollowUpDesign(time_zero="own start", months=6, waiting_months=3),
    ],
    ids=["street", "ever", "own start"],
)
def test_designs_give_the_same_in_blocks(cases, design):
    def followed(of):
        return follow_up(of, build_histories(of), design, acknowledge_bias=True)

    one, other = followed(cases), followed(open_cases(cases, n_blocks=11))
    pd.testing.assert_frame_equal(one.flow, other.flow)
    assert one.caveats == other.caveats
    for by in ("cohort", "exposed"):
        pd.testing.assert_frame_equal(
            reoffending_rates(one, by).to_frame(), reoffending_rates(other, by).to_frame()
        )
    pd.testing.assert_frame_equal(
        kaplan_meier(one, "cohort").to_frame(), kaplan_meier(other, "cohort").to_frame()
    )


def test_bias_is_refused_with_the_count_of_all_blocks(cases):
    design = FollowUpDesign(exposure="ever")

    def told(of):
        with pytest.raises(BiasError) as caught:
            follow_up(of, build_histories(of), design)
        return str(caught.value)

    assert told(cases) == told(open_cases(cases, n_blocks=6))


def test_nobody_to_follow_is_said_with_the_flow_of_all(cases):
    design = FollowUpDesign(leaving="NONE")
    opened = open_cases(cases, n_blocks=4)
    with pytest.raises(FollowUpError, match=r"never managed under NONE +90 +0"):
        follow_up(opened, build_histories(opened), design)
    with pytest.raises(FollowUpError, match="from other case data"):
        follow_up(opened, build_histories(open_cases(cases)), design)


def test_what_needs_everyone_at_once_says_what_to_do(cases):
    opened = open_cases(cases, n_blocks=3)
    followed = follow_up(opened, build_histories(opened), DESIGN)
    for name in ("people", "rows", "repeated", "known"):
        with pytest.raises(FollowUpError, match=rf"`{name}` needs everyone at once.*in_memory"):
            getattr(followed, name)
    assert not hasattr(followed, "nothing")
    with pytest.raises(DataError, match=r"needs all rows at once.*in_memory"):
        cumulative_incidence(followed)
    with pytest.raises(FollowUpError, match="'shoe' is not a column; there are"):
        reoffending_rates(followed, "shoe")
    with pytest.raises(ModelError, match="'shoe' is not a column; there are"):
        kaplan_meier(followed, "shoe")
    assert "6" in followed._repr_html_()
    assert repr(followed).startswith("<FollowUpInBlocks: ")


def test_files_of_a_follow_up_go_when_nothing_uses_them(cases, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "kept"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "kept").mkdir()
    write_blocks(cases, tmp_path / "cases", n_blocks=2)
    opened = open_cases(tmp_path / "cases")
    followed = follow_up(opened, build_histories(opened), DESIGN)
    (folder,) = (tmp_path / "kept").iterdir()
    assert oct(folder.stat().st_mode)[-3:] == "700"
    del followed
    assert not folder.exists()


def test_parts_are_written_one_after_the_other(tmp_path):
    whole = simulate_cases(SimulationDesign(n_people=60), rng=1)
    parts = [whole_part(whole, part) for part in (slice(0, 25), slice(25, 60))]
    write_blocks(iter(parts), tmp_path / "parts", n_blocks=2)
    opened = open_cases(tmp_path / "parts")
    assert (opened.n_blocks, opened.n_people) == (4, 60)
    pd.testing.assert_frame_equal(opened.in_memory().offences, whole.offences)
    with pytest.raises(DataError, match="25 people are in more than one part"):
        write_blocks([parts[0], whole], tmp_path / "twice")
    late = replace(parts[1], extract_date=pd.Timestamp("2024-12-31"))
    with pytest.raises(DataError, match="30 September 2024 and another on 31 December 2024"):
        write_blocks([parts[0], late], tmp_path / "late")
    more = replace(parts[1], people=parts[1].people.assign(shoe=1.0))
    with pytest.raises(DataError, match="different columns in `people`"):
        write_blocks([parts[0], more], tmp_path / "more")
    with pytest.raises(DataError, match="nobody to write"):
        write_blocks([], tmp_path / "none")


def whole_part(cases, some):
    ids = cases.people["person_id"][some]
    kept = {
        name: rows[rows["person_id"].isin(ids)].reset_index(drop=True)
        for name in OF_PEOPLE
        for rows in [getattr(cases, name)]
    }
    return replace(cases, **kept)


def test_folders_that_are_not_blocks_are_said_so(cases, tmp_path):
    with pytest.raises(SourceError, match="no folder 'nowhere'"):
        open_cases(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"holds no cases\.json"):
        open_cases(tmp_path)
    write_blocks(cases, tmp_path / "cases", n_blocks=2)
    with pytest.raises(OutputError, match="something in the folder 'cases'"):
        write_blocks(cases, tmp_path / "cases")
    (tmp_path / "cases/offences/block-00001.parquet").unlink()
    with pytest.raises(SourceError, match=r"no file 'offences/block-00001\.parquet'"):
        open_cases(tmp_path / "cases").in_memory()
    with pytest.raises(DataError, match="`n_blocks` is 1 or more"):
        open_cases(cases, n_blocks=0)


def test_an_engine_is_local_or_a_session(cases, monkeypatch):
    def absent(name):
        raise ImportError(name="pyspark")

    monkeypatch.setattr("desistance.engine.import_module", absent)
    with pytest.raises(EngineError, match=r"pip install 'desistance\[spark\]'.*Java 17"):
        open_cases(cases, "cluster")
    with pytest.raises(EngineError, match="needs the package pyspark"):
        start_spark()


def test_a_home_reads_no_more_than_it_is_asked_for():
    block = {"a": pd.DataFrame({"x": [1], "y": [2]}), "b": pd.DataFrame({"z": [3]})}
    home = InMemory((block,))
    assert [list(tables["a"]) for tables in home.each(dict, {"a": ["y"]})] == [["y"]]
    kept = home.keep(lambda tables: {"c": tables["b"] + 1}, {"b": None})
    assert [int(tables["c"]["z"].iloc[0]) for tables in kept.each(dict, {"c": None})] == [4]


def test_no_one_is_no_one_in_blocks_too():
    nobody = simulate_cases(SimulationDesign(n_people=5), rng=1)
    nobody = replace(nobody, **{name: getattr(nobody, name)[:0] for name in OF_PEOPLE})
    assert isinstance(nobody, CaseData)
    opened = open_cases(nobody)
    with pytest.raises(FollowUpError, match="nobody in the data"):
        follow_up(opened, build_histories(opened))
