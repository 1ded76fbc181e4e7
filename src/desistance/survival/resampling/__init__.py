"""How far an estimate would have varied with other people: the bootstrap, by person.

`bootstrap` draws (`draws`), estimates again (`replicators`; Cox models many at once, in
`coxreplicates`), keeps what is finished (`keeping`) and gives a `Bootstrap` (`replicates`), whose
limits are in `limits`.
"""

from desistance.survival.resampling.bootstrap import bootstrap, replicated, whole_number
from desistance.survival.resampling.replicates import Bootstrap

__all__ = ["Bootstrap", "bootstrap", "replicated", "whole_number"]
