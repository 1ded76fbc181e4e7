"""From an agency's raw tables to tables of pseudonyms: every row written, merged or in quarantine.

    key ──────┐
    mapping ─► read ─► hide ─► write       (merges: two ids known to be one person)

The raw tables are read as text, by the same readers and mapping as `load_cases`. Columns that no
table and no mapping names are not read, and so not written: names, addresses and notes stay where
they are. What is written loads with `load_cases`, with the `mapping.toml` that is written beside it
where there is anything left to map.
"""

from desistance.pseudonymisation.folder import pseudonymise
from desistance.pseudonymisation.merges import read_merges

__all__ = ["pseudonymise", "read_merges"]
