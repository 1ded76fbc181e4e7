"""Rows of people at risk in blocks, for data larger than memory.

    times         where the blocks come from: frames, or the row groups of Parquet files
    likelihood    a partial likelihood whose rows are read block by block

What a fit needs of the rows are sums over them: each block is mapped to its sums, and these are
added up. Between the sums nothing is kept but arrays as long as the event days, so blocks in
memory, in files, or on other machines give the same numbers. Risk sets are as in `risksets`.
"""

from desistance.survival.blocks.times import TimesInBlocks

__all__ = ["TimesInBlocks"]
