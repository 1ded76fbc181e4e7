"""Areas that go live at different times: what going live did to each, and over all.

`areamonths` makes the table of areas and months, `grouptime` the effect on each go-live group in
each month, `stacked` the stacked event study and the two-way yardstick; `effects` puts them side by
side. `interrupted` follows one area's series across its go-live, `wedge` fits the mixed model of a
stepped-wedge design.
"""

from desistance.comparison.rollout.areamonths import area_months
from desistance.comparison.rollout.effects import RolloutEffects, rollout_effects
from desistance.comparison.rollout.wedge import SteppedWedge, fit_stepped_wedge

__all__ = [
    "RolloutEffects",
    "SteppedWedge",
    "area_months",
    "fit_stepped_wedge",
    "rollout_effects",
]
