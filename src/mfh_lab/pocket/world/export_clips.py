"""Clips as folders of plain files (format: docs/guide/pocket_world.md).

``clip.json`` is written first and says what the folder is; then each frame's truth, its picture, and at last the film.
A frame whose picture is there is finished, so a run that was stopped resumes when the same is asked for again.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfh.errors import InputError, shown
from mfh.geometry.camera import camera_matrix
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.lock import folder_lock
from mfh.io.pictures import open_picture
from mfh.io.reading import parse_json, read_json, read_npz, reading
from mfh.types import Camera
from mfh_lab.pocket.world.bodies import SPLITS, BodyBank, bank_digest, load_bank
from mfh_lab.pocket.world.clips import Clip, ClipFrame, ClipOptions, draw_clip, pose_matrix, render_frame
from mfh_lab.pocket.world.export_scenes import MAX_SAMPLES, MAX_SIDE_PX, MAX_WORKERS, MIN_SIDE_PX, write_png
from mfh_lab.pocket.world.workers import in_processes

FORMAT = 1
MAX_FRAMES = 100_000
FILM = "clip.mp4"
_LOCK_WAIT_S = 10.0
_CRF = "14"
_EXPECTED = "a folder of mfh pocket clip"

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Job:
    number: int
    seed: int
    out: Path
    bank_path: Path
    options: ClipOptions


@dataclass(frozen=True)
class ClipFolder:
    """A clip on disk.

    Attributes:
        folder: of the clip.
        about: content of clip.json.
        camera: intrinsics of all frames.
    """

    folder: Path
    about: dict[str, object]
    camera: Camera

    @property
    def film(self) -> Path:
        """The clip as a video file."""
        return self.folder / FILM

    def pictures(self) -> list[Path]:
        """Return the frames as pictures, in order."""
        return sorted((self.folder / "frames").glob("*.png"))

    def truth(self, number: int) -> ClipFrame:
        """Return one frame with its truth."""
        path = self.folder / "truth" / f"{number:05d}.npz"
        arrays = read_npz(path, what="truth", expected=_EXPECTED)
        rgb = _read_rgb(self.folder / "frames" / f"{number:05d}.png")
        with reading(path, what="truth", expected=_EXPECTED):
            return ClipFrame(rgb, arrays["depth_m"], arrays["person_ids"], arrays["T_world_camera"])


def check_options(options: ClipOptions) -> None:
    """Refuse what cannot be rendered.

    Raises:
        InputError: naming the option.
    """
    if options.split not in SPLITS:
        raise InputError(f"--split is {options.split!r}: expected one of {', '.join(SPLITS)}")
    for name, value, low, high in (
        ("--frames", options.frames, 1, MAX_FRAMES),
        ("--fps", options.fps, 1, 240),
        ("--width", options.width, MIN_SIDE_PX, MAX_SIDE_PX),
        ("--height", options.height, MIN_SIDE_PX, MAX_SIDE_PX),
        ("--samples", options.samples, 1, MAX_SAMPLES),
    ):
        if not low <= value <= high:
            raise InputError(f"{name} is {value}: expected {low} to {high}")
    for name, value in (("--width", options.width), ("--height", options.height)):
        if value % 2:
            raise InputError(f"{name} is {value}: expected an even number, as films need")


def export_clip(
    seed: int,
    out: Path,
    bank_path: Path,
    *,
    options: ClipOptions,
    workers: int = 1,
    progress: Progress | None = None,
) -> int:
    """Render the frames of a clip that are not finished yet, and the film of all.

    Args:
        seed: of the clip.
        out: folder of this clip alone; made if needed.
        bank_path: bodies, see :mod:`mfh_lab.pocket.world.bodies`.
        options: length, size, camera.
        workers: processes; 1 renders in this one.
        progress: called with what is being done and the fraction done.

    Returns:
        How many frames were rendered; the others were there.

    Raises:
        InputError: for a bank without a standing adult of the split, or a folder that cannot be written to, that
            another process writes to, or that holds something else or another clip.
    """
    check_options(options)
    if not 1 <= workers <= MAX_WORKERS:
        raise InputError(f"--workers is {workers}: expected 1 to {MAX_WORKERS}")
    bank = load_bank(bank_path)
    try:
        clip = draw_clip(seed, bank, options)
    except ValueError as error:
        raise InputError(f"{error}: choose another --seed, or another --bank") from error
    about = describe_clip(clip, bank, bank_sha256=bank_digest(bank_path))
    with folder_lock(out, wait_s=_LOCK_WAIT_S):
        _begin(out, about)
        missing = [k for k in range(options.frames) if not (out / "frames" / f"{k:05d}.png").exists()]
        jobs = [_Job(k, seed, out, bank_path, options) for k in missing]
        for done, _ in enumerate(in_processes(_write_frame, jobs, workers=workers), start=1):
            if progress is not None:
                progress(f"{done} of {len(missing)} frames rendered,", done / len(missing))
        if missing or not (out / FILM).exists():
            write_film(out / FILM, sorted((out / "frames").glob("*.png")), fps=options.fps)
    return len(missing)


def read_clip(folder: Path) -> ClipFolder:
    """Open the folder of a clip.

    Raises:
        InputError: for a folder of something else.
    """
    path = folder / "clip.json"
    about = read_json(path, what="clip", expected=_EXPECTED)
    with reading(path, what="clip", expected=_EXPECTED):
        camera = about["camera"]
        numbers = {one.name: camera[one.name] for one in fields(Camera)}
        return ClipFolder(folder, about, Camera(**numbers))


def describe_clip(clip: Clip, bank: BodyBank, *, bank_sha256: str) -> dict[str, object]:
    """Return the content of clip.json: camera, poses and people in plain numbers.

    Args:
        clip: the clip.
        bank: its bodies.
        bank_sha256: digest of the file of the bank.
    """
    people = [
        {"id": k + 1, "body": walker.body, "stature_m": round(walker.stature_m, 4),
         "female": bool(bank.female[walker.body]), "speed_mps": round(abs(walker.loop.speed_mps), 3)}
        for k, walker in enumerate(clip.walkers)
    ]  # fmt: skip
    moments = [number / clip.options.fps for number in range(clip.options.frames)]
    return {
        "format": FORMAT,
        "seed": clip.seed,
        "kind": clip.layout.kind,
        "fps": clip.options.fps,
        "camera": asdict(clip.camera),
        "people": people,
        "T_world_camera": [pose_matrix(clip.path.at(t)).round(7).tolist() for t in moments],
        "settings": asdict(clip.options) | {"bank_sha256": bank_sha256},
    }


def write_film(path: Path, pictures: list[Path], *, fps: int) -> None:
    """Encode pictures as H.264, whole or not at all.

    Args:
        path: an mp4 file.
        pictures: of one even size, in order.
        fps: frames a second.

    Raises:
        InputError: where it cannot be written.
    """
    import av

    with atomic_path(path) as temporary, av.open(str(temporary), "w") as film:
        stream = film.add_stream("libx264", rate=fps, options={"crf": _CRF})
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            rgb = _read_rgb(picture)
            if number == 0:
                stream.height, stream.width = rgb.shape[:2]
            film.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        film.mux(stream.encode(None))


def _begin(out: Path, about: dict[str, object]) -> None:
    """Make the folders and clip.json, or see that they are those of this clip."""
    path = out / "clip.json"
    if path.exists():
        found = read_json(path, what="clip", expected=_EXPECTED)
        if found != parse_json(json.dumps(about)):
            raise InputError(f"{shown(out)} holds another clip: choose another folder with --out, or delete it")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{shown(out)} holds other files: choose another folder with --out")
    for name in ("frames", "truth"):
        make_folder(out / name)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(about, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _read_rgb(path: Path) -> NDArray[np.uint8]:
    with open_picture(path, formats=("PNG",), what="frame", expected=_EXPECTED) as image:
        return np.asarray(image.convert("RGB"))


@lru_cache(maxsize=1)
def _drawn(seed: int, bank_path: Path, options: ClipOptions) -> tuple[Clip, BodyBank]:
    bank = load_bank(bank_path)
    return draw_clip(seed, bank, options), bank


def _write_frame(job: _Job) -> None:
    clip, bank = _drawn(job.seed, job.bank_path, job.options)
    frame = render_frame(clip, bank, job.number)
    with atomic_path(job.out / "truth" / f"{job.number:05d}.npz") as temporary:
        np.savez_compressed(temporary, depth_m=frame.depth_m, person_ids=frame.person_ids,
                            T_world_camera=frame.T_world_camera, K=camera_matrix(clip.camera))  # fmt: skip
    write_png(job.out / "frames" / f"{job.number:05d}.png", frame.rgb[..., ::-1])
