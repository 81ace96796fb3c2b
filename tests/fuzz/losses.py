"""Ways in which data was lost, programs were started or numbers silently changed once: each on purpose."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.case import Report, Setting
from tests.fuzz.corpus.photos import example
from tests.fuzz.faults import CORPUS
from tests.fuzz.losses_evaluations import EVALUATIONS
from tests.fuzz.losses_models import MODELS
from tests.fuzz.losses_results import RESULTS
from tests.fuzz.trial import Trial

LOSSES: dict[str, Callable[[Trial, Random], None]] = {**RESULTS, **MODELS, **EVALUATIONS}
"""Name -> what lays the scene and runs; whatever is lost in it is seen by the trial."""


def keys(times: int) -> list[str]:
    """Return keys of all of them.

    Args:
        times: how often each, with other numbers.
    """
    return [f"losses:{name}:{number}" for name in LOSSES for number in range(times)]


def run_case(setting: Setting, key: str) -> Report:
    """Try one of them.

    Args:
        setting: of the run.
        key: "losses:NAME:NUMBER".
    """
    _, name, _ = key.split(":", 2)
    with Trial(setting, key, f"loss {name}") as trial:
        shutil.copytree(setting.corpus / CORPUS / "work", trial.root / "work", dirs_exist_ok=True)
        example().save(Path(trial.root / "work" / "photo.jpg"), quality=92)
        LOSSES[name](trial, setting.rng(key))
    return trial.report()
