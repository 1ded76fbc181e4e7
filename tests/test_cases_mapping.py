"""The mapping file: every name in it is checked, and the nearest one offered."""

import pytest

from desistance.cases import CaseMapping, read_mapping
from desistance.errors import PlanError

# What a mapping says, and what is said of it.
WRONG = {
    "peopel = {}": "`peopel` is not a setting; did you mean `people`?",
    "[people]\nfiel = 'x'": "`people.fiel` is not a setting; did you mean `file`?",
    "[offences.extra]\nx = 'flag'": "`offences.extra` is not a setting",
    "[people.columns]\npersn_id = 'x'": (
        "`people.columns`: there is no column `persn_id`; did you mean `person_id`?"
    ),
    "[offences.codes.outcome]\n'C' = 'charge'": (
        "`charge` is not one of convicted, .*did you mean `charged`?"
    ),
    "[offences.codes.offence_date]\n'C' = 'x'": "a date has no codes",
    "[offences.codes.in_custody]\n'C' = 'maybe'": "`maybe` is not one of true, false",
    "[offences.dates]\noffence_dat = 'iso'": (
        "there is no column `offence_dat`; did you mean `offence_date`?"
    ),
    "[offences.dates]\noffence_date = 'dd/mm/yyyy'": "neither 'iso', 'excel-serial' nor a format",
    "[offences.dates]\noffence_date = '%d/%m/%Y/%d'": "neither 'iso', 'excel-serial' nor a format",
    "[offences.dates]\noutcome = 'iso'": "`outcome` does not hold dates",
    "[people.missing]\nsx = ['?']": "there is no column `sx`",
    "[people.extra]\nsex = 'text'": "`people.extra`: `sex` must be",
    "[people.extra]\n'a b' = 'text'": "`people.extra`: `a b` must be",
    "[people.extra]\nvisits = 'date'": "`people.extra.visits`: ",
    "[people]\nheader_row = 0": "`people.header_row`: ",
    "encoding = 'utf-9'": "`encoding` is not an encoding",
    "max_quarantined = 1.5": "`max_quarantined`: ",
    "max_quarantined = '5 %'": "`max_quarantined`: ",
    "x = !": r"is not valid TOML \(at line 1, column 5\)",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_name_is_an_error_that_offers_the_nearest(tmp_path, text):
    (tmp_path / "mapping.toml").write_text(text)
    with pytest.raises(PlanError, match=WRONG[text].replace("?", r"\?")) as caught:
        read_mapping(tmp_path / "mapping.toml")
    assert str(caught.value).startswith("The mapping mapping.toml ")
    assert caught.value.__context__ is None


def test_everything_wrong_is_said_at_once():
    with pytest.raises(PlanError) as caught:
        read_mapping({"people": {"columns": {"a": "x"}, "dates": {"b": "iso"}}})
    assert "`a`" in str(caught.value)
    assert "`b`" in str(caught.value)


def test_a_mapping_that_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(PlanError, match=r"mapping\.toml cannot be read"):
        read_mapping(tmp_path / "mapping.toml")


def test_a_mapping_that_is_not_text_cannot_be_read(tmp_path):
    (tmp_path / "mapping.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PlanError, match="not UTF-8"):
        read_mapping(tmp_path / "mapping.toml")


def test_no_mapping_is_the_mapping_of_the_schema():
    assert read_mapping(None) == CaseMapping()
    mapping = read_mapping({"max_quarantined": 0.1})
    assert read_mapping(mapping) is mapping
