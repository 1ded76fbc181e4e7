"""The Rossi releases: did financial aid keep 432 people from being arrested again?

In 1971-72 the Transitional Aid Research Project gave half of 432 people leaving Maryland prisons
financial aid, by lot, and counted weeks to the next arrest for a year (Rossi, Berk and Lenihan
1980; the data come with lifelines). This script writes them down as case files and evaluates them
as any pilot would be: leaving prison is time zero, aid is the programme joined on that day.

    python examples/rossi.py --out rossi

What is made up, because the data do not say: one release date for all, and the kind of offence
(every one stands as class 049). An arrest stands as outcome "charged"; the plan counts it.
"""

import argparse
from pathlib import Path

import pandas as pd
from lifelines.datasets import load_rossi

from desistance import evaluate, load_cases, write_report
from desistance.evaluation import load_plan

HERE = Path(__file__).parent
RELEASE = pd.Timestamp("1971-07-01")
COVARIATES = ["race", "wexp", "mar", "paro"]


def tables() -> dict[str, pd.DataFrame]:
    """Turn the releases into the tables of a case file."""
    rossi = load_rossi()
    rossi["person_id"] = [f"R{number:03d}" for number in range(1, len(rossi) + 1)]
    people = rossi[["person_id", *COVARIATES]].assign(
        birth_month=[RELEASE - pd.DateOffset(years=age) for age in rossi["age"]]
    )
    prison = rossi[["person_id"]].assign(
        programme="prison", start_date=RELEASE - pd.DateOffset(years=1), end_date=RELEASE
    )
    aid = rossi.loc[rossi["fin"] == 1, ["person_id"]].assign(programme="aid", start_date=RELEASE)
    arrested = rossi[rossi["arrest"] == 1]
    arrests = arrested[["person_id"]].assign(
        offence_date=RELEASE + pd.to_timedelta(7 * arrested["week"], unit="D"), outcome="charged"
    )
    prior = rossi.loc[rossi.index.repeat(rossi["prio"]), ["person_id"]]
    which = prior.groupby("person_id").cumcount()
    convictions = prior.assign(
        offence_date=RELEASE - pd.to_timedelta(400 + 30 * which, unit="D"), outcome="convicted"
    )
    offences = pd.concat([convictions, arrests]).assign(
        outcome_date=lambda rows: rows["offence_date"], offence_code="049"
    )
    extract = {"source": ["TARP"], "extract_date": [RELEASE + pd.Timedelta(days=365)]}
    return {
        "people": people,
        "episodes": pd.concat([prison, aid]),
        "offences": offences,
        "extract": pd.DataFrame(extract),
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
    plan = load_plan(HERE / "rossi.toml")
    found = evaluate(load_cases(files, HERE / "rossi_mapping.toml"), plan)
    print(found.summary())
    print(f"Report: {write_report(found, out / 'report')}")


if __name__ == "__main__":
    main()
