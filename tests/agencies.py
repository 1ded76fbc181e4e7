"""Records that three made-up agencies have of the same people, with typing errors and the truth."""

import numpy as np
import pandas as pd

from desistance import LinkColumn, LinkPlan

PLAN = LinkPlan(
    columns=(
        LinkColumn("birth_month", "date", rare_counts=True),
        LinkColumn("initials", "near"),
        LinkColumn("area_id"),
        LinkColumn("sex"),
    ),
    blocks=(("birth_month",), ("initials", "sex")),
    sure=("birth_month", "initials"),
    max_pairs=100_000,
)


def agencies(rng, people=600, share=0.7, slips=0.06):
    """Give the tables of police, probation and housing, each with the column `truth`."""
    rng = np.random.default_rng(rng)
    days = pd.to_datetime("1960-01-01") + pd.to_timedelta(rng.integers(0, 16_000, people), "D")
    letters = rng.choice(list("ABCDEFGHJKLMNPRSTW"), (people, 2))
    truth = pd.DataFrame(
        {
            "truth": range(people),
            "birth_month": days.strftime("%Y-%m-01"),
            "initials": ["".join(pair) for pair in letters],
            "area_id": rng.choice([f"A{n}" for n in range(12)], people),
            "sex": rng.choice(["M", "F"], people, p=[0.85, 0.15]),
        }
    )
    tables = {}
    for name in ("police", "probation", "housing"):
        known = truth.iloc[rng.permutation(np.flatnonzero(rng.random(people) < share))]
        known = known.reset_index(drop=True)
        for column in ("birth_month", "initials", "area_id"):
            slip = rng.random(len(known)) < slips
            known.loc[slip, column] = rng.choice(truth[column], slip.sum())
        known.loc[rng.random(len(known)) < 0.05, "area_id"] = ""
        tables[name] = known.assign(record_id=[f"{n}" for n in range(len(known))])
    return tables


def are_one(pairs, tables):
    """Tell which pairs are of one person in truth."""
    truth = pd.concat([t.assign(table=name) for name, t in tables.items()])
    truth = truth.set_index(["table", "record_id"])["truth"]
    sides = [
        truth.loc[list(zip(pairs[f"table_{side}"], pairs[f"record_{side}"], strict=True))]
        for side in "ab"
    ]
    return sides[0].to_numpy() == sides[1].to_numpy()


def n_true_pairs(tables):
    """Count the pairs of records in different tables that are of one person."""
    seen = [set(table["truth"]) for table in tables.values()]
    return sum(len(one & other) for n, one in enumerate(seen) for other in seen[:n])
