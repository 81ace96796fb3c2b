"""Scenes as folders of plain files: rgb.png, depth.npz, ids.png and scene.json (format: docs/guide/pocket_world.md).

A folder is a function of its seed, the options and the bank: any number of workers writes the same bytes. It is written
beside its place and moved there whole, so that a folder that is there is finished and never rendered again. Folders
of other programs are never written to.
"""

import filecmp
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mfh.errors import InputError, shown
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.lock import folder_lock
from mfh.io.reading import read_json, reading
from mfh_lab.pocket.world.bodies import POSES, SPLITS, BodyBank, bank_digest, load_bank
from mfh_lab.pocket.world.people import FIRST_PERSON_ID
from mfh_lab.pocket.world.scenes import STANDING, Render, Scene, ScenePerson, draw_scene, render
from mfh_lab.pocket.world.workers import in_processes

FORMAT = 1
IDS = {"0": "sky", "1": "ground, walls and ceiling", "2-99": "objects", f"{FIRST_PERSON_ID}-": "people"}
MIN_SIDE_PX, MAX_SIDE_PX, MAX_ASPECT = 32, 4096, 5
MAX_SAMPLES, MAX_WORKERS = 65_536, 1024
_LOCK_WAIT_S = 10.0
_FILES = ("rgb.png", "depth.npz", "ids.png", "scene.json")
_LEFT = re.compile(r"\.scene-\d{8,}\.\d+\.tmp")

Whose = Literal["own", "none"]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class SceneOptions:
    """Everything but the seed that decides a scene's files.

    Attributes:
        split: whose bodies: "train", "validation" or "test".
        width: pixels.
        height: pixels.
        people: "own" for the scene's people, "none" for the empty scene.
        samples: light paths per pixel.
    """

    split: str = "test"
    width: int = 384
    height: int = 288
    people: Whose = "own"
    samples: int = 4

    def __post_init__(self) -> None:
        """Refuse what cannot be rendered."""
        if self.split not in SPLITS:
            raise InputError(f"--split is {self.split!r}: expected one of {', '.join(SPLITS)}")
        if self.people not in ("own", "none"):
            raise InputError(f"--people is {self.people!r}: expected own or none")
        for name, pixels in (("--width", self.width), ("--height", self.height)):
            if not MIN_SIDE_PX <= pixels <= MAX_SIDE_PX:
                raise InputError(f"{name} is {pixels}: expected {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels")
        if max(self.width, self.height) > MAX_ASPECT * min(self.width, self.height):
            raise InputError(f"{self.width}x{self.height} is too long and thin: expected at most {MAX_ASPECT} to 1")
        if not 1 <= self.samples <= MAX_SAMPLES:
            raise InputError(f"--samples is {self.samples}: expected 1 to {MAX_SAMPLES}")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) pixels."""
        return self.width, self.height


@dataclass(frozen=True)
class _Job:
    seed: int
    out: Path
    bank_path: Path
    bank_digest: str
    options: SceneOptions


def scene_folder(out: Path, seed: int) -> Path:
    """Return the folder of a scene."""
    return out / f"scene-{seed:08d}"


def export_scenes(
    seeds: Sequence[int],
    out: Path,
    bank_path: Path,
    *,
    options: SceneOptions,
    workers: int = 1,
    progress: Progress | None = None,
) -> int:
    """Render the scenes of these seeds that are not finished yet.

    Args:
        seeds: one folder each.
        out: where the folders go; made if needed.
        bank_path: bodies, see :mod:`mfh_lab.pocket.world.bodies`.
        options: size, split, people, samples.
        workers: processes; 1 renders in this one.
        progress: called with what is being done and the fraction done.

    Returns:
        How many scenes were rendered; the others were there.

    Raises:
        InputError: for a bank without bodies of the split, a folder that cannot be written to or that another process
            writes to, or a scene's folder that holds other files or was rendered with other options.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise InputError(f"--workers is {workers}: expected 1 to {MAX_WORKERS}")
    digest = _check_bank(bank_path, options)
    with folder_lock(out, wait_s=_LOCK_WAIT_S):
        missing = [seed for seed in seeds if not _is_finished(out, seed, options, digest)]
        make_folder(out)
        _sweep(out)
        jobs = [_Job(seed, out, bank_path, digest, options) for seed in missing]
        for done, _ in enumerate(in_processes(_write, jobs, workers=workers), start=1):
            if progress is not None:
                progress(f"{done} of {len(missing)} scenes rendered,", done / len(missing))
    return len(missing)


def write_scene(folder: Path, scene: Scene, picture: Render, bank: BodyBank, *, settings: dict[str, object]) -> None:
    """Write one scene's four files, all or none.

    Args:
        scene: that was rendered.
        folder: of this scene alone, in a folder that is there. What an earlier run left unfinished in it is replaced.
        picture: its render.
        bank: bodies of the people in the picture.
        settings: what the picture is a function of; kept in scene.json.

    Raises:
        InputError: when a file cannot be written, or the folder holds other files.
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    people = scene.people if picture.people else ()
    content = describe_scene(scene, picture, people, bank) | {"settings": settings}
    try:
        part.mkdir()
        write_png(part / "rgb.png", picture.rgb[..., ::-1])
        with atomic_path(part / "depth.npz") as temporary:
            np.savez_compressed(temporary, depth_m=picture.depth_m)
        write_png(part / "ids.png", picture.ids.astype(np.uint16))
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        (part / "scene.json").write_text(text, encoding="utf-8")
        if os.path.lexists(folder):
            if not _is_begun(folder, part):
                raise InputError(f"{shown(folder)} is no scene of mfh pocket render: choose another folder with --out")
            shutil.rmtree(folder)
        part.rename(folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}; choose another with --out") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def describe_scene(scene: Scene, picture: Render, people: Sequence[ScenePerson], bank: BodyBank) -> dict[str, object]:
    """Return the content of scene.json: camera and people in plain numbers.

    Args:
        scene: that was rendered.
        picture: its render.
        people: those who were rendered, in the order of ``picture.people``.
        bank: their bodies.
    """
    view = scene.view
    right, down, forward = (axis.astype(np.float64) for axis in view.axes)
    described = []
    for person, truth in zip(people, picture.people, strict=True):
        rows, columns = np.nonzero(picture.ids == truth.person_id)
        feet = view.axes.astype(np.float64) @ (
            np.array([person.place.x, person.place.y, person.place.z]) - view.position.astype(np.float64)
        )
        box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1] if len(rows) else None
        described.append(
            {
                "id": truth.person_id,
                "body": truth.body_index,
                "stature_m": round(truth.stature_m, 4),
                "female": bool(bank.female[truth.body_index]),
                "pose": POSES[int(bank.pose[truth.body_index])],
                "position_m": [round(float(value), 5) for value in feet],
                "box_xyxy": box,
                "pixels": len(rows),
            }
        )
    camera = {
        "fx": view.f_px,
        "fy": view.f_px,
        "cx": view.cx,
        "cy": view.cy,
        "width": scene.size[0],
        "height": scene.size[1],
        "height_m": float(view.position[2]),
        "pitch_deg": float(np.rad2deg(np.arcsin(np.clip(forward[2], -1, 1)))),
        "roll_deg": float(np.rad2deg(np.arctan2(-right[2], -down[2]))),
    }
    camera = {name: value if isinstance(value, int) else round(float(value), 6) for name, value in camera.items()}
    return {
        "format": FORMAT,
        "seed": scene.seed,
        "kind": scene.layout.kind,
        "camera": camera,
        "people": described,
        "ids": IDS,
        "gain": picture.gain,
    }


def _check_bank(bank_path: Path, options: SceneOptions) -> str:
    """Return the bank's digest, after seeing that it can fill a scene of the split."""
    bank = load_bank(bank_path)
    for poses in (STANDING, ("sit",)):
        if len(bank.indices(options.split, poses=poses)) == 0:
            held = ", ".join(split for split in SPLITS if len(bank.indices(split)))
            raise InputError(
                f"{bank_path.name} has no {'/'.join(poses)} bodies of split {options.split!r}, only of {held}: "
                "give --split, or a whole bank made by python -m mfh_lab.pocket.world.bodies with --bank"
            )
    return bank_digest(bank_path)


def _settings(options: SceneOptions, bank_digest: str) -> dict[str, object]:
    return {**asdict(options), "bank_sha256": bank_digest}


def _is_finished(out: Path, seed: int, options: SceneOptions, bank_digest: str) -> bool:
    folder = scene_folder(out, seed)
    if os.path.lexists(out) and not os.path.isdir(out):
        raise InputError(f"output folder {out} is a file: choose another with --out")
    if not os.path.lexists(folder):
        return False
    path = folder / "scene.json"
    if _holds_only(folder, _FILES[:-1]):
        return False
    expected = "of mfh pocket render, as every scene in --out; choose another folder, or delete it"
    content = read_json(path, what="", expected=expected)
    with reading(path, what="", expected=expected):
        found = dict(content["settings"])
    wanted = _settings(options, bank_digest)
    if found != wanted:
        other = [f"{name} {found.get(name)}" for name, value in wanted.items() if found.get(name) != value]
        raise InputError(f"{folder} was rendered with {', '.join(other)}: choose another folder with --out")
    return True


def _is_begun(folder: Path, part: Path) -> bool:
    """Return whether a folder is what a run left that was stopped: of this scene's files only, and one as it is now."""
    if not _holds_only(folder, _FILES[:-1]):
        return False
    names = os.listdir(folder)
    return not names or any(filecmp.cmp(folder / name, part / name, shallow=False) for name in names)


def _holds_only(folder: Path, names: Sequence[str]) -> bool:
    """Return whether a folder is one, not a link, and all in it are plain files of these names."""
    if not os.path.isdir(folder) or os.path.islink(folder):
        return False
    return all(entry.name in names and entry.is_file(follow_symlinks=False) for entry in os.scandir(folder))


def _sweep(out: Path) -> None:
    """Remove scenes that a killed run was about to move to their place."""
    for left in out.glob(".scene-*.tmp"):
        if _LEFT.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)


@lru_cache(maxsize=2)
def _bank(path: Path) -> BodyBank:
    return load_bank(path)


def _write(job: _Job) -> None:
    options, bank = job.options, _bank(job.bank_path)
    scene = draw_scene(job.seed, bank, split=options.split, size=options.size)
    people = scene.people if options.people == "own" else ()
    picture = render(scene, bank, people=people, samples=options.samples)
    settings = _settings(options, job.bank_digest)
    write_scene(scene_folder(job.out, job.seed), scene, picture, bank, settings=settings)


def write_png(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write a picture, its colours in the order of OpenCV, whole or not at all.

    Raises:
        InputError: where it cannot be written.
    """
    done, encoded = cv2.imencode(".png", image)
    if not done:
        raise InputError(f"cannot encode {path}: expected a picture")
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
