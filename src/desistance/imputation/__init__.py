"""Needs that nobody assessed: filled in many times over, never once and for all.

Every need is drawn again and again from what is known of the person, each equation given the
present draws of the others (chained equations). `impute_needs` makes the copies, `pool_fits` and
`pool_curves` put what is estimated on them together (see `rubin`), `tipping_needs` asks how unlike
those assessed the others would have to be for the conclusion to change.

    one row      a person, not a stretch at risk: a need is the same on all rows of a person
    what came    the events of the person and the Nelson-Aalen cumulative hazard gathered while at
                 risk both predict: left out, they would pull every effect of a need to nothing
    joining      a term that changes within a person predicts by its last value, by its product
                 with the events, and by the hazard gathered while it held; so may any other term
                 whose effect depends on needs (`modified`)
    yes or no    a draw of the logistic model, its coefficients drawn first. Not the nearest
                 neighbours' answers: with few people the nearest twenty are not near
    numbers      the value of one of the five nearest by the predicted mean, coefficients drawn
    few people   the logistic model holds p + 1 made-up people at even odds, spread over its p
                 covariates, so that a need that a covariate settles has a finite model
    delta        is added to the log odds of a need of people who were not assessed

It assumes that, given all terms, those not assessed are like those assessed (missing at random),
unless delta says otherwise. A copy is made by its own chain, of its own child of the seed, over
people in the order of their ids: the order of rows changes nothing, nor does the number of copies.

References
----------
van Buuren (2018), Flexible Imputation of Missing Data; White and Royston (2009), Statistics in
Medicine 28(15), of the cumulative hazard; White, Daniel and Royston (2010), Computational
Statistics and Data Analysis 54(10), of the made-up people; Morris, White and Royston (2014), BMC
Medical Research Methodology 14:75, of the five nearest; Marshall et al. (2009), same journal 9:57,
of curves; Cro et al. (2020), Statistics in Medicine 39(21), of delta.
"""

from desistance.imputation.copies import Imputed, impute_needs
from desistance.imputation.pooled import PooledCox, PooledCurves, pool_curves, pool_fits
from desistance.imputation.tipping import TippingNeeds, tipping_needs

__all__ = [
    "Imputed",
    "PooledCox",
    "PooledCurves",
    "TippingNeeds",
    "impute_needs",
    "pool_curves",
    "pool_fits",
    "tipping_needs",
]
