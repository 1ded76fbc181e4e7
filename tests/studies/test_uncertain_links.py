"""A simulation study: do draws of links cover the truth, and what does a threshold do?

Aim: where link probabilities are right, the interval of the draws holds the truth as often as it
says, and links likelier than not, taken for certain, say too much. Data: 120 records of police,
each with one candidate in housing; probabilities from Beta(3, 2), and each candidate true with its
own. Estimand: the share of the 120 that housing truly knows, in each data set. Methods: 15 draws,
and the threshold 0.5. Performance: coverage of 95 % intervals, bias, with Monte Carlo error.
"""

import numpy as np
import pandas as pd
import pytest

from desistance import link_sensitivity
from desistance.linkage import Links

REPLICATES = 1_000
RECORDS = 120
ONE = [f"{n}" for n in range(RECORDS)]


def share_known(people):
    return (2 * RECORDS - people["person"].nunique()) / RECORDS


def replicate(seed):
    """Give whether the interval covers, and the errors at the threshold and of the draws."""
    rng = np.random.default_rng([2017, seed])
    p = rng.beta(3, 2, RECORDS)
    truth = (rng.random(RECORDS) < p).mean()
    records = pd.DataFrame({"table": np.repeat(["police", "housing"], RECORDS)})
    records["record_id"] = ONE * 2
    pairs = pd.DataFrame(
        {"table_a": "police", "record_a": ONE, "table_b": "housing", "record_b": ONE}
    ).assign(probability=p)
    links = Links(records, pairs)
    found = link_sensitivity(links, share_known, rng=rng, draws=15, thresholds=(0.5,)).to_frame()
    last = found.iloc[-1]
    covers = last["conf_low"] <= truth <= last["conf_high"]
    return covers, *(found["estimate"] - truth)


def study(replicates):
    covered, at_half, drawn = np.array([replicate(seed) for seed in range(replicates)], float).T
    noise = drawn.std() / replicates**0.5
    return covered.mean(), at_half.mean(), drawn.mean(), noise


def test_draws_cover_and_a_threshold_is_biased():
    coverage, at_half, drawn, noise = study(60)
    assert coverage > 0.85
    assert abs(drawn) < 4 * noise
    assert at_half > 0.05


@pytest.mark.slow
def test_draws_cover_as_often_as_they_say():
    coverage, at_half, drawn, noise = study(REPLICATES)
    assert coverage == pytest.approx(0.95, abs=0.02)  # three Monte Carlo errors
    assert abs(drawn) < 4 * noise
    assert at_half > 0.05
