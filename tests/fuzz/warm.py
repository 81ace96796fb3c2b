"""The folder of a run, and everything the commands need in memory before the first case."""

import shutil
from pathlib import Path

from mfh.weights.manifest import check_unchanged
from mfh.weights.store import folder_of
from tests.fuzz import engine
from tests.fuzz.case import Outcome, Setting, Step
from tests.fuzz.corpus.evaluations import build_figures, build_study
from tests.fuzz.corpus.models import cached_blazepose
from tests.fuzz.corpus.photos import image


def prepare(seed: int, base: Path, keep: Path) -> Setting:
    """Make the folder of a run, with programs that nobody may start and the models that are fetched already.

    Args:
        seed: of everything drawn.
        base: of the run; what is there goes.
        keep: where inputs of failures are kept.

    Returns:
        What all cases share.
    """
    shutil.rmtree(base, ignore_errors=True)
    for name in ("weights", "matplotlib", "cases", "inputs"):
        (base / name).mkdir(parents=True)
    engine.write_fakes(base / "bin")
    blazepose = cached_blazepose()
    if blazepose is not None:
        place = base / "weights" / blazepose.name
        place.symlink_to(blazepose)
        # Noted beside it once, here: no case has to.
        check_unchanged(place, folder_of("blazepose").known, fix="fetch it again")
    return Setting(seed, base, keep, base / "corpus")


def warm(setting: Setting) -> None:
    """Import what the usual commands import.

    Args:
        setting: of the run.
    """
    root = setting.base / "warm"
    engine.make_root(root)
    image().save(root / "work" / "photo.png")

    def run(step: Step) -> Outcome:
        return engine.learn(step, root, setting.base)

    run(Step(("predict", "photo.png", "--save-evidence", "--save-paintings", "--people", "paint", "--paintings", "1")))
    run(Step(("refit", "out/photo/evidence.npz", "--out", "again")))
    build_study(root, run)
    build_figures(root, run)
    run(Step(("reproduce", "fig9", "--scores", "near=near", "--shots", "shots.csv", "--out", "figure")))
    words = (
        "evaluate",
        "folder",
        "--root",
        "data",
        "--predictions",
        "near/predictions",
        "--unit",
        "m",
        "--out",
        "scored",
    )
    run(Step(words))
    run(Step(("weights", "list")))
