"""The page of a study: pictures drawn to one size, named by question and letter alone."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from mfh.errors import InputError
from mfh.io.atomic import atomic_path, make_folder, plain_name
from mfh.io.lock import folder_lock
from mfh.io.photo import load_photo
from mfh.io.reading import reading
from mfh.io.written import is_inside, is_same
from mfh.viz.drawing import bar_colours, bar_ticks_m, colour_depth, position_on_bar, tick_label
from mfh_lab.evaluation.given_files import check_aspect, check_complete, read_metric_depth
from mfh_lab.paper import pages
from mfh_lab.paper.study.meter_bar import MeterBar, choose_bar
from mfh_lab.paper.study.plan import LETTERS, Question, draw_plan, key_text, read_key

Progress = Callable[[str, float], None]

_PICTURE_PX = 800
_BAR_STOPS = 25
_LOCK_WAIT_S = 5.0


@dataclass(frozen=True)
class EncodedPicture:
    """An encoded picture.

    Attributes:
        content: of the file.
        media_type: "image/png" or "image/jpeg".
    """

    content: bytes
    media_type: str

    @property
    def url(self) -> str:
        """The picture itself as an address."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True)
class Study:
    """A study that was written.

    Attributes:
        id: that page, key and answers share.
        page: the file to open.
        key: the researcher's secret.
        questions: in the order they are asked.
    """

    id: str
    page: Path
    key: Path
    questions: tuple[Question, ...]


def make_study(
    photos: Mapping[str, Path],
    folders: Mapping[str, Path],
    *,
    out: Path,
    key: Path,
    seed: int,
    bars: Mapping[str, MeterBar] | None = None,
    note: str = "",
    progress: Progress | None = None,
) -> Study:
    """Write a blind page and its key.

    All pictures of a photo have one size, whatever the methods gave, and no name in the page or its folder comes from
    the user: neither the methods' labels nor the photos' file names. The page comes last: a key without its page is of
    a run that was killed, and the same run made again goes through.

    Args:
        photos: name -> file.
        folders: label -> folder with predictions.
        out: a .html file that holds everything, or a folder that gets index.html and images/.
        key: json file, outside of ``out``.
        seed: draws all orders.
        bars: photo -> meter bar; None to choose them by the predictions.
        note: shown before and after, such as whom to send the answers to.
        progress: called with what is being done and the fraction done.

    Returns:
        What was written.

    Raises:
        InputError: for a missing or unfit prediction, a page or key that is there already, or a file that cannot be
            written.
    """
    check_new(out, key)
    with folder_lock(out, wait_s=_LOCK_WAIT_S), folder_lock(key, wait_s=_LOCK_WAIT_S):
        _sweep(out, key)
        report = progress or (lambda what, share: None)
        return _make_study(photos, folders, out=out, key=key, seed=seed, bars=bars, note=note, progress=report)


def _make_study(
    photos: Mapping[str, Path],
    folders: Mapping[str, Path],
    *,
    out: Path,
    key: Path,
    seed: int,
    bars: Mapping[str, MeterBar] | None,
    note: str,
    progress: Progress,
) -> Study:
    single = _is_single(out)
    names, labels = sorted(photos), list(folders)
    check_complete(names, folders)
    if bars is None:
        bars = {}
        for number, name in enumerate(names):
            progress(f"meter bars: {name}", 0.4 * number / len(names))
            bars[name] = choose_bar([read_metric_depth(folder, name) for folder in folders.values()])
    questions = draw_plan(bars, labels, seed=seed)

    # A folder is moved to its place whole: what is there is a study, or not this program's.
    place = out if single else out.with_name(f".{plain_name(out.name)}.{os.getpid()}.tmp")
    address = _inside if single else _beside
    digest = hashlib.sha256()
    shown: list[dict[str, object]] = []
    try:
        for number, question in enumerate(questions):
            progress(question.photo, 0.4 + 0.6 * number / len(questions))
            drawn, size = draw_question(question, photos[question.photo], folders)
            for picture in drawn.values():
                digest.update(hashlib.sha256(picture.content).digest())
            urls = {name: address(place, f"{question.id}-{name}", picture) for name, picture in drawn.items()}
            shown.append(_shown(question, urls, size))
        bare = [{k: v for k, v in one.items() if k not in ("photo", "choices")} for one in shown]
        digest.update(json.dumps([bare, note], sort_keys=True).encode())
        study = digest.hexdigest()[:16]

        data = {"study": study, "note": note, "colors": _bar_stops(), "questions": shown}
        page = pages.build("study", data)
        check_new(out, key)
        _write_key(key, key_text(questions, labels, study=study, seed=seed))
        with atomic_path(out if single else place / "index.html") as temporary:
            temporary.write_text(page, encoding="utf-8")
        if not single:
            _move(place, out)
    finally:
        if not single:
            shutil.rmtree(place, ignore_errors=True)
    return Study(study, out if single else out / "index.html", key, tuple(questions))


def check_new(out: Path, key: Path) -> None:
    """Refuse a page or key that is there already, and places of the two that are one.

    A key without its page passes: a killed run left it, and the same run made again has the same key.

    Args:
        out: of the page, or of its folder.
        key: of the key.

    Raises:
        InputError: saying which.
    """
    single = _is_single(out)
    if not out.name or out.name == "..":
        raise InputError(f"--out is {str(out)!r}: expected FILE.html, or a folder that is new")
    if is_same(out, key):
        raise InputError(f"--key and --out are both {key}: the key must be a file of its own")
    if not single and is_inside(key, out):
        raise InputError(f"--key {key} is inside the study's folder {out}: participants must not get it")
    there = os.path.lexists(out) and (single or os.path.islink(out) or not os.path.isdir(out) or bool(_names(out)))
    if os.path.lexists(key) and (there or not _is_key(key)):
        raise _key_is_there(key)
    with reading(out, what="--out", expected="FILE.html, or a folder that is new"):
        if there:
            raise InputError(f"--out {out} is there already: choose another, or move it away")


def _names(folder: Path) -> list[str]:
    with reading(folder, what="--out", expected="FILE.html, or a folder that is new"):
        return os.listdir(folder)


def _is_key(path: Path) -> bool:
    """Return whether a file is the key of a study."""
    try:
        read_key(path)
    except InputError:
        return False
    return not os.path.islink(path)


def _key_is_there(key: Path) -> InputError:
    return InputError(f"{key} is there already, and answers can only be read with it: choose another --key or --out")


def _write_key(key: Path, text: str) -> None:
    """Write the key, or keep that of the same run, which was killed before its page was there.

    Raises:
        InputError: for the key of another study.
    """
    if os.path.lexists(key):
        with reading(key, what="key", expected="the key.json that mfh study make wrote"):
            same = key.read_bytes() == text.encode("utf-8")
        if not same:
            raise _key_is_there(key)
        return
    with atomic_path(key) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def _sweep(out: Path, key: Path) -> None:
    """Remove what killed runs were about to rename to the page, its folder or the key."""
    left = [(path, rf"\.{re.escape(path.stem)}\.\d+\.tmp{re.escape(path.suffix)}") for path in (out, key)]
    left.append((out, rf"\.{re.escape(plain_name(out.name))}\.\d+\.tmp"))
    with suppress(OSError):
        for place, name in left:
            for path in place.parent.glob(".*.tmp*"):
                if not re.fullmatch(name, path.name) or path.is_symlink():
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _is_single(out: Path) -> bool:
    return out.suffix.lower() in (".html", ".htm")


def _move(place: Path, out: Path) -> None:
    try:
        if os.path.isdir(out):
            # It is empty, or this fails.
            out.rmdir()
        place.rename(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}; choose another --out") from error


def draw_question(
    question: Question, photo_file: Path, folders: Mapping[str, Path]
) -> tuple[dict[str, EncodedPicture], tuple[int, int]]:
    """Draw a photo and all methods' depths for it.

    Args:
        question: the photo with its bar and order.
        photo_file: the picture file.
        folders: label -> folder with predictions.

    Returns:
        "photo" and the letters -> pictures of one size; and that size, (width, height).

    Raises:
        InputError: for a photo or prediction that cannot be read or is of another crop.
    """
    rgb = load_photo(photo_file).rgb
    height, width = rgb.shape[:2]
    scale = _PICTURE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    drawn = {"photo": _jpeg(Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)))}
    for letter, label in zip(LETTERS, question.order, strict=False):
        depth_m = read_metric_depth(folders[label], question.photo)
        check_aspect(depth_m, (height, width), f"{label}'s prediction for {question.photo!r}")
        drawn[letter] = draw_depth(depth_m, size, question.bar)
    return drawn, size


def draw_depth(depth_m: Float[ndarray, "h w"], size: tuple[int, int], bar: MeterBar) -> EncodedPicture:
    """Colour a depth map by a meter bar.

    Args:
        depth_m: metres; NaN where there is none (hatched grey).
        size: (width, height) of the picture.
        bar: beyond its ends the colour stays.

    Returns:
        A png with the exact colours of the bar.
    """
    # Nearest: a mean of two depths across an edge would be a depth that no method predicted.
    resized = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST_EXACT)
    rgb = colour_depth(resized, np.isfinite(resized), (bar.min_m, bar.max_m))
    # At most 256 levels and two greys: nearly always few enough for a palette, which is a third of the size.
    packed = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colors, index = np.unique(packed, return_inverse=True)
    picture = Image.fromarray(rgb)
    if len(colors) <= 256:
        picture = Image.fromarray(index.reshape(packed.shape).astype(np.uint8))
        picture.putpalette(np.stack([colors >> 16, colors >> 8 & 255, colors & 255], 1).astype(np.uint8).tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return EncodedPicture(stream.getvalue(), "image/png")


def _jpeg(picture: Image.Image) -> EncodedPicture:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=88, optimize=True)
    return EncodedPicture(stream.getvalue(), "image/jpeg")


def _inside(out: Path, name: str, picture: EncodedPicture) -> str:
    return picture.url


def _beside(out: Path, name: str, picture: EncodedPicture) -> str:
    """Write a picture into the study's folder and return its address in the page."""
    relative = f"images/{name}.{'png' if picture.media_type == 'image/png' else 'jpg'}"
    make_folder(out / "images")
    with atomic_path(out / relative) as temporary:
        temporary.write_bytes(picture.content)
    return relative


def _shown(question: Question, urls: Mapping[str, str], size: tuple[int, int]) -> dict[str, object]:
    """Return what the page holds of a question: nothing that the user named."""
    limits = (question.bar.min_m, question.bar.max_m)
    ticks = np.array(bar_ticks_m(limits))
    positions = position_on_bar(ticks, limits)
    return {
        "id": question.id,
        "photo": urls["photo"],
        "width": size[0],
        "height": size[1],
        "bar": {
            "min": tick_label(limits[0]),
            "max": tick_label(limits[1]),
            "ticks": [[round(float(x), 4), tick_label(float(tick))] for x, tick in zip(positions, ticks, strict=True)],
        },
        "choices": [{"letter": letter, "image": urls[letter]} for letter in LETTERS[: len(question.order)]],
    }


def _bar_stops() -> Sequence[str]:
    """Return the bar's colours from its near to its far end, as a page writes them."""
    colors = bar_colours(np.linspace(0, 1, _BAR_STOPS)[None])[0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colors]
