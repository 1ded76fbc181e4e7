# %% [markdown]
# # 3. Who is followed, from which day, and who reoffended?
#
# `follow_up` holds all rules of time: the clock starts on the day of leaving IOM, a day in custody is not a day
# at risk, and whoever joins 7 Pathways Plus later belongs to `former IOM` until that day and to `7 Pathways Plus`
# after it. First of all it says who was left out, and why. All people here are made up.

# %%
from datetime import date

import pandas as pd
from desistance import FollowUpDesign, build_histories, follow_up, load_cases

pd.set_option("display.float_format", "{:.3g}".format, "display.max_colwidth", None)
cases = load_cases("../data/synthetic")
histories = build_histories(cases)
design = FollowUpDesign(exits_from=date(2020, 10, 1))  # the pilot began
followed = follow_up(cases, histories, design)
followed

# %%
from IPython.display import Markdown

Markdown("\n".join(f"- {caveat}" for caveat in followed.caveats))

# %% [markdown]
# ## What does a stretch at risk look like?
#
# One row is a stretch of days in the community. Days between two stretches of a person were spent in custody,
# unless the cohort changes: then that is the day of joining.

# %%
most_often = followed.rows.groupby("person").size().idxmax()
followed.rows[followed.rows["person"] == most_often]

# %% [markdown]
# ## How many reoffended within a year?
#
# The Ministry of Justice's measure: proven reoffences within 12 months, proven within 6 more, among people for
# whom both are over. People join during that year, so there is no such share for the two cohorts, and the table
# says so; what each has is a rate per year at risk.

# %%
from desistance import reoffending_rates

reoffending_rates(followed).to_frame().drop(columns="person_years").fillna({"note": ""})

# %% [markdown]
# ## How soon?
#
# The share not yet reoffended, for everybody who was at risk on a day. The cohorts are drawn as they are: nobody
# has made them alike yet, so the gap between them is not the effect of the programme.

# %%
from desistance import kaplan_meier

kaplan_meier(followed, by="cohort").plot().figure

# %% [markdown]
# ## Why not just compare those who joined with those who did not?
#
# Because somebody who joined after 100 days was not in the programme for 100 days, and whatever happened in them was
# not its doing. Such a design is refused, unless it is asked for in so many words.

# %%
from dataclasses import replace

from desistance.errors import BiasError

naive = replace(design, exposure="ever")
try:
    follow_up(cases, histories, naive)
except BiasError as refusal:
    said = str(refusal)
Markdown(said)

# %% [markdown]
# ## What would it have said?
#
# The same people and the same reoffences, on three clocks. The second is the one most often met: "joined" means that
# somebody joined before reoffending, counted from day 0. Those who reoffended early had no time to join and all
# go into the other group, and the days until joining are *immortal*. The third counts everybody who ever joined
# from day 0, with the reoffences from before they joined.

# %%
from desistance import TimeToEvent, fit_cox

by_hand = followed.people.assign(
    joined=followed.people["joined_day"] < followed.people["end_day"],
    event=followed.people["ended_by"] == "reoffence",
)
clocks = {
    "joined from the day of joining on": fit_cox(followed, ["exposed"]),
    "joined from day 0, if before reoffending": fit_cox(
        TimeToEvent.from_frame(by_hand, stop="end_day", event="event"), ["joined"]
    ),
    "joined from day 0, if ever": fit_cox(
        follow_up(cases, histories, naive, acknowledge_bias=True), ["exposed"]
    ),
}
hazard_ratios = pd.concat({clock: fit.to_frame() for clock, fit in clocks.items()}).droplevel(1)
hazard_ratios[["estimate", "conf_low", "conf_high"]]

# %% [markdown]
# ## What does this say, and what not?
#
# The immortal clock halves the hazard and its interval is far from 1: a finding made of nothing but the clock. The
# other naive clock errs the opposite way here, because in this pilot people also joined after they had reoffended.
# Only the first counts time where it was spent. It is still no effect of the programme, since those who joined were
# not like those who did not; that is the matter of notebook 5.
