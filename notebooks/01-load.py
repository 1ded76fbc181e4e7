# %% [markdown]
# # 1. Are these files what they say they are?
#
# An evaluation begins with somebody else's files. `load_cases` reads them, checks every row and says what became
# of each: used, merged with its copy, or put in quarantine with a reason.
#
# Everybody in these notebooks is **made up**. The files come from a simulation, so the right answer is known.

# %%
import pandas as pd
from desistance import load_cases

pd.set_option("display.max_colwidth", None)
cases = load_cases("../data/synthetic")
cases

# %% [markdown]
# ## What does a table hold?
#
# Each table is a plain pandas `DataFrame`. Here, one row is one spell of management: in Integrated Offender
# Management (`IOM`), or in 7 Pathways Plus (`7PP`), which some people join after they have left IOM.

# %%
cases.episodes[["person_id", "programme", "start_date", "end_date", "end_reason", "tier"]].head()

# %% [markdown]
# ## What if rows are faulty?
#
# These files were clean; real ones never are. `data/synthetic/messy` is a smaller pilot with the faults that
# extracts bring. In every table, rows in = used + quarantined + merged: no row is lost on the way.

# %%
messy = load_cases("../data/synthetic/messy")
messy.quality.to_frame()

# %% [markdown]
# ## Which rules did they break?
#
# A finding names the table, the line and the rule, never a person. A *repaired* row is used with a cell put
# right, a *warned* one as it is. `messy.quality.write(folder)` makes a list of lines for whoever sent the files.

# %%
messy.quality.faults.groupby(["fate", "table", "says"]).size().rename("n_rows").reset_index()

# %% [markdown]
# ## Did it find them all?
#
# `truth.json` counts the faulty rows that were put in. Each should be in quarantine, merged or repaired.

# %%
import json
from pathlib import Path

truth = json.loads(Path("../data/synthetic/messy/truth.json").read_text())
found = messy.quality.faults["fate"].isin(["quarantined", "merged", "repaired"])
{"put in": sum(truth["n_messy"].values()), "found": int(found.sum())}

# %% [markdown]
# ## What if a force has names of its own?
#
# Leave the files as they came, and write down what their names mean, in a mapping file. For an example we give
# the made-up people other headings, codes and dates, in a folder that is thrown away afterwards.

# %%
from tempfile import TemporaryDirectory

folder = TemporaryDirectory()
theirs = Path(folder.name)

people = pd.read_csv("../data/synthetic/people.csv", dtype="string")
people["sex"] = people["sex"].map({"M": "1", "F": "2"})
people = people.rename(columns={"person_id": "NominalRef", "birth_month": "Born"})
people.to_csv(theirs / "nominals.csv", index=False)

for table in ["episodes", "offences"]:
    rows = pd.read_csv(f"../data/synthetic/{table}.csv", dtype="string")
    rows.rename(columns={"person_id": "NominalRef"}).to_csv(theirs / f"{table}.csv", index=False)

people.head(3)

# %%
mapping = theirs / "mapping.toml"
mapping.write_text("""
extract_date = 2024-09-30

[people]
file = "nominals.csv"
columns = { person_id = "NominalRef", birth_month = "Born" }
codes.sex = { "1" = "M", "2" = "F" }

[episodes]
columns.person_id = "NominalRef"

[offences]
columns.person_id = "NominalRef"
""")

load_cases(theirs, mapping)

# %% [markdown]
# ## What does this say, and what not?
#
# That every row fits the tables, and which rows do not. It does not say that the records are true, nor that
# nobody is missing from them: a table that was not sent is empty, and an offence that was never recorded leaves no
# fault to find.
