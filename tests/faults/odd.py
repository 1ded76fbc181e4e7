"""Write the odd but honest rows that R reads: ``python -m tests.faults.odd``, then ``odd.R``."""

from io import StringIO
from pathlib import Path

import pandas as pd

from tests.faults.inputs import INPUTS
from tests.faults.spoilt import clean

FILE = Path(__file__).with_name("odd.csv")
ODD = (8, 9, 10, 15, 16, 41, 42, 53)


def odd_rows() -> pd.DataFrame:
    """Put the spoilt rows under each other, as they come back from a file."""
    frames = [INPUTS[number - 1].spoil(clean()).assign(input=number) for number in ODD]
    return pd.read_csv(StringIO(pd.concat(frames).to_csv(index=False)))


if __name__ == "__main__":
    odd_rows().to_csv(FILE, index=False)
