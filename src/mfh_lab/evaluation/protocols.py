"""Evaluation protocols: which part of a sample is a method's input, and which of its pixels are scored.

``paper`` is what the paper describes; ``authors_code`` is what its published code does, for comparing with its tables.
They differ outside the method: a dataset never changes the algorithm unless ``authors_code`` is asked for by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.camera import crop_camera, resize_camera
from mfh.types import Camera, FocalProvenance, Photo
from mfh_lab.evaluation.datasets.sample import DatasetSample

Window = Literal["all", "eigen", "garg-whole-frame", "garg-kb-crop"]
WINDOWS: dict[Window, str] = {
    "all": "every pixel",
    "eigen": "Eigen's window (rows 45-470, columns 41-600)",
    "garg-whole-frame": "Garg's window of the whole frame, as BTS takes it",
    "garg-kb-crop": "Garg's window of the KB crop, as ZoeDepth and the published code take it",
}
"""Which pixels count, in words."""
OneFocal = Literal["fx", "mean"]
OtherSpace = Literal["negated", "reciprocal"]
"""How a head that is fitted in the other space than the model's reads relative depth D (Table 3): -D, or 1 / D."""

EIGEN_ROWS, EIGEN_COLUMNS = (45, 471), (41, 601)
"""The Eigen window of a 480x640 NYUv2 frame (Eigen et al. 2014), as pixels."""

GARG_ROWS, GARG_COLUMNS = (0.40810811, 0.99189189), (0.03594771, 0.96405229)
"""The Garg window as fractions of a frame (Garg et al. 2016)."""

KB_SIZE = (1216, 352)
"""(width, height) of the KITTI benchmark crop: bottom, middle."""


@dataclass(frozen=True)
class Rules:
    """How one dataset is evaluated under one protocol.

    Attributes:
        min_m: a truth must be farther than this to count; answers are clamped to it.
        max_m: a truth must be nearer than this to count; answers are clamped to it.
        window: which pixels count: "all"; "eigen", rows 45 to 470 and columns 41 to 600 whatever the frame's size;
            "garg-whole-frame", Garg's fractions of the frame as it lies on disk (as BTS); "garg-kb-crop", Garg's
            fractions of what is left after the benchmark crop (as ZoeDepth and the authors).
        use_official_mask: whether pixels that the dataset itself marks as invalid are left out.
        kb_crop: crop photo, camera, truth and mask to the KITTI benchmark's 352x1216.
        short_side_px: resize the photo, with its camera, to this short side; None for its own size.
        one_focal: None for the dataset's camera; else a camera with a single focal length ("fx", or the "mean" of fx
            and fy) and the principal point at width/2, height/2.
        fixed_scale: what a method that fits scale and shift must fix its scale to; None to fit both.
        other_space: how Table 3's heads in the other space than the model's read its relative depth.
    """

    min_m: float
    max_m: float
    window: Window = "all"
    use_official_mask: bool = True
    kb_crop: bool = False
    short_side_px: int | None = None
    one_focal: OneFocal | None = None
    fixed_scale: float | None = None
    other_space: OtherSpace = "negated"

    def __post_init__(self) -> None:
        """Refuse a range that is none."""
        if not 0 <= self.min_m < self.max_m:
            raise InputError(f"min_m is {self.min_m} and max_m {self.max_m}: expected 0 <= min_m < max_m")

    @property
    def scored(self) -> str:
        """Which pixels are scored, in words."""
        masked = "" if self.use_official_mask else ", without the dataset's own mask"
        cropped = "; photo and truth are cropped to 1216x352 (KB crop)" if self.kb_crop else ""
        return f"truth of {self.min_m:g} to {self.max_m:g} m in {WINDOWS[self.window]}{masked}{cropped}"


@dataclass(frozen=True)
class EvaluationView:
    """One sample under one protocol.

    Attributes:
        name: of the sample.
        photo: the method's input: cropped and resized by the protocol, with the camera of exactly that size.
        truth_m: (h, w) float32 z in metres, cropped like the photo but never resized; 0 where there is none.
        scored_mask: (h, w) pixels that count: a truth strictly between min_m and max_m, inside the crop and the mask.
        min_m: answers are clamped to this.
        max_m: and to this.
        kind: of scene, where the dataset has kinds; else empty.
        other_space: how a head in the other space than the model's reads its relative depth.
    """

    name: str
    photo: Photo
    truth_m: Float[ndarray, "h2 w2"]
    scored_mask: Bool[ndarray, "h2 w2"]
    min_m: float
    max_m: float
    kind: str = ""
    other_space: OtherSpace = "negated"


@dataclass(frozen=True)
class Protocol:
    """Rules for every dataset.

    Attributes:
        name: what the user asks for.
        about: what it is, in one sentence.
        rules: by dataset.
    """

    name: str
    about: str
    rules: Mapping[str, Rules]

    def of(self, dataset: str) -> Rules:
        """Return the rules of a dataset.

        Raises:
            InputError: for a dataset it has no rules for.
        """
        if dataset not in self.rules:
            raise InputError(f"protocol {self.name} has no rules for {dataset!r}: expected one of {list(self.rules)}")
        return self.rules[dataset]


_INDOOR, _OUTDOOR = Rules(min_m=1e-3, max_m=10.0), Rules(min_m=1e-3, max_m=80.0)
_OWN = Rules(min_m=0.1, max_m=80.0)

PAPER = Protocol(
    "paper",
    "what the paper describes: the usual crops, and every dataset's own masks and camera",
    {
        "nyu": replace(_INDOOR, window="eigen"),
        "kitti": replace(_OUTDOOR, window="garg-whole-frame", kb_crop=True),
        "diode": replace(_INDOOR, short_side_px=480),
        "ibims1": Rules(min_m=0.0, max_m=10.0, window="eigen"),
        "eth3d": replace(_OUTDOOR, short_side_px=480),
        "pocket": _OWN,
        "folder": _OWN,
    },
)

AUTHORS_CODE = Protocol(
    "authors_code",
    "what the published code does: NYUv2's pixels on DIODE, no masks of DIODE and ETH3D, scale 1 on KITTI",
    {
        name: replace(rules, other_space="reciprocal")
        for name, rules in {
            "nyu": replace(_INDOOR, window="eigen", use_official_mask=False, one_focal="fx"),
            "kitti": replace(_OUTDOOR, window="garg-kb-crop", kb_crop=True, one_focal="fx", fixed_scale=1.0),
            "diode": replace(_INDOOR, window="eigen", use_official_mask=False, short_side_px=480, one_focal="mean"),
            "ibims1": Rules(min_m=0.0, max_m=10.0, window="eigen", one_focal="mean"),
            "eth3d": replace(_OUTDOOR, use_official_mask=False, short_side_px=480, one_focal="mean"),
            "pocket": _OWN,
            "folder": _OWN,
        }.items()
    },
)

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (PAPER, AUTHORS_CODE)}
DEFAULT_PROTOCOL = PAPER.name


def view(sample: DatasetSample, rules: Rules) -> EvaluationView:
    """Return a sample under a protocol: photo and camera cropped and resized, the truth cropped but never resized.

    Args:
        sample: as it lies on disk.
        rules: of its dataset.

    Returns:
        A method's input, and what its answer is scored against; nothing may be left to score.

    Raises:
        InputError: for a frame that is smaller than a crop.
    """
    height, width = sample.truth_m.shape
    window = _window(rules.window, (height, width), sample.name)
    rows, columns = slice(0, height), slice(0, width)
    if rules.kb_crop:
        rows, columns = kb_crop((height, width), name=sample.name)
    if rules.window == "garg-kb-crop":
        window[rows, columns] = garg_window((rows.stop - rows.start, columns.stop - columns.start))
    if rules.use_official_mask:
        window &= sample.official_mask
    truth_m = np.ascontiguousarray(sample.truth_m[rows, columns])
    camera = crop_camera(
        sample.camera,
        left=columns.start,
        top=rows.start,
        width=columns.stop - columns.start,
        height=rows.stop - rows.start,
    )
    return EvaluationView(
        name=sample.name,
        photo=_photo(np.ascontiguousarray(sample.rgb[rows, columns]), camera, rules, sample.name),
        truth_m=truth_m,
        scored_mask=(truth_m > rules.min_m) & (truth_m < rules.max_m) & window[rows, columns],
        min_m=rules.min_m,
        max_m=rules.max_m,
        kind=sample.kind,
        other_space=rules.other_space,
    )


def kb_crop(size: tuple[int, int], *, name: str = "photo") -> tuple[slice, slice]:
    """Return the rows and columns of the KITTI benchmark crop: top = h - 352, left = (w - 1216) // 2.

    Args:
        size: (height, width) of the frame.
        name: for messages.

    Raises:
        InputError: for a frame that is smaller.
    """
    (height, width), (crop_width, crop_height) = size, KB_SIZE
    if height < crop_height or width < crop_width:
        raise InputError(f"{name} is {width}x{height}: expected at least {crop_width}x{crop_height} for the KITTI crop")
    left = (width - crop_width) // 2
    return slice(height - crop_height, height), slice(left, left + crop_width)


def garg_window(size: tuple[int, int]) -> Bool[ndarray, "h w"]:
    """Return where the Garg window of a frame is; its edges are the fractions, cut to whole pixels.

    Args:
        size: (height, width) of the frame.
    """
    height, width = size
    inside = np.zeros(size, bool)
    rows, columns = (int(at * height) for at in GARG_ROWS), (int(at * width) for at in GARG_COLUMNS)
    inside[slice(*rows), slice(*columns)] = True
    return inside


def _window(window: Window, size: tuple[int, int], name: str) -> Bool[ndarray, "h w"]:
    """Return where pixels of the whole frame count."""
    if window == "all":
        return np.ones(size, bool)
    if window == "garg-whole-frame":
        return garg_window(size)
    inside = np.zeros(size, bool)
    if window == "eigen":
        if size[0] < EIGEN_ROWS[1] or size[1] < EIGEN_COLUMNS[1]:
            raise InputError(f"{name} is {size[1]}x{size[0]}: expected at least 601x471 for the Eigen window")
        inside[slice(*EIGEN_ROWS), slice(*EIGEN_COLUMNS)] = True
    return inside


def _photo(rgb: Float[ndarray, "h w 3"], camera: Camera, rules: Rules, name: str) -> Photo:
    """Resize a photo with its camera, and give it the camera of the rules."""
    height, width = rgb.shape[:2]
    if rules.short_side_px is not None and rules.short_side_px != min(height, width):
        # The long side is cut to whole pixels, as torchvision's Resize does.
        long_side = rules.short_side_px * max(height, width) // min(height, width)
        size = (long_side, rules.short_side_px) if width >= height else (rules.short_side_px, long_side)
        shrinks = rules.short_side_px < min(height, width)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        camera = resize_camera(camera, width=size[0], height=size[1])
    detail = "of the dataset"
    if rules.one_focal is not None:
        focal_px = camera.fx if rules.one_focal == "fx" else (camera.fx + camera.fy) / 2
        camera = replace(camera, fx=focal_px, fy=focal_px, cx=camera.width / 2, cy=camera.height / 2)
        detail = f"of the dataset, as one number ({rules.one_focal})"
    focal = FocalProvenance("intrinsics-file", f"{detail} ({camera.fx:.1f} px)", 0.0)
    return Photo(rgb.astype(np.float32, copy=False), camera=camera, focal=focal, name=name)
