"""How small an effect a pilot can find, before or after it is run.

By formula, for two groups of people who do not influence each other: the difference of two rates by
the test whose variance is pooled under no effect (as `power.prop.test` of R); a hazard ratio by the
log-rank test, whose variance under no effect is not its variance under one; and the reoffenders
that the ratio needs (Schoenfeld; for groups of like size, and ratios not far from 1). By
simulation, for the very design: pilots with a known effect are made, followed up, balanced and
compared as the plan says, again and again.

`formula` is a room apart, so that asking it opens nothing else of the library.

References
----------
Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, chapter 4;
Schoenfeld (1983), Biometrics 39(2); Lakatos (1988), Biometrics 44(1), of the log-rank test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.rooms import opener

_ROOM_OF = {"Power": "formula", "power": "formula", "simulated_power": "simulated"}

__all__ = list(_ROOM_OF)

if TYPE_CHECKING:  # what editors and mypy see
    from desistance.comparison.planning.formula import Power as Power
    from desistance.comparison.planning.formula import power as power
    from desistance.comparison.planning.simulated import simulated_power as simulated_power
else:
    __getattr__, __dir__ = opener(__name__, _ROOM_OF)
