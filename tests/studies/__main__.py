"""Run the simulation studies and keep their results: ``python -m tests.studies [number ...]``."""

import sys

from tests.studies.trials import STUDIES

chosen = {int(number) for number in sys.argv[1:]} or {study.number for study in STUDIES}
for study in STUDIES:
    if study.number in chosen:
        study.record()
        print(f"study {study.number}: {study.path.name}")  # noqa: T201
