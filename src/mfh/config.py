"""Typed options and the named presets.

A preset is an instance of :class:`Config`; ``dataclasses.replace`` makes a variant.
"""

import math
from dataclasses import dataclass, field, fields, replace
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mfh.errors import InputError

PeopleMode = Literal["auto", "only", "paint"]
HeadKind = Literal["consensus", "silog"]
SilogForm = Literal["pooled", "per-image-sum"]
HeadLoss = Literal["silog", "l1", "l2", "mse-log"]
FreeParameters = Literal["scale-shift", "scale", "shift"]
MaskShape = Literal["strip", "person"]
MaskChoice = Literal["random", "informative"]
EvidenceMode = Literal["body", "contact", "either"]


def check_choices(config: object) -> None:
    """Refuse a value that is none of a field's choices: a misspelt mode must not mean another one.

    Args:
        config: a dataclass; fields whose types are ``Literal``, or optional ones, are checked.

    Raises:
        InputError: naming the field, the value and the choices.
    """
    for name, kind in get_type_hints(type(config)).items():
        choices = _choices(kind)
        value = getattr(config, name)
        if choices and value not in choices:
            expected = ", ".join(repr(one) for one in choices if one is not None)
            raise InputError(f"{name} is {value!r}: expected one of {expected}")


def _choices(kind: object) -> tuple[object, ...]:
    """Return what a ``Literal`` or an optional one may be; nothing for other types."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    if any(get_origin(part) is Literal for part in parts):
        return tuple(value for part in parts for value in (_choices(part) or (None,)))
    return ()


@dataclass(frozen=True)
class PaintingConfig:
    """The painting loop (Eq. 3, App. B) and its budget; whichever limit comes first ends it.

    Attributes:
        max_paintings: paintings with usable people to collect (paper: N = 32; 4 in its ablations).
        max_attempts: paintings tried, usable or not; the loop never goes past it.
        budget_s: wall seconds the loop may take; ``inf`` for no limit.
        mask_shape: "strip" (the paper's full-height strips) or "person" (person-shaped boxes).
        min_width: alpha of App. B, strip width over min(height, width), at least.
        max_width: beta of App. B, at most.
        mask_choice: "random" (the paper's), or "informative": of several random masks, the one whose person is expected
            to narrow the interval most, where the painter can propose a place beforehand. None:
            informative with ``until_interval``, else random.
        prompts: drawn uniformly per painting (paper: {"a man", "a woman"}).
        batch_size: paintings made at once; never changes the result.
        guidance_scale: of classifier-free guidance, for a painter by diffusion (20 in the authors' code); None for the
            painter's own.
        steps: denoising steps, for a painter by diffusion (50 in the authors' code); None for the painter's own.
        max_pixels: larger photos are painted at about this many pixels; depth is always of the photo's own size.
        until_interval: stop once the half-width of the 80 % interval of depth, relative to the answer, is at most
            this where the photo is near, in its middle and far (mean of the three), or once more people would not make
            it narrower; None to collect ``max_paintings``.
        answer_interrupted: Ctrl-C answers with the paintings there are; False lets it through, so that half a
            measurement is never taken for a whole one.
    """

    max_paintings: int = 32
    max_attempts: int = 64
    budget_s: float = math.inf
    mask_shape: MaskShape = "strip"
    min_width: float = 0.2
    max_width: float = 0.8
    mask_choice: MaskChoice | None = None
    prompts: tuple[str, ...] = ("a man", "a woman")
    batch_size: int = 4
    guidance_scale: float | None = None
    steps: int | None = None
    max_pixels: int = 1024 * 1024
    until_interval: float | None = None
    answer_interrupted: bool = True

    @property
    def informative(self) -> bool:
        """Whether masks are to be chosen by what they would tell."""
        return (self.mask_choice or ("random" if self.until_interval is None else "informative")) == "informative"

    def __post_init__(self) -> None:
        """Refuse limits that cannot work."""
        check_choices(self)
        for name in ("max_paintings", "max_attempts", "batch_size", "max_pixels"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: expected at least 1")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps is {self.steps}: expected at least 1")
        if self.guidance_scale is not None and not 0 <= self.guidance_scale < math.inf:
            raise InputError(f"guidance_scale is {self.guidance_scale}: expected 0 or more")
        if not self.budget_s > 0:
            raise InputError(f"budget_s is {self.budget_s}: expected a positive number of seconds")
        if not 0 < self.min_width <= self.max_width <= 1:
            raise InputError(
                f"mask widths are {self.min_width}..{self.max_width}: expected 0 < min_width <= max_width <= 1"
            )
        if self.until_interval is not None and not 0 < self.until_interval < 1:
            raise InputError(f"until_interval is {self.until_interval}: expected a half-width between 0 and 1, as 0.05")
        if not self.prompts:
            raise InputError("prompts is empty: expected at least one prompt")


@dataclass(frozen=True)
class HeadConfig:
    """How scale and shift are fitted (Eqs. 5, 8).

    Attributes:
        kind: "consensus" (a robust consensus over per-person scale estimates) or "silog" (the paper's fit to all
            pixels, exact).
        silog_form: "pooled" (ZoeDepth's form over all pixels, what the authors run) or "per-image-sum" (Eq. 8).
        variance_focus: lambda of Eq. 5 (0.85; ZoeDepth's form writes it as 0.15 = 1 - 0.85).
        loss: of the paper's fit (Table 5): "silog"; "l1" and "l2", of s·D + t itself, which is inverse metres in
            disparity space; or "mse-log".
        free: what the paper's fit may move (Table 4): "scale-shift", "scale" (t = 0), or "shift" (s = 1, what the
            authors' code does on KITTI).
    """

    kind: HeadKind = "consensus"
    silog_form: SilogForm = "pooled"
    variance_focus: float = 0.85
    loss: HeadLoss = "silog"
    free: FreeParameters = "scale-shift"

    def __post_init__(self) -> None:
        """Refuse unknown choices, and the paper's ablations for a head that has no such choice."""
        check_choices(self)
        usual = {"loss": "silog", "free": "scale-shift"}
        other = [f"{name}={getattr(self, name)!r}" for name, value in usual.items() if getattr(self, name) != value]
        if self.kind == "consensus" and other:
            raise InputError(f'{", ".join(other)} is of the paper\'s head alone: expected kind="silog" with it')


@dataclass(frozen=True)
class Config:
    """Everything that decides the answer for one photo.

    Attributes:
        name: the preset it started from.
        relative_depth: registry name of the relative-depth model.
        person_segmenter: registry name of the person segmenter.
        human_mesh: registry name of the mesh model.
        painter: registry name of the painter; None where the preset has none.
        people: "auto" (people in the photo first, then paint), "only" (never paint), "paint" (ignore people in it).
        photo_evidence: where metric depth of people in the photo is paired with relative depth: "body" (the pixels they
            cover: the paper), "contact" (where their feet meet the ground), "either" (contact where there is one, else
            body).
        painting_evidence: the same for painted people. "contact" reads the relative depth of the photo alone: none of a
            painting is predicted, and nothing is aligned.
        painting: the painting loop.
        head: the fit.
        max_depth_m: farther answers are marked not valid.
        seed: seed of the painting loop.
        painted_people: "measured" by the mesh model, as in the paper; "known" takes the size of a pasted sprite from a
            painter that knows it, so that no person is too large to be found.
        align: bring the relative depth of each painting onto the photo's before it counts (Eqs. 6, 7); without it, the
            first rows of the paper's Table 4.
        gates: reject implausible people (stature, distance, overlap of body and mask, cut off, found twice, mostly
            outside the paint mask), paintings whose background differs from the photo's, and painted people whose body
            is seen elsewhere in depth than the ground at their feet; reject people on screens and in pictures, and
            people whom the object detector does not see; paint no person into a photo that its painter refuses; give
            the sky no depth. The paper does none of it: without gates every person found in a painting counts, with
            every pixel of Eq. 4.
        keep_paintings: return every painting with the bodies measured in it, for pictures; takes memory.
        field_of_view: registry name of a model that is asked for the focal length where neither the user nor EXIF says
            it; None takes the default, which says so.
        object_detector: registry name of the model that finds everyday objects of known size; None to find none.
        scale_prior: registry name of the model that predicts the size of the view from the photo as a whole, which
            counts beside people and objects; None for no such prior.
        enough_half_width: half-width of the 80 % interval, by what more landmarks would narrow, up to which people and
            objects in the photo suffice; with people="auto", people are painted where it is wider.
    """

    name: str
    relative_depth: str
    person_segmenter: str
    human_mesh: str
    painter: str | None
    people: PeopleMode = "auto"
    photo_evidence: EvidenceMode = "body"
    painting_evidence: EvidenceMode = "body"
    painting: PaintingConfig = field(default_factory=PaintingConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    max_depth_m: float = 200.0
    seed: int = 0
    painted_people: Literal["measured", "known"] = "measured"
    align: bool = True
    gates: bool = True
    keep_paintings: bool = False
    field_of_view: str | None = None
    object_detector: str | None = None
    scale_prior: str | None = None
    enough_half_width: float = 0.3

    def __post_init__(self) -> None:
        """Refuse unknown choices, and limits that cannot work."""
        check_choices(self)
        if not self.max_depth_m > 0:
            raise InputError(f"max_depth_m is {self.max_depth_m}: expected a positive number of metres")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}: expected 0 or more")
        if not self.enough_half_width > 0:
            raise InputError(f"enough_half_width is {self.enough_half_width}: expected a positive half-width, as 0.3")


PRESETS: dict[str, Config] = {
    "pocket": Config(
        name="pocket",
        relative_depth="pocket",
        person_segmenter="blazepose",
        human_mesh="blazepose",
        painter="sprite",
        object_detector="nanodet",
        scale_prior="scene",
        painting_evidence="body",
        painted_people="known",
        # More paintings do not help on real photos: their common bias remains (docs/results/real.md).
        painting=PaintingConfig(max_paintings=8, max_attempts=16, batch_size=8, max_pixels=640 * 480),
    ),
    # Sec. 4: Depth Anything, Stable Diffusion 2, Mask R-CNN and HMR 2.0; 32 painted photos, SIlog over all of them.
    "paper": Config(
        name="paper",
        relative_depth="depth-anything-v1-large",
        person_segmenter="mask_rcnn",
        human_mesh="hmr2",
        painter="sd2",
        people="paint",
        painting=PaintingConfig(max_paintings=32, max_attempts=64, mask_shape="strip", batch_size=8),
        head=HeadConfig("silog"),
        gates=False,
    ),
    # What people would use today: people in the photo count, few steps a painting, boxes a person fits into.
    "standard": Config(
        name="standard",
        relative_depth="depth-anything-v2-large",
        person_segmenter="mask2former",
        human_mesh="hmr2",
        painter="sdxl-lcm",
        painting=PaintingConfig(max_paintings=16, max_attempts=48, mask_shape="person", batch_size=4),
        head=HeadConfig(),
    ),
}


def preset(name: str) -> Config:
    """Return a named preset.

    Raises:
        InputError: for an unknown name, listing the known ones.
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}: expected one of {', '.join(sorted(PRESETS))}")
    return PRESETS[name]


def changed(config: Config, **overrides: Any) -> Config:
    """Return a configuration with other values for some of its fields.

    Raises:
        InputError: for a field that a configuration does not have, listing those that it has.
    """
    names = [one.name for one in fields(Config)]
    for name in overrides:
        if name not in names:
            raise InputError(f"unknown option {name!r}: expected one of {', '.join(names)}")
    return replace(config, **overrides)
