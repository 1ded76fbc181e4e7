# %% [markdown]
# # 2. What was known about each person on the day they left?
#
# To compare people fairly we need to know what they were like *before* follow-up, and nothing that came later.
# `build_histories` puts each person's offences, custody and needs in order. All people here are made up.

# %%
import pandas as pd
from desistance import build_histories, load_cases

pd.set_option("display.float_format", "{:.3g}".format)
cases = load_cases("../data/synthetic")
histories = build_histories(cases)
histories

# %% [markdown]
# ## Who left IOM, and when?
#
# The day of leaving is the index date. Somebody still in IOM has none yet; here, everybody has left.

# %%
iom = cases.episodes[cases.episodes["programme"] == "IOM"]
exits = iom.groupby("person_id", as_index=False)["end_date"].max().dropna()
{"people": len(cases.people), "left IOM": len(exits)}

# %% [markdown]
# ## What was known by then?
#
# `known_on` takes people and days. Previous offences are those proven before the day; the time since the last
# offence counts every offence the police had recorded; custody is in days over the last two years.

# %%
known = histories.known_on(exits["person_id"], exits["end_date"])
columns = ["age", "age_at_onset", "n_previous", "months_since_offence", "custody_days"]
known[columns].describe().drop(index="std")

# %% [markdown]
# ## Which needs did they have?
#
# A need is a score that reached the threshold of its tool, in the last year. *Not assessed* is not "no need":
# shares are of the people who were assessed, and the second column says how many were not.

# %%
pathways = {f"need_{pathway.code}": pathway.name for pathway in histories.scheme.pathways}
needs = known[list(pathways)].rename(columns=pathways)
shares = {"share with the need": needs.mean(), "share not assessed": needs.isna().mean()}
pd.DataFrame(shares).astype(float)

# %% [markdown]
# ## What is a history made of?
#
# The last entries of one made-up person. A real timeline is personal data, for the case worker only.

# %%
histories.timeline("P00001").tail(16)

# %% [markdown]
# ## Does the day itself leak in?
#
# This person was convicted on 9 January 2023. Asked on that day the conviction is not known yet; a day later it
# is. So what is known on an index date can never depend on what happens from it on.

# %%
days = pd.Series(pd.to_datetime(["2023-01-09", "2023-01-10"]), name="asked on")
same_person = pd.Series(["P00001", "P00001"])
known_then = histories.known_on(same_person, days)
known_then[["n_previous", "n_sanctions", "months_since_offence"]].set_index(days)

# %% [markdown]
# ## What does this say, and what not?
#
# What the records held on a day, not what was so: an offence nobody reported is in no history, and a person who
# was not assessed may have every need. Custody and needs have dates; a file without them makes people look
# freer and better off than they were.
