"""Files or a database in, checked tables out.

    mapping ─► read ─► parse ─► check ─► CaseData, with its quality report
    names      text    values   rules

    inblocks   the same in blocks of people, for data larger than memory or on Spark

A file is read as text, each cell is judged before it becomes a value, then each row against the
rules of its table and of the tables together. No row is lost on the way: it is used, merged with
its copy, or in quarantine with a reason.
"""

from desistance.cases.casedata import CaseData, load_cases
from desistance.cases.inblocks import CasesInBlocks, open_cases, write_blocks
from desistance.cases.mapping import CaseMapping, read_mapping
from desistance.cases.quality import QualityReport

__all__ = [
    "CaseData", "CaseMapping", "CasesInBlocks", "QualityReport", "load_cases", "open_cases",
    "read_mapping", "write_blocks",
]  # fmt: skip
