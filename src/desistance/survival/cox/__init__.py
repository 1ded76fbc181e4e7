"""Cox's proportional hazards: which people reoffend sooner, and by how much.

`fit` goes from named columns to a `CoxFit` (`fitted`); `choices` says which options go together,
`overtime` lets effects change with time, `variance` adds up the sandwiches, `effects` says what a
whole term does; `inblocks` fits rows read in blocks, of which `survey` is the first pass. The
partial likelihood is in `partial_likelihood` and `newton`, who is at risk when in `risksets`, what
a term is in `terms`.
"""

from desistance.survival.cox.fit import fit_cox
from desistance.survival.cox.fitted import CoxFit
from desistance.survival.cox.overtime import Steps
from desistance.survival.cox.variance import blanked, unscaled

__all__ = ["CoxFit", "Steps", "blanked", "fit_cox", "unscaled"]
