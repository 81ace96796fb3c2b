"""What runs of the command leave and later runs read: evidence, and folders of results."""

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np

from tests.fuzz.case import Step
from tests.fuzz.corpus.photos import image
from tests.fuzz.corpus.reader import Plan, Reader, Run, maybe_json


def build_evidence(root: Path, run: Run) -> None:
    """Let the made-up models look at a photo."""
    image().save(root / "work" / "photo.png")
    for name, people in (("seen", "only"), ("painted", "paint")):
        words = ("predict", "photo.png", "--save-evidence", "--people", people, "--paintings", "3", "--out", name)
        outcome = run(Step(words, outputs=(f"work/{name}",)))
        if outcome.code != 0:
            raise RuntimeError(f"no evidence could be made: {outcome.err.decode()}")
        _write_timeless(root / "work" / name / "photo" / "evidence.npz", root / "work" / f"{name}.npz")


def _write_timeless(source: Path, target: Path) -> None:
    """Copy evidence without the seconds it took, which no two runs have alike."""
    with np.load(source) as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = {**json.loads(str(arrays["about"])), "seconds": {}}
    np.savez_compressed(target, **{**arrays, "about": np.str_(json.dumps(about))})


def plan_evidence(name: str, rng: Random) -> Plan:
    """Fit again."""
    more = rng.choice(
        (
            (),
            ("--focal-px", "70"),
            ("--fov-x-deg", "50"),
            ("--head", "silog"),
            ("--known-distance", "20,30=3m"),
            # Of people in the photo: the other evidence has painted ones alone.
            ("--person-height", "1.8") if name == "seen" else (),
            ("--region", "3,3:40,40", "--measure", "1,1:50,40"),
        )
    )
    words = ("refit", f"{name}.npz", "--out", "out", *more, *maybe_json(rng))
    return Plan((Step(words),), [f"work/{name}.npz"], whole=frozenset({0}))


def build_folder(root: Path, run: Run) -> None:
    """Write a photo alone: receipts name the folder they are made in."""
    image().save(root / "work" / "photo.png")


_FILES = ("receipt.json", "receipt.json", "receipt.json", "depth.npz", "depth.png", "preview.png", "evidence.npz")


def plan_folder(name: str, rng: Random) -> Plan:
    """Measure, damage what was written, and measure again."""
    first = Step(("predict", "photo.png", "--save-evidence", "--out", "out"))
    owned = ("work/out",)
    again = Step(("predict", "photo.png", "--out", "out", "--focal-px", "70", *maybe_json(rng)), owned=owned)
    return Plan((again,), [f"work/out/photo/{rng.choice(_FILES)}"], setup=(first,))


_DEPTH = ("depth.npz", "depth.exr", "depth.png", "depth-256.png")


def build_depth(root: Path, run: Run) -> None:
    """Measure a photo, and keep its depth in every format that is read."""
    image().save(root / "work" / "photo.png")
    words = ("predict", "photo.png", "--people", "only", "--format", "npz,exr,png,png256", "--out", "made")
    outcome = run(Step(words, outputs=("work/made",)))
    if outcome.code != 0:
        raise RuntimeError(f"no depth could be made: {outcome.err.decode()}")
    for name in _DEPTH:
        (root / "work" / "made" / "photo" / name).rename(root / "work" / name)
    shutil.rmtree(root / "work" / "made")


def plan_depth(name: str, rng: Random) -> Plan:
    """Convert it."""
    formats = rng.choice(("npy", "normals,camera", "glb,mesh-ply", "exr,png256"))
    words = ("convert", name, "--format", formats, "--photo", "photo.png", "--out", "out", *maybe_json(rng))
    return Plan((Step(words),), [f"work/{name}"], whole=frozenset({0}))


READERS = (
    Reader("evidence", build_evidence, ("seen", "painted"), plan_evidence, weight=10.0),
    Reader("depth", build_depth, _DEPTH, plan_depth, weight=4.0),
    Reader("result folder", build_folder, ("again",), plan_folder, weight=2.0),
)
