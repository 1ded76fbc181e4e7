"""Real Spark, in two processes on this machine: every number is that of the local engine."""

import subprocess
import sys

import pandas as pd
import pytest

from studiesinblocks import DESIGN, FITS, awkward_cases, same_study, study

pytest.importorskip("pyspark", reason="pyspark is not installed; `make test-spark` sets it up")

from desistance import build_histories, fit_cox, follow_up, open_cases, start_spark, write_blocks
from desistance.errors import EngineError, ModelError, SourceError

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def spark():
    session = start_spark(2, memory="1g")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def cases():
    return awkward_cases(n_people=60)


@pytest.fixture(scope="module")
def folder(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases") / "blocks"
    write_blocks(cases, folder, n_blocks=2)
    return folder


def test_every_number_is_that_of_the_local_engine(spark, cases, folder):
    opened = open_cases(folder, spark)
    assert opened.n_blocks == 2
    few = {
        "by": ("cohort",), "curves": ("ethnicity",), "fits": FITS[:1],
        "terms": ("exposed", "n_previous"),
    }  # fmt: skip
    same_study(study(cases, **few), study(opened, **few))


def test_more_partitions_than_people_and_cases_from_memory(spark):
    cases = awkward_cases(n_people=9)
    few = open_cases(cases, spark, n_blocks=12)
    followed = follow_up(few, build_histories(few), DESIGN)
    local = follow_up(cases, build_histories(cases), DESIGN)
    pd.testing.assert_frame_equal(followed.flow, local.flow)
    assert followed.caveats == local.caveats
    people = pd.concat(followed.each(lambda rows: rows)).sort_values("person_id")
    pd.testing.assert_frame_equal(people.reset_index(drop=True), local.people)


def test_cases_come_back_as_they_were(spark, cases, folder):
    again = open_cases(folder, spark).in_memory()
    for name in ("people", "episodes", "offences", "custody", "assessments", "residence", "areas"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(cases, name))
    assert again.extract_date == cases.extract_date


def test_days_are_days_in_any_time_zone(spark, cases, folder):
    spark.conf.set("spark.sql.session.timeZone", "America/Los_Angeles")
    try:
        again = open_cases(folder, spark).in_memory()
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    pd.testing.assert_series_equal(again.offences.offence_date, cases.offences.offence_date)


def test_what_was_known_is_told_of_those_asked_about(spark, cases, folder):
    ids = cases.people["person_id"].sample(10, random_state=1)
    dates = pd.Series(pd.Timestamp("2022-06-01"), index=ids.index)
    pd.testing.assert_frame_equal(
        build_histories(open_cases(folder, spark)).known_on(ids, dates),
        build_histories(cases).known_on(ids, dates),
    )


def test_errors_are_those_of_the_local_engine(spark, cases, folder, tmp_path):
    with pytest.raises(EngineError, match='"local" or a SparkSession, not str'):
        open_cases(folder, "spark")
    with pytest.raises(SourceError, match=r"Spark finds no cases\.json in the folder"):
        open_cases(tmp_path, spark)
    few = open_cases(cases, spark, n_blocks=2)
    followed = follow_up(few, build_histories(few), DESIGN)
    with pytest.raises(ModelError, match="penalty='firth' cannot be had of rows in blocks"):
        fit_cox(followed, ["age"], penalty="firth")


def test_without_java_it_is_said_what_to_install(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import desistance; desistance.start_spark()"],
        env={"PATH": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Spark needs Java 17 or 21, and there is none on the PATH" in done.stderr
