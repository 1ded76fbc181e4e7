"""People, their matches and the job training's, as frames and as the files `effects.R` reads.

``python -m tests.reference.effects FOLDER`` writes them; `effects.R` answers in `effects.json`, and
`test_effects_reference` asks the library the same.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from desistance.balance import Balance, Propensity, estimate_propensity, match_cohorts
from tests.reference.lalonde import TERMS, lalonde

SCORED = ["age", "previous"]
HORIZON = 120


def people(n: int = 240, seed: int = 5) -> pd.DataFrame:
    """A cohort that joined by age and history, and every kind of outcome."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.integers(18, 50, n), "previous": rng.poisson(4, n)})
    odds = np.exp(1.2 - 0.05 * frame["age"] + 0.12 * frame["previous"])
    frame["joined"] = (rng.random(n) < odds / (1 + odds) * 0.7).astype(int)
    risk = np.exp(-0.4 * frame["joined"] + 0.12 * frame["previous"] - 0.02 * frame["age"])
    again, dies = rng.exponential(200 / risk), rng.exponential(700, n)
    left = rng.integers(130, 260, n)
    day = np.ceil(np.minimum(np.minimum(again, dies), left)).astype(int)
    frame["day"], frame["over"] = day, (np.minimum(again, dies) <= left).astype(int)
    frame["cause"] = np.where(again <= dies, "reoffence", "death")
    frame["reoffended"] = frame["over"] * (again <= dies).astype(int)
    frame["count"] = rng.poisson(risk)
    frame["years"] = np.round(rng.uniform(0.2, 1.0, n), 3)
    frame["harm"] = np.round(rng.gamma(2, 20 * risk), 2)
    frame["yes"] = (rng.random(n) < risk / (2 + risk)).astype(int)
    return frame


def matched(frame: pd.DataFrame) -> tuple[Propensity, Balance]:
    """Match two to each, who may serve several."""
    scored = estimate_propensity(frame, exposed="joined", terms=SCORED)
    return scored, match_cohorts(scored, ratio=2, replacement=True, caliper=0.5)


def trained() -> tuple[pd.DataFrame, Balance]:
    """The job training and its printed match."""
    men = lalonde().assign(zero=lambda frame: (frame["re78"] == 0).astype(int))
    return men, match_cohorts(estimate_propensity(men, exposed="treat", terms=TERMS))


def _as_matched(frame: pd.DataFrame, balanced: Balance) -> pd.DataFrame:
    matches = balanced.matches.reset_index(drop=True)
    rows = frame.iloc[matches["row"]].reset_index(drop=True)
    return rows.assign(id=matches["row"], match=matches["match"], w=matches["weight"])


if __name__ == "__main__":
    folder, everyone = Path(sys.argv[1]), people()
    everyone.to_csv(folder / "people.csv", index=False)
    _as_matched(everyone, matched(everyone)[1]).to_csv(folder / "matched.csv", index=False)
    _as_matched(*trained()).to_csv(folder / "trained.csv", index=False)
