# %% [markdown]
# # 4. Which needs go with reoffending sooner?
#
# `fit_cox` compares, on every day with a reoffence, the person who reoffended with everybody else at risk on it.
# A hazard ratio of 1.5 says that people with the need reoffend at one and a half times the rate of people without, all
# other terms being equal. All people here are made up.

# %%
from datetime import date

import pandas as pd
from desistance import FollowUpDesign, build_histories, fit_cox, follow_up, load_cases

pd.set_option("display.float_format", "{:.3g}".format, "display.max_colwidth", None)
cases = load_cases("../data/synthetic")
histories = build_histories(cases)
followed = follow_up(cases, histories, FollowUpDesign(exits_from=date(2020, 10, 1)))
followed

# %% [markdown]
# ## Who is left out of the model?
#
# Whoever was not assessed on a pathway has an unknown need there, and unknown is not "no". The model needs all of
# them, so it leaves out more people than any one pathway does. That is said before any result.

# %%
needs = [f"need_{code}" for code in histories.scheme.headline]
hazards = fit_cox(followed, ["age", "n_previous", *needs], variance="cluster")
{"people followed": len(followed.people), "people fitted": hazards.n_people}

# %% [markdown]
# ## What goes with reoffending?
#
# Each square is a hazard ratio, with its interval: for a year of age, for one more previous offence, for having a
# need. Left of the line means later, right of it sooner.

# %%
hazards.plot().figure

# %% [markdown]
# ## Is the number of needs enough?
#
# In the simulation every need raises the rate by the same factor. That one of them stands out above is thus chance,
# and one term for their number uses the data better. It is also known of more people: all who were assessed on
# any pathway. What is left for it is little, because previous offences carry most of what the needs do.

# %%
fewer = fit_cox(followed, ["age", "n_previous", "n_needs"], variance="cluster")
fewer.to_frame()[["term", "estimate", "conf_low", "conf_high"]]

# %% [markdown]
# ## What does that mean for two people?
#
# The share the model expects not to have reoffended, for somebody of 25 with five previous offences, with one
# need and with six.

# %%
profiles = {
    name: fewer.survival_at({"age": 25, "n_previous": 5, "n_needs": n}, [90, 180, 365])
    for name, n in {"one need": 1, "six needs": 6}.items()
}
expected = pd.concat(profiles, names=["profile", ""]).droplevel(1)
expected[["day", "estimate", "conf_low", "conf_high"]]

# %% [markdown]
# ## What does this say, and what not?
#
# Which people reoffend sooner, so whom to expect back soonest. Not what would happen if a need were met: a need may
# go with reoffending because of something else that nobody recorded. With seven pathways one will stand out by
# chance now and then; a plan that names its terms beforehand keeps us from telling a story about that one.
