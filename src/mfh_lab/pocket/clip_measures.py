"""How good the depth of a clip is: flicker on what stands still, and the errors of depth and scale.

Flicker leaves the motion of the camera out. A point of the static world is seen at pixel p of frame k and at pixel q
of frame k + 1. With the residual r = ln(answer) - ln(truth) it is |r(k + 1, q) - r(k, p)|: depth that is wrong alike
in every frame has none, whatever the camera does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

from mfh.types import Camera
from mfh_lab.pocket.metrics import depth_errors, true_factor

AGREES = 0.01
"""A point counts as seen in the next frame where its depth is the true depth there within this."""
EDGE = 0.05
"""Pixels whose neighbours differ in true depth by more than this are depth edges."""
MARGIN_PX = 2
"""Pixels this near to a person do not count as static."""
MAX_M = 80.0
"""What is farther is not scored, as the field has it outdoors."""


@dataclass(frozen=True)
class FrameTruth:
    """What is true of one frame.

    Attributes:
        depth_m: (h, w) z in metres; infinite in the sky.
        person_ids: (h, w) 0 where there is no person.
        T_world_camera: (4, 4) world from camera.
        camera: intrinsics.
    """

    depth_m: Float[ndarray, "h w"]
    person_ids: Integer[ndarray, "h w"]
    T_world_camera: Float[ndarray, "4 4"]
    camera: Camera


@dataclass(frozen=True)
class Matches:
    """Static points that two frames both see.

    Attributes:
        before: (n,) index into the flat first frame.
        after: (n,) index into the flat second frame.
    """

    before: Integer[ndarray, "n"]
    after: Integer[ndarray, "n"]


@dataclass(frozen=True)
class ClipScores:
    """Measures of a clip.

    Attributes:
        flicker: mean |change of ln(answer / truth)| on static points between consecutive frames; NaN for one frame.
        abs_rel: mean over frames of mean |answer - truth| / truth.
        abs_rel_frames: (n,) of each frame.
        abs_rel_static: the same without people, whose place the depth of what stays has where the camera stands still.
        log_scale: ln median(answer / truth) over all frames: how wrong the scale of the clip is.
        log_scale_frames: (n,) the same of each frame.
        answered: share of the pixels with a true depth that have an answer.
    """

    flicker: float
    abs_rel: float
    abs_rel_frames: Float[ndarray, "n"]
    abs_rel_static: float
    log_scale: float
    log_scale_frames: Float[ndarray, "n"]
    answered: float

    @property
    def jitter(self) -> float:
        """Mean |change of ln scale| from frame to frame."""
        changes = np.abs(np.diff(self.log_scale_frames))
        return float(changes.mean()) if len(changes) else float("nan")


def static_mask(truth: FrameTruth) -> Bool[ndarray, "h w"]:
    """Return where a frame shows the static world up to ``MAX_M``, away from people, depth edges and the sky.

    Args:
        truth: of the frame.
    """
    near = truth.depth_m <= MAX_M
    depth = np.where(np.isfinite(truth.depth_m), truth.depth_m, 1e9).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    smooth = cv2.dilate(depth, kernel) <= cv2.erode(depth, kernel) * (1 + EDGE)
    wide = np.ones((2 * MARGIN_PX + 1,) * 2, np.uint8)
    people = cv2.dilate((truth.person_ids > 0).astype(np.uint8), wide) > 0
    return near & smooth & ~people


def match_static(before: FrameTruth, after: FrameTruth) -> Matches:
    """Return the static points that two frames both see, each at its nearest pixel.

    Args:
        before: truth of the first frame.
        after: truth of the second.
    """
    height, width = before.depth_m.shape
    rows, columns = np.nonzero(static_mask(before))
    z = before.depth_m[rows, columns].astype(np.float64)
    one, other = before.camera, after.camera
    ray = np.stack([(columns - one.cx) / one.fx, (rows - one.cy) / one.fy, np.ones(len(z))], 1)
    T_after_before = np.linalg.inv(after.T_world_camera) @ before.T_world_camera
    x, y, depth = (ray * z[:, None] @ T_after_before[:3, :3].T + T_after_before[:3, 3]).T
    ahead = np.maximum(depth, 1e-6)
    u = np.rint(x / ahead * other.fx + other.cx)
    v = np.rint(y / ahead * other.fy + other.cy)
    inside = (depth > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    q = (v[inside] * width + u[inside]).astype(np.int64)
    seen = static_mask(after).reshape(-1)[q]
    there = after.depth_m.reshape(-1)[q]
    with np.errstate(invalid="ignore"):
        seen &= np.abs(depth[inside] / there - 1) < AGREES
    p = (rows * width + columns)[inside]
    return Matches(p[seen], q[seen])


def flicker_between(
    answer_before: Float[ndarray, "h w"],
    answer_after: Float[ndarray, "h w"],
    before: FrameTruth,
    after: FrameTruth,
) -> float:
    """Return mean |change of ln(answer / truth)| over the static points that two frames both see.

    Args:
        answer_before: (h, w) metres; NaN where there is no answer: points without one in either frame do not count.
        answer_after: (h, w) metres.
        before: truth of the first frame.
        after: truth of the second.

    Returns:
        The flicker; NaN where no point counts.
    """
    matches = match_static(before, after)
    change = (
        _residual(answer_after, after).reshape(-1)[matches.after]
        - _residual(answer_before, before).reshape(-1)[matches.before]
    )
    change = change[np.isfinite(change)]
    return float(np.abs(change).mean()) if len(change) else float("nan")


def score_clip(answers: Sequence[Float[ndarray, "h w"]], truths: Sequence[FrameTruth]) -> ClipScores:
    """Return the measures of a clip.

    Args:
        answers: (h, w) metres of each frame; NaN where there is none.
        truths: of each frame.

    Raises:
        ValueError: where the two differ in number, or a frame has no answer at all.
    """
    if len(answers) != len(truths) or not answers:
        raise ValueError(f"{len(answers)} answers for {len(truths)} frames")
    abs_rel, static, log_scale, ratios, counted, total = [], [], [], [], 0, 0
    for number, (answer, truth) in enumerate(zip(answers, truths, strict=True)):
        scored = np.isfinite(truth.depth_m) & (truth.depth_m > 0) & (truth.depth_m <= MAX_M)
        known = scored & np.isfinite(answer) & (answer > 0)
        if not known.any():
            raise ValueError(f"frame {number} has no answer where its depth is known")
        counted, total = counted + int(known.sum()), total + int(scored.sum())
        found, true = answer[known].astype(np.float64), truth.depth_m[known].astype(np.float64)
        abs_rel.append(depth_errors(found, true).abs_rel)
        stays = truth.person_ids[known] == 0
        static.append(depth_errors(found[stays], true[stays]).abs_rel if stays.any() else np.nan)
        log_scale.append(-np.log(true_factor(found, true)))
        ratios.append((found / true).astype(np.float32))
    pairs = zip(pairwise(answers), pairwise(truths), strict=True)
    flicker = [flicker_between(*two_answers, *two_truths) for two_answers, two_truths in pairs]
    return ClipScores(
        flicker=float(np.nanmean(flicker)) if flicker else float("nan"),
        abs_rel=float(np.mean(abs_rel)),
        abs_rel_frames=np.array(abs_rel),
        abs_rel_static=float(np.nanmean(static)) if np.isfinite(static).any() else float("nan"),
        log_scale=float(np.log(np.median(np.concatenate(ratios)))),
        log_scale_frames=np.array(log_scale),
        answered=counted / total,
    )


def interval_holds(level: tuple[float, float], log_scale: float) -> bool:
    """Return whether an interval of factors on an answer holds the factor that is true of it.

    Args:
        level: low and high factor, as ``interval.level_80`` of a receipt.
        log_scale: ln median(answer / truth).
    """
    return level[0] <= float(np.exp(-log_scale)) <= level[1]


def _residual(answer_m: Float[ndarray, "h w"], truth: FrameTruth) -> Float[ndarray, "h w"]:
    """Return ln(answer / truth), NaN where either is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(answer_m.astype(np.float64)) - np.log(truth.depth_m.astype(np.float64))
