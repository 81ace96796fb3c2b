"""The values that travel between stages: frozen dataclasses with named shapes and units.

Conventions, held everywhere: images are (height, width); RGB is float32 in [0, 1]; depth is z in metres along the
optical axis; cameras are OpenCV's (x right, y down, z forward) and an integer pixel coordinate is a pixel *centre*.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

Space = Literal["disparity", "depth"]
Verdict = Literal["used", "rejected"]
EvidenceKind = Literal["body", "contact"]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera for one image size.

    Attributes:
        fx: focal length in pixels, horizontal.
        fy: focal length in pixels, vertical.
        cx: principal point column; 0 is the centre of the first pixel.
        cy: principal point row.
        width: image width in pixels.
        height: image height in pixels.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True)
class FocalProvenance:
    """Where a focal length came from and how far it can be trusted.

    Attributes:
        source: one of "explicit", "intrinsics-file", "exif-35mm", "exif-sensor", "estimated" (by a model, from
            the picture), "default-fov".
        detail: one human-readable line, e.g. "EXIF 26 mm (35 mm equivalent)".
        relative_sigma: one-sigma relative uncertainty of the focal length (metres scale with it); 0 when given.
    """

    source: Literal["explicit", "intrinsics-file", "exif-35mm", "exif-sensor", "estimated", "default-fov"]
    detail: str
    relative_sigma: float


@dataclass(frozen=True)
class Photo:
    """One decoded photo with its camera.

    Attributes:
        rgb: (h, w, 3) float32 in [0, 1], upright (EXIF rotation applied).
        camera: intrinsics for exactly this size.
        focal: where the focal length came from.
        name: what to call the photo in messages (file name or "array").
        notes: plain sentences about odd input, e.g. "animated: first frame used".
    """

    rgb: Float[ndarray, "h w 3"]
    camera: Camera
    focal: FocalProvenance
    name: str = "array"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RelativeDepth:
    """Depth up to an unknown affine map, in the space its model declares.

    Attributes:
        values: (h, w) float32. ``disparity``: affine-invariant inverse depth, larger is nearer;
            ``depth``: affine-invariant depth, larger is farther.
        space: which of the two; the metric head is fitted in the same space.
        log_range: mean and deviation of the log of the photo's depth range (95th over 5th percentile of what is not
            sky), where the model has learned to tell it from the picture.
    """

    values: Float[ndarray, "h w"]
    space: Space
    log_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class PaintedFigure:
    """A figure of known size that a painter pasted.

    Attributes:
        figure_mask: (h, w) pixels that show it.
        foot_xy_px: (x, y) pixel between its feet.
        px_per_m: pixels a metre covers there, upright: its distance is the focal length over this.
        stature_m: how tall it is.
        log_size_sigma: one-sigma of the log of px_per_m, as the painter believes it.
    """

    figure_mask: Bool[ndarray, "h w"]
    foot_xy_px: tuple[float, float]
    px_per_m: float
    stature_m: float
    log_size_sigma: float = 0.0


@dataclass(frozen=True)
class PaintedPhoto:
    """A photo with somebody painted into it; identical to the photo outside ``paint_mask``.

    Attributes:
        rgb: (h, w, 3) the painting.
        paint_mask: (h, w) where it may differ from the photo.
        prompt: what was asked for.
        seed: the painting's own.
        figure: whom the painter pasted, where it knows; None for a generative model.
    """

    rgb: Float[ndarray, "h w 3"]
    paint_mask: Bool[ndarray, "h w"]
    prompt: str
    seed: int
    figure: PaintedFigure | None = None


@dataclass(frozen=True)
class PoseLandmarks:
    """33 BlazePose landmarks of one person.

    Attributes:
        image_px: (33, 2) pixel coordinates (x, y) in the photo.
        world_m: (33, 3) metres, hip-centred, camera-aligned axes (x right, y down, z forward).
        visibility: (33,) in [0, 1].
    """

    image_px: Float[ndarray, "33 2"]
    world_m: Float[ndarray, "33 3"]
    visibility: Float[ndarray, "33"]


@dataclass(frozen=True)
class Person:
    """One person found in an image.

    Attributes:
        box_xyxy: (4,) pixels, left, top, right, bottom.
        instance_mask: (h, w) the person's visible pixels.
        score: detection confidence in [0, 1].
        pose: landmarks, where the finder has them.
    """

    box_xyxy: Float[ndarray, "4"]
    instance_mask: Bool[ndarray, "h w"]
    score: float
    pose: PoseLandmarks | None = None


@dataclass(frozen=True)
class HumanMesh:
    """One measured person: a closed body surface in metres in the camera frame.

    Attributes:
        vertices_m: (v, 3) x right, y down, z forward from the camera centre.
        faces: (f, 3) vertex indices.
        source: which model measured it.
        stature_m: standing height implied by the body, where the model knows it.
        log_depth_sigma: one-sigma of the log of the person's distance, where the model has one.
        reprojection_px: rms reprojection error of the camera translation, pixels, where there is one.
    """

    vertices_m: Float[ndarray, "v 3"]
    faces: Int[ndarray, "f 3"]
    source: str
    stature_m: float | None = None
    log_depth_sigma: float | None = None
    reprojection_px: float | None = None


@dataclass(frozen=True)
class PseudoGroundTruth:
    """Metric depth carried by people's bodies to the pixels they cover (Eq. 4).

    Attributes:
        depth_m: (h, w) float64 z in metres; +inf where no person gives a depth.
        person_index: (h, w) index of the person who gave the depth, -1 where nobody did.
    """

    depth_m: Float[ndarray, "h w"]
    person_index: Int[ndarray, "h w"]


@dataclass(frozen=True)
class Landmark:
    """One person considered as evidence of scale, with its verdict: a row of the scale receipt.

    Attributes:
        source: "photo", or "painting k".
        measured_by: the mesh model that measured the person, or the person finder when nothing was measured.
        box_xyxy: (4,) pixels.
        score: detection confidence.
        distance_m: median depth of the pseudo ground truth the person gives, else of the mesh; None if not measured.
        stature_m: standing height the mesh implies; None where unknown.
        pixels: pixels of pseudo ground truth the person contributes; by contact, places where relative depth was read.
        verdict: "used" or "rejected".
        reason: why, in a few words.
        log_distance_sigma: one-sigma of the log of the distance, where known.
        origin_m: z of the middle of the body: what scales with the focal length, while the body's relief does not.
        weight: share in the answer; all shares, with those of known sizes, sum to 1.
        implied_scale: the scale s that this person alone implies, at the answer's t/s.
        reprojection_px: rms reprojection error, pixels, where there is one.
        evidence: "body" (relative depth of the pixels the person covers) or "contact" (of the ground at the feet).
    """

    source: str
    measured_by: str
    box_xyxy: tuple[float, float, float, float]
    score: float
    distance_m: float | None
    stature_m: float | None
    pixels: int
    verdict: Verdict
    reason: str
    reprojection_px: float | None = None
    evidence: EvidenceKind = "body"
    log_distance_sigma: float | None = None
    origin_m: float | None = None
    weight: float = 0.0
    implied_scale: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What one image (the photo itself, or one painting) says about the scale.

    Attributes:
        relative: (n,) relative depth at the pseudo-ground-truth pixels, aligned to the photo's relative depth (Eq. 7);
            by contact, the photo's own where feet meet the ground.
        depth_m: (n,) the metres there (Eq. 4).
        person: (n,) which person of the image each pixel belongs to.
        landmarks: every person considered, used or not.
    """

    relative: Float[ndarray, "n"]
    depth_m: Float[ndarray, "n"]
    person: Int[ndarray, "n"]
    landmarks: tuple[Landmark, ...] = ()


@dataclass(frozen=True)
class MetricHead:
    """The photo's metric scale and shift (Eq. 5).

    ``disparity``: depth = 1 / (scale·relative + shift); ``depth``: depth = scale·relative + shift.

    Attributes:
        scale: s > 0.
        shift: t.
        space: the space of the relative depth it applies to.
        loss: value of the minimised objective.
        shift_determined: False where the people's depths do not determine the shift and it was held back.
    """

    scale: float
    shift: float
    space: Space
    loss: float
    shift_determined: bool = True


@dataclass(frozen=True)
class KnownSize:
    """A size the user gave: a row of the scale receipt.

    Attributes:
        name: what is known, in a few words.
        weight: share in the answer.
    """

    name: str
    weight: float


@dataclass(frozen=True)
class CommonErrors:
    """One-sigma errors of log metres that no number of people averages out.

    Attributes:
        shared: of all people alike: a painter's sense of size in one photo, a mesh model's idea of stature.
        shape: of the relative depth, pixel by pixel.
        focal: of a focal length that was guessed; metres scale with it.
    """

    shared: float = 0.0
    shape: float = 0.0
    focal: float = 0.0

    def log_sigma(self, *, shape_share: float = 1.0) -> float:
        """Return them in quadrature, with this share of the shape error."""
        return math.hypot(self.shared, self.shape * shape_share, self.focal)


@dataclass(frozen=True)
class ScaleInterval:
    """How far the metres of a photo as a whole may be off, as factors on the answer.

    Attributes:
        level_80: the true metres lie between these factors times the answer with 80 % probability.
        level_95: the same with 95 %.
        people_log_sigma: one-sigma of log metres that people's scatter and the shift leave open.
        common: what people do not average out.
        effective_people: effective number of people (and known sizes) behind the answer, 1 / sum(weight²).
        limited_by: what makes the interval wide, in a few words.
    """

    level_80: tuple[float, float]
    level_95: tuple[float, float]
    people_log_sigma: float
    common: CommonErrors
    effective_people: float
    limited_by: str

    @property
    def half_width(self) -> float:
        """Half the width of the 80 % interval, relative to the answer."""
        return (self.level_80[1] - self.level_80[0]) / 2


@dataclass(frozen=True)
class MeasuredPainting:
    """One painting with what was measured in it, kept for pictures.

    Attributes:
        number: k of "painting k".
        rgb: (h, w, 3) the painting.
        paint_mask: (h, w) where it may differ from the photo.
        landmarks: the people found in it, with their final verdicts.
        meshes: one per landmark, None where nothing was measured.
    """

    number: int
    rgb: Float[ndarray, "h w 3"]
    paint_mask: Bool[ndarray, "h w"]
    landmarks: tuple[Landmark, ...]
    meshes: tuple[HumanMesh | None, ...]

    @property
    def used(self) -> bool:
        """Whether anybody in it gave evidence."""
        return any(landmark.verdict == "used" for landmark in self.landmarks)

    @property
    def reason(self) -> str:
        """Why it was used, or why not."""
        if not self.landmarks:
            return "nobody was found in it"
        verdict = "used" if self.used else "rejected"
        return "; ".join(dict.fromkeys(one.reason for one in self.landmarks if one.verdict == verdict))


@dataclass(frozen=True)
class MetricDepth:
    """Metric depth of one photo, with everything needed to judge it.

    Attributes:
        depth_m: (h, w) float32 z in metres at the photo's own resolution; NaN where not valid.
        valid_mask: (h, w) where the head gives a finite positive depth within range.
        photo: the photo (with camera and focal provenance).
        relative: the relative depth the head was applied to.
        head: scale and shift.
        landmarks: every person considered, with verdict and reason.
        preset: name of the configuration that ran.
        models: role -> model name.
        seed: seed of the painting loop.
        attempts: painting attempts made.
        paintings: paintings that gave evidence.
        ended_by: why painting ended; empty where nobody was painted.
        seconds: stage -> wall seconds.
        warnings: plain sentences the user should read.
        interval: how far the metres of the photo as a whole may be off.
        log_sigma: (h, w) float32 one-sigma of log depth at every pixel: scale and shift jointly, and common errors.
        people_spread: robust standard deviation of people's log metres about the head; None for fewer than three.
        known_sizes: what the user knew, with its share in the answer.
        kept_paintings: every painting made, in order; empty unless the configuration keeps them.
    """

    depth_m: Float[ndarray, "h w"]
    valid_mask: Bool[ndarray, "h w"]
    photo: Photo
    relative: RelativeDepth
    head: MetricHead
    landmarks: tuple[Landmark, ...]
    preset: str
    models: dict[str, str]
    seed: int
    attempts: int
    paintings: int
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    ended_by: str = ""
    interval: ScaleInterval | None = None
    log_sigma: Float[ndarray, "h w"] | None = None
    people_spread: float | None = None
    known_sizes: tuple[KnownSize, ...] = ()
    kept_paintings: tuple[MeasuredPainting, ...] = ()

    @property
    def people_used(self) -> int:
        """Number of landmarks the head was fitted to."""
        return sum(landmark.verdict == "used" for landmark in self.landmarks)

    def points_m(self) -> np.ndarray:
        """Return the (n, 3) valid points in metres in the camera frame."""
        camera = self.photo.camera
        rows, columns = np.nonzero(self.valid_mask)
        z = self.depth_m[rows, columns].astype(np.float64)
        return np.stack([(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z], 1)
