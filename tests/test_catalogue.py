"""The catalogue: cut-offs and sets cell by cell, unknown is never "no", a user's own file."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance.catalogue import (
    cost_of,
    harm_weights,
    load_offence_set,
    load_scheme,
    names,
    need_shares,
    needs_from_scores,
    offence_class,
    offence_classes,
    offence_set,
    pathway_needs,
    pathway_of,
    scheme,
    unit_costs,
    unknown_codes,
    unmapped,
)
from desistance.errors import PlanError, SourceError

DATA = files("desistance.catalogue") / "data"

# Section, pathway of the seven, top score, need from, severe from.
# Source: HMPPS assess-risks-and-needs and tier services.
OASYS_CUT_OFFS = [
    ("3", "ACC", 8, 2, 7),
    ("4", "ETE", 8, 3, 7),
    ("6", "FAM", 6, 2, 5),
    ("7", "ATB", 6, 2, 5),
    ("8", "DRG", 10, 2, 8),
    ("9", "ALC", 8, 4, 7),
    ("11", "ATB", 8, 4, 7),
    ("12", "ATB", 8, 2, 7),
]
# The overrides of the same table for the SAN assessment.
SAN_CUT_OFFS = [
    ("accommodation", "ACC", 3, 5),
    ("drug_use", "DRG", 2, 6),
    ("alcohol_use", "ALC", 2, 4),
    ("thinking_behaviours_attitudes", "ATB", 3, 5),
    ("attitudes", "ATB", 1, 5),
]
# Class, in the set of 2022 (HMICFRS), in the set of 2008 (Home Office).
SAC_TABLE = [
    ("028", True, True),
    ("029", True, True),
    ("030", False, False),  # "partly" in 2008: the aggravated class only
    ("031", False, True),
    ("034", True, True),
    ("039", True, False),
    ("048", True, True),
    ("130", True, True),
    ("131", True, True),
    ("037", True, True),
    ("045", True, True),
    ("126", False, False),
    ("033", False, False),
    ("054", False, False),
]
# Days: Cambridge CHI 2026, medians by sub-group; ONS 2016.
CCHI = {
    "001": 5475, "019": 2555, "008": 365, "105": 10, "034": 365, "028": 273.5, "030": 183.5,
    "090": 273.75, "056": 185, "045": 5, "039": 2, "049": 2, "044": 2, "046": 1, "149": 2,
    "125": 7.5,
}  # fmt: skip
ONS_CSS = {
    "001": 7979, "034": 746, "028": 438, "029": 2127, "030": 117, "031": 1513, "039": 86,
    "049": 33, "046": 13, "044": 10,
}  # fmt: skip


def scores(tool, pathway, score, **columns):
    return pd.DataFrame({"tool": tool, "pathway": pathway, "score": score, **columns})


def copy_of(kind, name, folder, **replaced):
    text = (DATA / kind / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    path = folder / f"my_{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


class TestCutOffs:
    @pytest.mark.parametrize(("section", "pathway", "top", "need", "severe"), OASYS_CUT_OFFS)
    def test_an_oasys_section_is_a_need_from_its_cut_off_on(
        self, section, pathway, top, need, severe
    ):
        rows = scores("OASYS", section, range(top + 1))
        found = needs_from_scores(rows, scheme("7PP"))
        assert found.tolist() == [score >= need for score in range(top + 1)]
        assert set(pathway_of(rows, scheme("7PP"))) == {pathway}
        area = scheme("7PP").tool("OASYS").area(section)
        assert (area.lowest, area.highest, area.severe_if) == (0, top, severe)

    @pytest.mark.parametrize(("area", "pathway", "need", "severe"), SAN_CUT_OFFS)
    def test_a_san_area_has_the_override(self, area, pathway, need, severe):
        rows = scores("SAN", area, [need - 1, need])
        assert needs_from_scores(rows, scheme("7PP")).tolist() == [False, True]
        assert set(pathway_of(rows, scheme("7PP"))) == {pathway}
        assert scheme("7PP").tool("SAN").area(area).severe_if == severe

    def test_an_area_without_a_published_cut_off_stays_unknown(self):
        rows = scores(["OASYS", "OASYS", "SAN", "SAN"], ["5", "10", "finance", "ETE"], 8)
        assert needs_from_scores(rows, scheme("7PP")).isna().all()
        assert set(unmapped(rows, scheme("7PP"))["reason"]) == {"no cut-off"}

    @pytest.mark.parametrize("area", [str(number) for number in range(1, 11) if number != 6])
    def test_the_justice_star_is_worse_at_the_low_end(self, area):
        rows = scores("JUSTICE_STAR", area, range(1, 11))
        assert needs_from_scores(rows, scheme("7PP")).tolist() == [True] * 4 + [False] * 6
        assert need_shares(rows, scheme("7PP")).iloc[[0, 9]].tolist() == [1.0, 0.0]

    def test_the_top_of_parenting_says_it_does_not_apply(self):
        rows = scores("JUSTICE_STAR", "Parenting & caring", [4, 9, 10])
        assert needs_from_scores(rows, scheme("7PP")).tolist() == [True, False, pd.NA]

    def test_red_is_a_need_and_amber_is_not(self):
        rows = scores("RAG", "ACC", [1, 2, 3])
        assert needs_from_scores(rows, scheme("7PP")).tolist() == [False, False, True]

    @pytest.mark.parametrize("tool", ["LOCAL", "7PP", "local 0-10"])
    def test_a_local_score_is_a_need_in_the_worst_third(self, tool):
        rows = scores(tool, ["FIN", "Finance, benefit & debt"], [6, 7])
        assert needs_from_scores(rows, scheme("7PP")).tolist() == [False, True]

    def test_an_unknown_tool_is_read_by_the_share_of_its_range(self):
        rows = scores("HOME_MADE", "ACC", [5, 6, 9], score_min=0, score_max=9)
        assert needs_from_scores(rows, scheme("7PP")).tolist() == [False, True, True]

    def test_an_unknown_tool_is_listed_even_when_it_is_read(self):
        rows = scores("HOME_MADE", ["ACC"], 6, score_min=0, score_max=9)
        assert unmapped(rows, scheme("7PP"))["reason"].tolist() == ["unknown tool"]

    @pytest.mark.parametrize("name", names("schemes")["schemes"])
    @pytest.mark.parametrize("spelling", ["JUSTICE_STAR", "JSTAR", "justice star", "JusticeStar"])
    def test_no_scheme_reads_the_star_upside_down(self, name, spelling):
        rows = scores(spelling, scheme(name).codes, 10, score_min=1, score_max=10)
        assert not needs_from_scores(rows, scheme(name)).fillna(False).any()

    def test_an_unknown_tool_without_a_range_stays_unknown(self):
        rows = scores("HOME_MADE", "ACC", [9.0, 9.0], score_min=[np.nan, 9], score_max=[9, 9])
        assert needs_from_scores(rows, scheme("7PP")).isna().all()

    def test_severe_is_never_milder_than_need(self):
        for name in names("schemes")["schemes"]:
            for tool in scheme(name).tools:
                for area in (*tool.areas, tool.every_pathway):
                    if area is not None and area.need_if is not None:
                        gap = area.severe_if - area.need_if
                        assert gap >= 0 if tool.higher_is_worse else gap <= 0


class TestMissingIsNeverNoNeed:
    @pytest.mark.parametrize(
        "reason", ["not_assessed", "refused", "not_applicable", "not_shared", "unknown"]
    )
    def test_a_reason_for_no_score_outweighs_the_score(self, reason):
        rows = scores("OASYS", "3", [0.0, np.nan], missing_reason=reason)
        assert needs_from_scores(rows, scheme("7PP")).isna().all()

    @pytest.mark.parametrize("score", [99, -1, 9])
    def test_a_score_outside_the_range_is_no_score(self, score):
        assert needs_from_scores(scores("OASYS", ["3"], score), scheme("7PP")).isna().all()

    def test_a_pathway_nobody_knows_is_listed(self):
        rows = scores(["OASYS", "OASYS", None], ["99", "99", "3"], 0)
        assert needs_from_scores(rows, scheme("7PP")).isna().all()
        listed = unmapped(rows, scheme("7PP"))
        assert listed["reason"].tolist() == ["unknown pathway", "unknown pathway"]
        assert listed["n"].tolist() == [2, 1]

    def test_a_pathway_of_several_cut_offs_says_too_little(self):
        rows = scores("OASYS", ["ATB"], 8)
        assert pathway_of(rows, scheme("7PP")).tolist() == ["ATB"]
        assert needs_from_scores(rows, scheme("7PP")).isna().all()

    @given(
        rows=st.lists(
            st.tuples(
                st.sampled_from(["OASYS", "SAN", "JSTAR", "RAG", "LOCAL", "MINE", None]),
                st.sampled_from(["3", "9", "6", "ACC", "SUB", "ATB", "accommodation", "?", None]),
                st.one_of(st.none(), st.integers(-2, 12)),
                st.sampled_from([None, "refused", "not_applicable"]),
            ),
            max_size=8,
        )
    )
    def test_no_score_or_no_cut_off_never_becomes_an_answer(self, rows):
        columns = ["tool", "pathway", "score", "missing_reason"]
        table = pd.DataFrame(rows, columns=columns, dtype="object")
        need = needs_from_scores(table, scheme("7PP"))
        assert need.index.equals(table.index)
        assert str(need.dtype) == "boolean"
        assert need[table["score"].isna() | table["missing_reason"].notna()].isna().all()
        assert need[(table["tool"] == "MINE") | table["tool"].isna()].isna().all()
        assert need[pathway_of(table, scheme("7PP")).isna()].isna().all()

    def test_the_index_is_kept_even_when_labels_repeat(self):
        rows = scores("OASYS", ["3", "4"], [2, 2]).set_axis([7, 7])
        assert needs_from_scores(rows, scheme("7PP")).index.tolist() == [7, 7]
        by = pathway_needs(rows.assign(person_id="p"), scheme("7PP"), by=["person_id"])
        assert by["need"].tolist() == [True, False]


class TestRollUp:
    @staticmethod
    def answers(rows, chosen=None):
        table = pd.DataFrame(rows, columns=["tool", "pathway", "score"]).assign(person_id="p")
        found = pathway_needs(table, chosen or scheme("7PP"), by=["person_id"])
        return dict(zip(found["pathway"], found["need"], strict=True))

    @pytest.mark.parametrize(
        ("drugs", "alcohol", "both"),
        [
            (0, 0, False),
            (2, 0, True),
            (0, 4, True),
            (2, None, True),
            (0, None, pd.NA),
            (None, None, pd.NA),
        ],
    )
    def test_drugs_or_alcohol(self, drugs, alcohol, both):
        found = self.answers([("OASYS", "8", drugs), ("OASYS", "9", alcohol)])
        assert found["SUB"] is both or found["SUB"] == both

    def test_a_member_nobody_scored_leaves_the_whole_unknown(self):
        assert self.answers([("OASYS", "8", 0)])["SUB"] is pd.NA
        assert self.answers([("OASYS", "8", 2)])["SUB"]

    def test_a_direct_score_waits_for_no_member(self):
        assert not self.answers([("JSTAR", "7", 9)])["SUB"]
        assert not self.answers([("JSTAR", "7", 9), ("OASYS", "8", 0)])["SUB"]
        assert self.answers([("JSTAR", "7", 9), ("OASYS", "8", 2)])["SUB"]

    def test_a_need_in_any_area_is_a_need_of_the_pathway(self):
        assert self.answers([("JSTAR", "1", 9), ("JSTAR", "2", 3)]) == {"ACC": True}
        assert self.answers([("JSTAR", "1", 9), ("JSTAR", "2", 9)]) == {"ACC": False}

    def test_parenting_that_does_not_apply_leaves_relationships_to_answer(self):
        assert self.answers([("JSTAR", "5", 9), ("JSTAR", "6", 10)]) == {"FAM": False}
        assert self.answers([("JSTAR", "6", 10)])["FAM"] is pd.NA

    def test_the_mean_rule_averages_shares_of_the_range(self, tmp_path):
        averaged = copy_of("schemes", "NOMS7", tmp_path, rule=('rule = "max"', 'rule = "mean"'))
        chosen = load_scheme(averaged)
        assert not self.answers([("OASYS", "8", 10), ("OASYS", "9", 2)], chosen)["SUB"]
        assert self.answers([("OASYS", "8", 10), ("OASYS", "9", 3)], chosen)["SUB"]
        assert self.answers([("OASYS", "8", 10), ("OASYS", "9", None)], chosen)["SUB"] is pd.NA

    def test_people_and_days_are_kept_apart(self):
        table = scores("OASYS", ["8", "9", "8"], [2, 0, 0]).assign(
            person_id=["a", "a", "b"], assessed_date=pd.Timestamp("2024-05-01")
        )
        found = pathway_needs(table, scheme("7PP"))
        assert found.columns.tolist() == ["person_id", "assessed_date", "pathway", "need", "share"]
        assert found["pathway"].tolist() == ["DRG", "ALC", "SUB", "DRG", "SUB"]
        assert found["need"].tolist() == [True, False, True, False, pd.NA]

    def test_no_rows_give_no_answers(self):
        nobody = scores("OASYS", ["3"], 2).assign(person_id="p").iloc[:0]
        assert pathway_needs(nobody, scheme("7PP"), by=["person_id"]).empty


class TestSchemes:
    def test_the_seven_pathways(self):
        seven = ("ACC", "ETE", "HLT", "SUB", "FIN", "FAM", "ATB")
        assert scheme("NOMS7").headline == scheme("7PP").headline == seven
        assert scheme("7PP").pathways == scheme("NOMS7").pathways

    @pytest.mark.parametrize(
        ("name", "count"), [("NINE", 9), ("OASYS10", 10), ("SAN9", 9), ("JUSTICE_STAR10", 10)]
    )
    def test_a_scheme_has_as_many_pathways_as_its_name_says(self, name, count):
        assert len(scheme(name).headline) == count

    @pytest.mark.parametrize("name", names("schemes")["schemes"])
    def test_a_scheme_answers_by_its_own_name(self, name):
        assert scheme(name).name == name
        assert scheme(name).source

    def test_a_name_that_is_nearly_right_is_suggested(self):
        with pytest.raises(PlanError, match=r"did you mean 'OASYS10'.*There are: 7PP, JUSTICE"):
            scheme("oasys-10")

    def test_an_unknown_kind_is_refused(self):
        with pytest.raises(PlanError, match="did you mean 'schemes'"):
            names("scheme")


class TestYourOwnScheme:
    def test_a_changed_cut_off_holds(self, tmp_path):
        copy_of("tools", "OASYS", tmp_path, section_9=("need_if = 4", "need_if = 6"))
        path = copy_of("schemes", "NOMS7", tmp_path, tool=('"OASYS"', '"my_OASYS.toml"'))
        rows = scores("OASYS", ["9", "3"], [5, 2])
        assert needs_from_scores(rows, load_scheme(path)).tolist() == [False, True]
        assert needs_from_scores(rows, scheme("NOMS7")).tolist() == [True, True]
        assert scheme(str(path)) == load_scheme(path)

    @pytest.mark.parametrize("name", names("schemes")["schemes"])
    def test_a_copy_of_a_shipped_scheme_is_the_same_scheme(self, name, tmp_path):
        assert load_scheme(copy_of("schemes", name, tmp_path)) == scheme(name)

    def test_a_local_pathway_joins_the_seven(self, tmp_path):
        path = copy_of("schemes", "7PP", tmp_path)
        local = '\n[[pathway]]\ncode = "GAM"\nname = "Gambling"\n'
        path.write_text(path.read_text(encoding="utf-8") + local, encoding="utf-8")
        chosen = load_scheme(path)
        assert chosen.headline == (*scheme("7PP").headline, "GAM")
        rows = scores("LOCAL", ["GAM"], 8)
        assert needs_from_scores(rows, chosen).tolist() == [True]

    @pytest.mark.parametrize(
        ("old", "new", "named"),
        [
            ('version = "1"', "version = 1", "`version` should be text"),
            ('valid_from = "2004"', 'valid_from = "spring"', "`valid_from` should be like"),
            ('source = "NOMS', 'sauce = "NOMS', "`source` is missing; .*`sauce` is not a key"),
            ('need_if_share = "2/3"', 'need_if_share = "5/3"', "`need_if_share` should be above 0"),
            ('need_if_share = "2/3"', 'need_if_share = "many"', "`need_if_share` should be above"),
            ('rule = "max"', 'rule = "most"', "pathway 6: `rule` should be one of any, max, mean"),
            ('["DRG", "ALC"]', '["DRG", "GIN"]', "`SUB` has the member `GIN`"),
            ('areas.OASYS = ["4"]', 'areas.OASYS = ["44"]', "`ETE` has the area `44`"),
            ('areas.OASYS = ["4"]', "areas.OASYS = [4]", "`OASYS` should be a list of texts"),
            ('code = "ETE"', 'code = "ACC"', "the pathway `ACC` is there twice"),
            ('"OASYS", "SAN"', '"OASYS", "OASYS"', "the tool `OASYS` is there twice"),
            ('areas.OASYS = ["4"]', 'areas.OASIS = ["4"]', "`ETE` has areas of `OASIS`"),
            ('"OASYS", "SAN"', '"OASIS", "SAN"', "no tools named 'OASIS'; did you mean 'OASYS'"),
            ("[other_tools]", "[other_tools", "is not a TOML file"),
        ],
    )
    def test_a_malformed_scheme_names_the_key(self, old, new, named, tmp_path):
        path = copy_of("schemes", "NOMS7", tmp_path, fault=(old, new))
        with pytest.raises(PlanError, match=named):
            load_scheme(path)

    @pytest.mark.parametrize(
        ("old", "new", "named"),
        [
            ("need_if = 4", "need_iff = 4", "area 7: `need_iff` is not .*did you mean 'need_if'"),
            ("need_if = 4", 'need_if = "4"', "`need_if` should be a number"),
            ('code = "4"', 'code = "3"', "the area `3` is there twice"),
            ("need_if = 4", "need_if = 40", "`need_if` lies outside the range"),
            ("need_if = 4", "need_if = 8", "`severe_if` is milder than `need_if`"),
            ("range = [0, 10]", "range = [10, 0]", "area 6: `range` should be two numbers"),
            ("higher_is_worse = true", 'higher_is_worse = "yes"', "should be true or false"),
        ],
    )
    def test_a_malformed_tool_names_the_key(self, old, new, named, tmp_path):
        copy_of("tools", "OASYS", tmp_path, fault=(old, new))
        path = copy_of("schemes", "NOMS7", tmp_path, tool=('"OASYS"', '"my_OASYS.toml"'))
        with pytest.raises(PlanError, match=named):
            load_scheme(path)

    @pytest.mark.parametrize(
        ("pathway", "named"),
        [("3", "`pathway` should be a list"), ('["GAM"]', "pathway 10 should be a table with")],
    )
    def test_a_pathway_that_is_no_table(self, pathway, named, tmp_path):
        base = ('based_on = "NOMS7"', f'based_on = "NOMS7"\npathway = {pathway}')
        with pytest.raises(PlanError, match=named):
            load_scheme(copy_of("schemes", "7PP", tmp_path, base=base))

    def test_a_shipped_tool_may_be_left_out(self, tmp_path):
        path = copy_of("schemes", "NOMS7", tmp_path, tools=('"OASYS", "SAN", ', '"SAN", '))
        rows = scores("OASYS", ["3"], 8)
        assert needs_from_scores(rows, load_scheme(path)).isna().all()

    def test_a_scheme_can_only_be_based_on_a_shipped_one(self, tmp_path):
        path = copy_of("schemes", "7PP", tmp_path, base=('"NOMS7"', '"my_7PP.toml"'))
        with pytest.raises(PlanError, match=r"no schemes named 'my_7PP\.toml'"):
            load_scheme(path)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(SourceError, match="There is no file"):
            load_scheme(tmp_path / "none.toml")


class TestOffenceClasses:
    def test_there_are_219_classes_of_twelve_groups(self):
        table = offence_classes()
        assert table.columns.tolist() == ["offence_class", "name", "parent_group", "breach"]
        assert len(table) == table["offence_class"].nunique() == 219
        assert table["name"].is_unique
        assert table["offence_class"].str.fullmatch(r"\d{3}").all()
        assert table["parent_group"].nunique() == 12
        assert table.loc[table["breach"], "offence_class"].tolist() == ["000", "997", "998"]

    def test_the_table_given_is_a_copy(self):
        table = offence_classes()
        table.loc[:, "name"] = "spoilt"
        assert offence_classes().loc[1, "name"] == "Murder"

    @pytest.mark.parametrize("spelling", ["028", "28", "028/01", "28/1", "02801", " 28 / 01 "])
    def test_the_spellings_of_one_class(self, spelling):
        assert offence_class(pd.Series([spelling])).tolist() == ["028"]

    @pytest.mark.parametrize(
        "spelling", ["2801", "28A", "28.1", "028/001", "10000", "100", "", "TH68036", "028/", "-28"]
    )
    def test_what_is_not_a_class_is_never_guessed(self, spelling):
        codes = pd.Series([spelling])
        assert offence_class(codes).isna().all()
        assert not offence_set("ANY_RECORDABLE").is_in(codes).any()
        assert unknown_codes(codes).to_dict() == {spelling: 1}

    def test_an_empty_cell_is_no_code_and_in_no_set(self):
        codes = pd.Series([None, "028"], index=[5, 5])
        assert offence_class(codes).tolist() == [pd.NA, "028"]
        assert unknown_codes(codes).empty
        found = offence_set("SAC_HO2008").is_in(codes)
        assert found.dtype == bool
        assert found.tolist() == [False, True]
        assert found.index.tolist() == [5, 5]

    @given(
        offence=st.sampled_from(offence_classes()["offence_class"].tolist()),
        subclass=st.integers(0, 99),
    )
    def test_every_class_survives_every_spelling(self, offence, subclass):
        number = int(offence)
        spellings = [
            offence,
            f"{offence}{subclass:02}",
            f"{offence}/{subclass}",
            f"{number}/{subclass}",
        ]
        assert set(offence_class(pd.Series(spellings))) == {offence}


class TestOffenceSets:
    @pytest.mark.parametrize(("offence", "in_2022", "in_2008"), SAC_TABLE)
    def test_serious_acquisitive_crime_cell_by_cell(self, offence, in_2022, in_2008):
        codes = pd.Series([offence])
        assert offence_set("SAC_HMICFRS2022").is_in(codes).tolist() == [in_2022]
        assert offence_set("SAC_HO2008").is_in(codes).tolist() == [in_2008]

    def test_no_other_class_is_serious_acquisitive(self):
        table = {offence for offence, *_ in SAC_TABLE}
        assert {*offence_set("SAC_HMICFRS2022").classes} <= table
        assert {*offence_set("SAC_HO2008").classes} <= table

    def test_all_acquisitive_crime(self):
        classes = [*range(28, 35), *range(37, 50), 54, 126, 130, 131]
        expected = tuple(f"{number:03}" for number in classes)
        assert offence_set("ACQUISITIVE_ALL").classes == expected

    def test_sets_lie_within_and_apart_as_they_say(self):
        sets = {name: {*offence_set(name).classes} for name in names()["offence_sets"]}
        assert sets["SAC_HMICFRS2022"] < sets["ACQUISITIVE_ALL"] < sets["ANY_RECORDABLE"]
        assert sets["SAC_HO2008"] < sets["ACQUISITIVE_ALL"]
        assert sets["VIOLENT"] < sets["ANY_RECORDABLE"]
        assert not sets["VIOLENT"] & sets["ACQUISITIVE_ALL"]

    def test_any_recordable_holds_no_breach_and_no_minor_motoring(self):
        table = offence_classes().set_index("offence_class")
        recordable = table.loc[[*offence_set("ANY_RECORDABLE").classes]]
        assert not recordable["breach"].any()
        motoring = recordable[recordable["parent_group"] == "Summary motoring offences"]
        assert motoring.index.tolist() == ["803", "805", "807"]
        assert {"503", "504", "996", "999"}.isdisjoint(recordable.index)

    def test_your_own_set_by_path(self, tmp_path):
        path = copy_of(
            "offence_sets", "SAC_HO2008", tmp_path, more=('    "031",', '    "030", "031",')
        )
        assert {*load_offence_set(path).classes} - {*offence_set("SAC_HO2008").classes} == {"030"}
        assert offence_set(str(path)) == offence_set(path) == load_offence_set(path)

    @pytest.mark.parametrize(
        ("old", "new", "named"),
        [
            ('exclude = ["108"]', 'exclude = ["1008"]', "`exclude` .*'1008'"),
            ("Violence against", "Violent against", "`groups` .*did you mean 'Violence against"),
            ("groups = ", "grups = ", "`grups` is not a key .*did you mean 'groups'"),
            ('["Violence against the person"]', "[]", "leave no class in the set"),
        ],
    )
    def test_a_malformed_set_names_the_key(self, old, new, named, tmp_path):
        path = copy_of("offence_sets", "VIOLENT", tmp_path, fault=(old, new))
        with pytest.raises(PlanError, match=named):
            load_offence_set(path)


class TestHarmWeights:
    @pytest.mark.parametrize(("scale", "figures"), [("CCHI", CCHI), ("ONS_CSS", ONS_CSS)])
    def test_the_published_figures(self, scale, figures):
        weights = harm_weights(scale)
        assert weights.loc[[*figures], "weight"].tolist() == [*figures.values()]
        assert set(weights["weight"].dropna()) == {*figures.values()}
        assert set(weights["name"]) == {scale}
        assert weights["verified"].notna().equals(weights["weight"].notna())

    def test_a_class_without_a_figure_has_no_weight(self):
        for scale in ("CCHI", "ONS_CSS"):
            weights = harm_weights(scale)
            assert len(weights) == 219
            assert weights.loc[["004", "092", "803"], "weight"].isna().all()

    def own_scale(self, folder, rows):
        path = copy_of("harm_weights", "CCHI", folder)
        path.with_suffix(".csv").write_text(rows, encoding="utf-8")
        return path

    def test_your_own_scale_by_path(self, tmp_path):
        rows = "offence_class,weight,figure,verified\n028,12.5,a local figure,no\n"
        weights = harm_weights(self.own_scale(tmp_path, rows))
        assert weights["weight"].dropna().to_dict() == {"028": 12.5}
        assert weights.loc["028", "verified"] == False  # noqa: E712 -- a nullable flag

    @pytest.mark.parametrize(
        ("rows", "named"),
        [
            ("offence_class,days\n028,1\n", "the columns should be"),
            ("offence_class,weight,figure,verified\n28,1,a,yes\n", "`offence_class` .*'28'"),
            (
                "offence_class,weight,figure,verified\n028,1,a,yes\n028,-1,a,maybe\n",
                r"second time \(line 3\); `weight` .*\(line 3\); `verified` .*\(line 3\)",
            ),
            ("offence_class,weight,figure,verified\n028,inf,a,yes\n", r"`weight` .*\(line 2\)"),
        ],
    )
    def test_a_malformed_scale_names_the_column(self, rows, named, tmp_path):
        with pytest.raises(PlanError, match=named):
            harm_weights(self.own_scale(tmp_path, rows))

    def test_a_header_without_its_table(self, tmp_path):
        with pytest.raises(SourceError, match=r"no file my_CCHI.csv beside my_CCHI.toml"):
            harm_weights(copy_of("harm_weights", "CCHI", tmp_path))


# Heeks and others (2018), Home Office Research Report 99, pounds of 2015/16, as generally known.
RR99 = {
    "001": 3_217_740, "019": 39_360, "005": 14_050, "105": 5_930, "034": 11_320, "028": 5_930,
    "031": 15_460, "048": 10_290, "045": 870, "039": 1_380, "056": 8_420, "149": 1_350,
}  # fmt: skip


class TestUnitCosts:
    def test_the_figures_with_their_year_and_none_called_verified(self):
        costs = unit_costs("RR99")
        assert costs.loc[[*RR99], "cost"].tolist() == [*RR99.values()]
        assert set(costs["price_year"]) == {"2015/16"}
        assert len(costs) == 219
        assert not costs["verified"].any()
        assert costs["verified"].notna().equals(costs["cost"].notna())
        assert costs.loc[["046", "092"], "cost"].isna().all()

    def test_a_recorded_crime_without_a_multiplier_has_no_cost(self):
        codes, costs = pd.Series(["028/01", "046", "nonsense"]), unit_costs("RR99")
        assert cost_of(codes, costs).dropna().tolist() == [5930.0]
        assert cost_of(codes, costs, uprate=1.5).dropna().tolist() == [8895.0]
        assert cost_of(codes, costs, recorded=True).isna().all()

    def own_costs(self, folder, rows):
        path = copy_of("unit_costs", "RR99", folder)
        path.with_suffix(".csv").write_text(rows, encoding="utf-8")
        return path

    def test_your_own_costs_with_multipliers(self, tmp_path):
        rows = "offence_class,cost,multiplier,figure,verified\n028,100,2.5,a local figure,no\n"
        costs = unit_costs(self.own_costs(tmp_path, rows))
        assert cost_of(pd.Series(["028"]), costs, recorded=True).tolist() == [250.0]
        assert cost_of(pd.Series(["028"]), costs).tolist() == [100.0]

    def test_a_malformed_table_names_the_column(self, tmp_path):
        rows = "offence_class,cost,multiplier,figure,verified\n028,-1,many,a,yes\n"
        with pytest.raises(PlanError, match=r"`cost` .*pounds.*\(line 2\); `multiplier` .*line 2"):
            unit_costs(self.own_costs(tmp_path, rows))


def test_the_front_door_does_not_open_the_catalogue():
    opened = "{'desistance.catalogue', 'pandas'} & {*sys.modules}"
    code = f"import sys, desistance; sys.exit(bool({opened}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
