# %% [markdown]
# # 6. How does it become a report that is safe to share?
#
# A plan holds every choice, written down before outcomes are seen. `evaluate` runs it from start to end, and
# `write_report` writes what may leave the office. All people here are made up.

# %%
from dataclasses import asdict

import pandas as pd
from desistance import evaluate, load_cases, write_report
from desistance.evaluation import load_plan

pd.set_option("display.max_colwidth", None)
plan = load_plan("../data/synthetic/plan.toml")
pd.Series(asdict(plan.follow_up), name="choice").to_frame()

# %% [markdown]
# ## What does the plan find?
#
# The steps of notebooks 1 to 5, in the same order. Who was left out comes first.

# %%
cases = load_cases("../data/synthetic")
evaluation = evaluate(cases, plan)
evaluation.followed

# %%
from IPython.display import Markdown

Markdown(evaluation.effects.sentence)

# %% [markdown]
# ## What is in the report?
#
# One page for readers, every table and figure of it as a file, and a manifest of what it rests on. We write it to a
# folder that is thrown away afterwards; `make demo` writes the same to `report`.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

folder = TemporaryDirectory()
page = write_report(evaluation, Path(folder.name) / "report")
sorted(file.name for file in page.parent.iterdir())

# %% [markdown]
# ## How are small counts protected?
#
# Unless the plan says otherwise, counts below 10 are left out, the others are rounded to the nearest 5, and shares are
# worked out again from the rounded counts. `suppressed.csv` says of each cell that was withheld where it stood and by which
# rule; here they are counted.

# %%
withheld = pd.read_csv(page.parent / "suppressed.csv")
withheld.groupby(["table", "rule"], sort=False).size().rename("cells").to_frame()

# %% [markdown]
# ## What does that cost?
#
# The people who joined and could not be matched, as counted, and as released.

# %%
released = pd.read_csv(page.parent / "matching.csv")
counted = evaluation.balanced.flow
counted.assign(released_left_out=released["n_left_out"], released_remaining=released["n_remaining"])

# %% [markdown]
# ## Can somebody else get the same report?
#
# Yes, byte for byte: the same files and plan give the same page. The manifest holds the hashes to check it by.

# %%
again = write_report(evaluate(cases, plan), Path(folder.name) / "again")
again.read_bytes() == page.read_bytes()

# %% [markdown]
# ## What does this say, and what not?
#
# That no small count can be read off these files, nor worked out from their neighbours. Not that the report may be
# sent to anybody: who may see it, and whether two reports about the same people give away more than either, is for
# the data owner to decide.
