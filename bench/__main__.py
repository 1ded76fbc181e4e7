"""The command: `python -m bench [CASE ...] [--peer PEER] [--size N | --full] [--pairs K]`."""

from __future__ import annotations

import argparse
import sys

from bench.cases import CASES
from bench.page import keep, write_page
from bench.pairs import PAIRS, TIMEOUT, compare


def main() -> int:
    """Measure what is asked for; 1 if a ratio was refused or is below half its goal."""
    asked = _arguments()
    if asked.write:
        print(f"Wrote {write_page()}.")
        return 0
    fine = True
    for case in CASES:
        if asked.case and case.name not in asked.case:
            continue
        size = asked.size or (case.size if asked.full else case.small)
        print(f"{case.name}: {case.what}, {size:,} {case.unit}", flush=True)
        for rival in case.rivals:
            if asked.peer in (None, rival.peer):
                found = compare(case, rival, size, pairs=asked.pairs, timeout=asked.timeout)
                print(f"  {found}", flush=True)
                fine &= found.fine
                if asked.keep:
                    keep(found)
    return 0 if fine else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [case.name for case in CASES]
    peers = sorted({rival.peer for case in CASES for rival in case.rivals})
    parser.add_argument("case", nargs="*", help=f"some of {', '.join(names)}; all when left out")
    parser.add_argument("--peer", choices=peers, help="this one only")
    parser.add_argument("--size", type=int, help="rows; a small size when left out")
    parser.add_argument("--full", action="store_true", help="the size each goal is for")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"of runs ({PAIRS})")
    parser.add_argument(
        "--timeout", type=int, default=TIMEOUT, help=f"seconds that one run may take ({TIMEOUT})"
    )
    parser.add_argument("--keep", action="store_true", help="keep what is found in bench/results")
    parser.add_argument("--write", action="store_true", help="write what is kept into the docs")
    asked = parser.parse_args()
    unknown = set(asked.case) - set(names)
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if asked.pairs < 1 or (asked.size is not None and asked.size < 1):
        parser.error("--pairs and --size are 1 or more")
    return asked


if __name__ == "__main__":
    sys.exit(main())
