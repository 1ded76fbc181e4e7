"""The report: one page for readers, the same numbers as files, and a manifest.

`story` says what is told, `page` how a page looks, `release` how a folder is written whole or not
at all.
"""

from desistance.report.write import write_report

__all__ = ["write_report"]
