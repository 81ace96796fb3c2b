"""The house stays one that a reader can walk through: few modules, none too long."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"
MOST_LINES, MOST_FILES = 400, 262


def test_no_module_is_too_long():
    long = {
        str(path): count
        for path in (*SOURCE.rglob("*.py"), *SOURCE.parent.glob("tests/**/*.py"))
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert not long


def test_the_product_has_few_modules():
    assert len(list((SOURCE / "mfh").rglob("*.py"))) <= MOST_FILES


@pytest.mark.slow
def test_importing_the_pipeline_loads_no_research_and_nothing_that_downloads():
    code = (
        "import sys\nfrom mfh import MetricFromHuman, load_photo\nprint(*(one for one in sys.modules if 'mfh' in one))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not any(one.startswith("mfh_lab") for one in loaded)
    assert not {"mfh.weights.download", "mfh.weights.hub_download", "mfh.weights.sources"} & set(loaded)
