"""Datasets with the truth, answers of methods, and what evaluations keep and read again."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from tests.fuzz.case import Step
from tests.fuzz.corpus.maps import exr, grey16, npy_bytes, npz_bytes
from tests.fuzz.corpus.photos import image
from tests.fuzz.corpus.reader import Plan, Reader, Run, files_below, maybe_json
from tests.lab.evaluation.datasets import layouts

DATASETS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "nyu": ("nyu", lambda root: layouts.write_nyu_bts(root, numbers=(0,))),
    "nyu-marigold": ("nyu", layouts.write_nyu_marigold),
    "kitti": ("kitti", layouts.write_kitti),
    "diode": ("diode", layouts.write_diode),
    "ibims1": ("ibims1", lambda root: layouts.write_ibims1(root, names=("corridor_01",))),
    "eth3d": ("eth3d", lambda root: layouts.write_eth3d(root)),
    "folder": ("folder", layouts.write_folder),
    "folder-npz": ("folder", lambda root: layouts.write_folder(root, depth="depth.npz")),
    "folder-png": ("folder", lambda root: layouts.write_folder(root, depth="depth.png")),
    "pocket-scenes": ("pocket-scenes", layouts.write_pocket),
}
"""Variant -> command, and what writes the data."""


def _write_answers(dataset: str, root: Path, folder: Path) -> None:
    """Write an answer of three metres for every photo."""
    from mfh_lab.cli.evaluate_datasets import COMMANDS
    from mfh_lab.evaluation.datasets.registry import open_dataset

    opened = open_dataset(COMMANDS[dataset][0], root)
    for name in opened.names:
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = opened.load(name).truth_m.shape
        path.write_bytes(npy_bytes(np.full(shape, 3, np.float16)))


def builder(variant: str) -> Callable[[Path, Run], None]:
    """Return what writes one dataset, in a folder "data", with answers beside it.

    Args:
        variant: of DATASETS.
    """

    def build(root: Path, run: Run) -> None:
        command, write = DATASETS[variant]
        (root / "work" / "data").mkdir()
        write(root / "work" / "data")
        _write_answers(command, root / "work" / "data", root / "work" / "answers")

    return build


def planner(variant: str) -> Callable[[str, Random], Plan]:
    """Return what evaluates on one dataset.

    Args:
        variant: of DATASETS.
    """

    def plan(way: str, rng: Random) -> Plan:
        words = ("evaluate", DATASETS[variant][0], "--root", "data", "--out", "out")
        if way == "check":
            return Plan(
                (Step((*words, "--check", *maybe_json(rng)), quiet_refusal=True),),
                ["work/data"],
                whole=frozenset({0, 2}),
            )
        answers = ("--predictions", "answers", "--unit", "m", *maybe_json(rng))
        if way == "method":
            return Plan((Step((*words, *maybe_json(rng))),), ["work/data"])
        target = "work/answers" if way == "answers" else "work/data"
        return Plan((Step((*words, *answers)),), [target])

    return plan


_ANSWERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "npy": npy_bytes,
    "npz": lambda metres: npz_bytes(depth_m=metres, other=metres),
    "png": lambda metres: grey16(metres * 1000),
    "exr": exr,
}


def build_answers(root: Path, run: Run) -> None:
    """Write one small photo with its truth, and answers in every format."""
    work = root / "work"
    layouts.write_folder(work / "data", "garden")
    for ending, make in _ANSWERS.items():
        folder = work / ending
        folder.mkdir()
        (folder / f"garden.{ending}").write_bytes(make(np.full((64, 96), 3.5, np.float32)))


def plan_answers(ending: str, rng: Random) -> Plan:
    """Score one."""
    unit = "mm" if ending == "png" else "m"
    words = ("evaluate", "folder", "--root", "data", "--predictions", ending, "--unit", unit, "--out", "out")
    whole = frozenset({0, 2}) if ending == "exr" else frozenset({0})
    return Plan((Step((*words, *maybe_json(rng))),), [f"work/{ending}/garden.{ending}"], whole=whole)


def plan_ledger(variant: str, rng: Random) -> Plan:
    """Evaluate, damage what was kept, and evaluate again."""
    words = ("evaluate", "folder", "--root", "data", "--predictions", "npy", "--unit", "m", "--out", "out")
    if variant == "method":
        words = ("evaluate", "folder", "--root", "data", "--people", "only", "--out", "out")
    again = ("--restart",) if rng.random() < 0.2 else ()
    second = Step((*words, *again, *maybe_json(rng)), owned=("work/out",))
    files = ("ledger.json", "ledger.json", "done.jsonl", "done.jsonl", "predictions/garden.npz", "scores.csv")
    return Plan((second,), [f"work/out/{rng.choice(files)}"], setup=(Step(words),))


def plan_store(variant: str, rng: Random) -> Plan:
    """Measure a table of the paper on one photo, damage the answers that were kept, and measure it again."""
    words = ("reproduce", "table4", "--dataset", "folder", "--root", "data", "--preset", "pocket", "--limit", "1")
    words = (*words, "--out", "out")
    return Plan((Step(words, owned=("work/out",)),), ["work/out"], setup=(Step(words),))


def build_study(root: Path, run: Run) -> None:
    """Write a study of two photos and two methods, its key, and the answers of two participants."""
    work = root / "work"
    photos = work / "photos"
    (photos / "street").mkdir(parents=True)
    image().save(photos / "hall.png")
    image().rotate(90).save(photos / "street" / "road.jpg")
    for number, label in enumerate(("ours", "rival")):
        for name in ("hall", "street/road"):
            path = work / label / "predictions" / f"{name}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            slope = np.linspace(1, 6 + number, 48)[:, None] * np.ones((1, 64))
            np.savez(path, depth_m=slope.astype(np.float32))
    (work / "bars.csv").write_text("photo,max_m,min_m\nhall,10,0.5\nstreet/road,40,2\n")
    outcome = run(Step(_make(), outputs=("work/made",)))
    if outcome.code != 0:
        raise RuntimeError(f"no study could be made: {outcome.err.decode()}")
    key = json.loads((work / "made" / "key.json").read_text())
    for person in ("anna", "bela"):
        given = {question: {"choice": "A", "seconds": 3.5} for question in key["questions"]}
        tree = {"format": "mfh-study-answers", "version": 1, "study": key["study"], "participant": person * 4}
        (work / f"{person}.json").write_text(json.dumps({**tree, "answers": given}))


def _make(out: str = "made") -> tuple[str, ...]:
    words = ("study", "make", "--photos", "photos", "--predictions", "ours=ours", "--predictions", "rival=rival")
    return (*words, "--out", f"{out}/page.html", "--key", f"{out}/key.json")


def plan_study(variant: str, rng: Random) -> Plan:
    """Make a page, or count answers."""
    if variant == "tally":
        step = Step(("study", "tally", "anna.json", "bela.json", "--key", "made/key.json", "--out", "out"))
        return Plan((step,), ["work/anna.json", "work/bela.json", "work/made/key.json"])
    bars = ("--bars", "bars.csv") if variant == "bars" else ()
    targets = ["work/bars.csv"] if bars else ["work/photos", "work/ours"]
    return Plan((Step((*_make(out="out"), *bars)),), targets)


def build_figures(root: Path, run: Run) -> None:
    """Write scores, shot types, and what a browser sends."""
    work = root / "work"
    names = [f"p{k:02d}" for k in range(6)]
    for name in names:
        layouts.write_folder(work / "data", name)
    for number, label in enumerate(("near", "far")):
        (work / label / "predictions").mkdir(parents=True)
        for name in names:
            metres = np.full((64, 96), 3.5 + number, np.float32)
            (work / label / "predictions" / f"{name}.npz").write_bytes(npz_bytes(depth_m=metres))
        rows = [f"{name},1,{0.9 - 0.01 * k},{0.1 + 0.02 * k}" for k, name in enumerate(names)]
        (work / label / "scores.csv").write_text("\n".join(["name,answered,delta1,abs_rel", *rows, "p09,0,,"]) + "\n")
    shots = [f"{name},{('level', 'high', 'low')[k % 3]},{('wide', 'medium')[k % 2]}" for k, name in enumerate(names)]
    (work / "shots.csv").write_text("\n".join(["photo,angle,distance", *shots]) + "\n")
    (work / "body.json").write_text(json.dumps({"photo": 0, "angle": "level", "distance": "wide"}))
    image().save(work / "photo.jpg")


def plan_figures(variant: str, rng: Random) -> Plan:
    """Draw a figure, or annotate."""
    if variant == "fig9":
        words = ("reproduce", "fig9", "--scores", "near=near", "--scores", "far=far/scores.csv", "--shots", "shots.csv")
        targets = ["work/near/scores.csv", "work/far/scores.csv", "work/shots.csv"]
        return Plan((Step((*words, "--out", "out")),), targets)
    if variant == "fig7":
        words = ("reproduce", "fig7", "--dataset", "folder", "--root", "data", "--count", "2", "--out", "out")
        words = (*words, "--predictions", "near=near", "--predictions", "far=far")
        return Plan((Step(words),), ["work/near/predictions", "work/data"])
    # A kept shot type is written at once.
    step = Step(("photo.jpg", "shots.csv", "body.json"), call="annotate", owned=("work/shots.csv",))
    return Plan((step,), ["work/body.json", "work/body.json", "work/shots.csv"])


def build_scenes(root: Path, run: Run) -> None:
    """Write one rendered scene of the form mfh pocket render gives it, by copying its files' formats."""
    words = ("pocket", "render", "--count", "1", "--out", "scenes", "--samples", "1", "--workers", "1")
    outcome = run(Step((*words, "--width", "40", "--height", "32"), outputs=("work/scenes",)))
    if outcome.code != 0:
        raise RuntimeError(f"no scene could be rendered: {outcome.err.decode()}")


def plan_scenes(variant: str, rng: Random) -> Plan:
    """Render on, or train on what is there."""
    if variant == "render":
        words = ("pocket", "render", "--count", "1", "--out", "scenes", "--samples", "1", "--workers", "1")
        step = Step((*words, "--width", "40", "--height", "32"), outputs=("work/scenes",), owned=("work/scenes",))
        return Plan((step,), ["work/scenes"], whole=frozenset({0}))
    step = Step(("evaluate", "pocket", "--root", "scenes", "--people", "paint", "--out", "out"), most_errors=2)
    return Plan((step,), ["work/scenes"], whole=frozenset({0, 2, 3}))


def expand(root: Path, targets: list[str] | tuple[str, ...]) -> list[str]:
    """Return the files that targets name: themselves, and those below folders.

    Args:
        root: the case's folder.
        targets: of a plan.
    """
    found: list[str] = []
    for target in targets:
        found += files_below(root, target) if (root / target).is_dir() else [target]
    return found


READERS = (
    *(
        Reader(
            f"dataset {variant}", builder(variant), ("data", "answers", "check", "method"), planner(variant), weight=1.6
        )
        for variant in DATASETS
    ),
    Reader("answers", build_answers, tuple(_ANSWERS), plan_answers, weight=4.0),
    Reader("ledger", build_answers, ("files", "method"), plan_ledger, weight=3.0),
    Reader("store", build_answers, ("table4",), plan_store, weight=1.0, short=False),
    Reader("study", build_study, ("make", "bars", "tally", "tally"), plan_study, weight=5.0),
    Reader("figures", build_figures, ("fig9", "fig7", "annotate"), plan_figures, weight=4.0),
    Reader("scenes", build_scenes, ("render", "evaluate"), plan_scenes, weight=1.5, short=False),
)
