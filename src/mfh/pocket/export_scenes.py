"""Scenes as folders of plain files: rgb.png, depth.npz, ids.png and scene.json (format: docs/pocket-world.md).

A folder is a function of its seed, the options and the bank: any number of workers writes the same bytes. scene.json
comes last, so that a folder with one is finished; a finished folder is never rendered again.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.pocket.bodies import POSES, SPLITS, BodyBank, load_bank
from mfh.pocket.people import FIRST_PERSON_ID
from mfh.pocket.workers import in_processes
from mfh.pocket.world import STANDING, Figure, Render, Scene, draw_scene, render

FORMAT = 1
IDS = {"0": "sky", "1": "ground, walls and ceiling", "2-99": "objects", f"{FIRST_PERSON_ID}-": "people"}
MIN_SIDE_PX, MAX_SIDE_PX, MAX_ASPECT = 32, 4096, 5

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
        if self.samples < 1:
            raise InputError(f"--samples is {self.samples}: expected at least 1")

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
        bank_path: bodies, see :mod:`mfh.pocket.bodies`.
        options: size, split, people, samples.
        workers: processes; 1 renders in this one.
        progress: called with how far it is and the fraction done.

    Returns:
        How many scenes were rendered; the others were there.

    Raises:
        InputError: for a bank without bodies of the split, a folder that cannot be written to, or a finished scene that
            was rendered with other options.
    """
    if workers < 1:
        raise InputError(f"--workers is {workers}: expected at least 1")
    digest = _check_bank(bank_path, options)
    missing = [seed for seed in seeds if not _is_finished(out, seed, options, digest)]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {out}: {error.strerror or error}; choose another with --out") from error
    jobs = [_Job(seed, out, bank_path, digest, options) for seed in missing]
    for done, _ in enumerate(in_processes(_write, jobs, workers=workers), start=1):
        if progress is not None:
            progress(f"{done} of {len(missing)} scenes rendered,", done / len(missing))
    return len(missing)


def write_scene(folder: Path, scene: Scene, picture: Render, bank: BodyBank, *, settings: dict[str, object]) -> None:
    """Write one scene's four files; scene.json last.

    Args:
        folder: of this scene alone; made if needed.
        scene: the scene.
        picture: its render.
        bank: bodies of the people in the picture.
        settings: what the picture is a function of; kept in scene.json.

    Raises:
        InputError: when a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror or error}; choose another with --out") from error
    _write_png(folder / "rgb.png", picture.rgb[..., ::-1])
    with atomic_path(folder / "depth.npz") as temporary:
        np.savez_compressed(temporary, depth_m=picture.depth_m)
    _write_png(folder / "ids.png", picture.ids.astype(np.uint16))
    figures = scene.figures if picture.people else ()
    tree = describe_scene(scene, picture, figures, bank) | {"settings": settings}
    with atomic_path(folder / "scene.json") as temporary:
        temporary.write_text(json.dumps(tree, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def describe_scene(scene: Scene, picture: Render, figures: Sequence[Figure], bank: BodyBank) -> dict[str, object]:
    """Return what scene.json says: camera and people in plain numbers.

    Args:
        scene: the scene.
        picture: its render.
        figures: the people who were rendered, in the order of ``picture.people``.
        bank: their bodies.
    """
    view = scene.view
    right, down, forward = (axis.astype(np.float64) for axis in view.axes)
    people = []
    for figure, truth in zip(figures, picture.people, strict=True):
        rows, columns = np.nonzero(picture.ids == truth.person_id)
        feet = view.axes.astype(np.float64) @ (
            np.array([figure.place.x, figure.place.y, figure.place.z]) - view.position.astype(np.float64)
        )
        box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1] if len(rows) else None
        people.append(
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
        "people": people,
        "ids": IDS,
        "gain": picture.gain,
    }


def read_scene(folder: Path) -> tuple[dict[str, object], NDArray[np.uint8], NDArray[np.float32]]:
    """Read one finished scene: scene.json, (h, w, 3) uint8 RGB, and (h, w) depth in metres, 0 for sky.

    Raises:
        InputError: when the folder holds no finished scene.
    """
    try:
        tree = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
        with np.load(folder / "depth.npz", allow_pickle=False) as arrays:
            depth_m = arrays["depth_m"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} holds no finished scene ({error}): render it with mfh pocket render") from error
    bgr = cv2.imread(str(folder / "rgb.png"), cv2.IMREAD_COLOR)
    if bgr is None:
        raise InputError(f"{folder}/rgb.png cannot be read: delete the folder and render it again")
    return tree, np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8, copy=False), depth_m


def _check_bank(bank_path: Path, options: SceneOptions) -> str:
    """Return the bank's digest, after seeing that it can fill a scene of the split."""
    try:
        bank = load_bank(bank_path)
    except FileNotFoundError as error:
        raise InputError(str(error)) from error
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{bank_path} is no body bank ({error}): expected a file of mfh.pocket.bodies") from error
    for poses in (STANDING, ("sit",)):
        if len(bank.indices(options.split, poses=poses)) == 0:
            held = ", ".join(split for split in SPLITS if len(bank.indices(split)))
            raise InputError(
                f"{bank_path.name} has no {'/'.join(poses)} bodies of split {options.split!r}, only of {held}: "
                "give --split, or a whole bank made by python -m mfh.pocket.bodies with --bank"
            )
    return hashlib.sha256(bank_path.read_bytes()).hexdigest()[:16]


def _settings(options: SceneOptions, bank_digest: str) -> dict[str, object]:
    return {**asdict(options), "bank_sha256": bank_digest}


def _is_finished(out: Path, seed: int, options: SceneOptions, bank_digest: str) -> bool:
    path = scene_folder(out, seed) / "scene.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["settings"]
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise InputError(f"output folder {out} is a file: choose another with --out") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not of this program ({error}): choose another folder with --out") from error
    wanted = _settings(options, bank_digest)
    if found != wanted:
        other = [f"{name} {found.get(name)}" for name, value in wanted.items() if found.get(name) != value]
        raise InputError(f"{path.parent} was rendered with {', '.join(other)}: choose another folder with --out")
    return True


@lru_cache(maxsize=2)
def _bank(path: Path) -> BodyBank:
    return load_bank(path)


def _write(job: _Job) -> None:
    options, bank = job.options, _bank(job.bank_path)
    scene = draw_scene(job.seed, bank, split=options.split, size=options.size)
    figures = scene.figures if options.people == "own" else ()
    picture = render(scene, bank, figures=figures, samples=options.samples)
    settings = _settings(options, job.bank_digest)
    write_scene(scene_folder(job.out, job.seed), scene, picture, bank, settings=settings)


def _write_png(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    done, encoded = cv2.imencode(".png", image)
    if not done:
        raise InputError(f"cannot encode {path}: expected a picture")
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
