"""Shared frailty: areas, or people, whose hazard is higher or lower than their terms tell.

A row of group g has the hazard ``z_g h(day) exp(x beta)``, with z_g drawn from a gamma distribution
of mean 1 and variance theta. With d_g the group's events, L_g those expected of it by its terms
alone and ``nu = 1 / theta``,

    frailty      z_g = (nu + d_g) / (nu + L_g), its mean given the data: drawn towards 1
    at a theta   beta and log z are the top of the partial likelihood, the groups' log z in it like
                 an offset, less the penalty  nu * sum of (z - 1 - log z)
    theta        the top of the likelihood with the frailties integrated out, which is the
                 penalised one + sum of c(d_g):
                 c(d) = d - (nu + d) log(1 + d / nu) + sum over j < d of log(1 + j / nu)

as R's ``frailty(g, distribution = "gamma", method = "em")``; the tie rule is the fit's. Day by day
the hazard is as free as in any Cox fit.

Covariances of log hazards are by the whole curvature of the integrated likelihood, once with theta
known (R's with ``sparse = FALSE``; by default R takes groups for unrelated there) and once with
theta estimated, which is what a `CoxFit` reports. Limits of theta are those of its profile, and the
test that it is 0, at the edge of what it can be, is of half a chi-squared with one degree of
freedom.

References: Nielsen, Gill, Andersen and Sorensen (1992); Therneau, Grambsch and Pankratz (2003);
Self and Liang (1987) for the test; Murphy and van der Vaart (2000) for profile curvature.

`groups` holds what is found, `top` climbs at one theta, `profile` finds theta.
"""

from desistance.survival.frailty.groups import (
    PERSON,
    SharedFrailty,
    frailty_groups,
    what_frailty_asks,
    without_error,
)
from desistance.survival.frailty.profile import maximise_with_frailty

__all__ = [
    "PERSON",
    "SharedFrailty",
    "frailty_groups",
    "maximise_with_frailty",
    "what_frailty_asks",
    "without_error",
]
