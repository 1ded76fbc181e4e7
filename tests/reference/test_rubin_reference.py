"""Draws of links put together by Rubin's rules, against R.

`rubin.R` (mice 3.15) makes the answers.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from desistance import link_sensitivity
from desistance.linkage import Links

ANSWERS = json.loads((Path(__file__).parent / "rubin.json").read_text())
NO_LINKS = Links(
    pd.DataFrame({"table": ["police"], "record_id": ["1"]}),
    pd.DataFrame(columns=["table_a", "record_a", "table_b", "record_b", "probability"]),
)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{len(answer['q'])} draws")
def test_draws_are_put_together_as_mice_does(answer):
    told = iter(zip(answer["q"], np.sqrt(answer["u"]), strict=True))
    found = link_sensitivity(
        NO_LINKS, lambda _: next(told), rng=1, thresholds=(), draws=len(answer["q"])
    )
    [row] = found.to_frame().to_dict("records")
    ours = [row["estimate"], row["std_error"] ** 2, row["conf_low"], row["conf_high"]]
    mice = [answer["estimate"], answer["variance"], answer["low"], answer["high"]]
    assert ours == pytest.approx(mice, abs=1e-8)
    assert found.share_of_links["estimate"] == pytest.approx(answer["share"], abs=1e-12)
