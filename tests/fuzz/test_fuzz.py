"""The suite in small: the same seed every day, and every group of it. The long one is ``make fuzz``."""

import json
import os
import subprocess
import sys

import pytest

from tests.fuzz.engine import REPOSITORY

pytestmark = pytest.mark.slow

SEED = 20
LEAST = {"files": 100, "flags": 50, "faults": 6, "kills": 8, "losses": 16}
"""How many cases of each group there must be, at least."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What a short run in a process of its own found: here, imports are changed and checks are on."""
    out = tmp_path_factory.mktemp("fuzz")
    words = ("--short", "--seed", str(SEED), "--jobs", "2", "--out", str(out))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *words], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert done.returncode in (0, 1) and (out / "report.json").is_file(), done.stdout[-2000:] + done.stderr[-2000:]
    tree = json.loads((out / "report.json").read_text())
    print(done.stdout)
    return tree["reports"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and ends processes as Linux does")
@pytest.mark.parametrize("group", LEAST)
def test_nothing_is_lost_nothing_is_run_and_every_error_is_one_line(reports, group):
    cases = [one for one in reports if one["key"].startswith(f"{group}:") and not one["skipped"]]
    assert len(cases) >= LEAST[group]
    failed = [
        f"{failure['kind']}: {failure['site'] or failure['detail'][:200]}\n"
        f"    make fuzz FUZZ_SEED={SEED} FUZZ_ONLY='{one['key']}'   ({one['recipe'][:100]})"
        for one in cases
        for failure in one["failures"]
    ]
    assert not failed, f"{len(failed)} failures:\n" + "\n".join(failed)
