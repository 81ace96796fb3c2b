"""Ground contact: metric depth of the feet, paired with the relative depth of the ground where they stand.

A relative-depth network may place a painted person too near or too far in the scene, and that error goes straight into
the scale. Where feet meet the ground, the ground is as far away as the feet. Its relative depth is read from the photo
before people were painted (METHOD.md, beyond the paper, 9). For a person in the photo the ground is read beside the
feet, outside all people's masks.

A foot is one sample. The instance mask gives its pixel row to within a pixel, and the body's projection more finely:
the projection is clipped to the mask's last row, and the depth is the lowest vertex's.

Each person's evidence is the contact where there is one, else the body.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.camera import project
from mfh.landmarks.bodies import Judged, Sighting
from mfh.types import Camera, Evidence

SOLE_BAND = 0.05
"""Vertices up to this share of a body's extent above its lowest one may touch the ground: the other foot."""
FOOT_GAP = 0.03
"""Gap between two feet in the picture, over the person's height in it; feet closer than this count as one."""
FEET_TOLERANCE = 0.05
"""Where the mask may end away from the projected soles, over the person's height in the picture."""
MIN_TOLERANCE_PX = 2.0
FOOT_COLUMNS = 0.02
"""Half width of the columns in which a foot's end is searched, over the person's height: not the other foot's."""
EDGE_PX = 2
"""Feet within this of the lower border may go on below it."""
READ_ROWS = 0.015
"""Half height of the patch that is read, over the person's height in the picture."""
READ_COLUMNS = 0.015
READ_COLUMNS_BESIDE = 0.10
"""Half width of the patch; beside real feet it must reach past the shoes."""
MIN_READINGS = 6


@dataclass(frozen=True)
class Contact:
    """Where one person's feet meet the ground: one sample per foot.

    Attributes:
        relative: (k,) relative depth of the ground.
        depth_m: (k,) z of the sole, metres.
        readings: places where relative depth was read.
    """

    relative: Float[ndarray, "k"]
    depth_m: Float[ndarray, "k"]
    readings: int


def ground_contact(
    vertices_m: Float[ndarray, "v 3"],
    instance_mask: Bool[ndarray, "h w"],
    relative: Float[ndarray, "h w"],
    camera: Camera,
    *,
    occupied: Bool[ndarray, "h w"] | None = None,
) -> Contact | Rejected:
    """Pair the depth of a person's soles with the relative depth of the ground they stand on.

    Args:
        vertices_m: (v, 3) the body in the camera frame.
        instance_mask: (h, w) the person's visible pixels.
        relative: (h, w) relative depth of the photo; NaN where it has none.
        camera: intrinsics.
        occupied: (h, w) pixels of ``relative`` that show people; None where the person is not in that photo, so that
            the ground at the contact itself can be read.

    Returns:
        One sample per foot that is seen to stand on something, or why there is none.
    """
    if vertices_m[:, 2].min() <= 0:
        return Rejected("feet not visible: the body reaches behind the camera")
    pixels = project(camera, vertices_m)
    person_px = float(np.ptp(pixels[:, 1]))
    relatives, depths_m, readings, reasons = [], [], 0, []
    for sole in _lowest_of_each_foot(vertices_m, pixels, person_px):
        row = _contact_row(pixels[sole], instance_mask, person_px)
        if isinstance(row, Rejected):
            reasons.append(row.reason)
            continue
        values = read_ground((float(pixels[sole, 0]), row), relative, occupied, person_px)
        if len(values) < MIN_READINGS:
            reasons.append("no ground is seen beside the feet")
            continue
        relatives.append(float(np.median(values)))
        depths_m.append(float(vertices_m[sole, 2]))
        readings += len(values)
    if not relatives:
        return Rejected(reasons[0])
    return Contact(np.array(relatives), np.array(depths_m, float), readings)


def _lowest_of_each_foot(
    vertices_m: Float[ndarray, "v 3"], pixels: Float[ndarray, "v 2"], person_px: float
) -> list[int]:
    """Return the vertex of each foot that is lowest in the picture: where its outline meets the ground."""
    down = vertices_m[:, 1]
    soles = np.flatnonzero(down >= down.max() - SOLE_BAND * np.ptp(down))
    soles = soles[np.argsort(pixels[soles, 0], kind="stable")]
    gaps = np.diff(pixels[soles, 0])
    feet = [soles]
    if len(gaps) and gaps.max() > FOOT_GAP * person_px:
        feet = np.split(soles, [int(np.argmax(gaps)) + 1])
    return [int(foot[np.argmax(pixels[foot, 1])]) for foot in feet]


def _contact_row(
    sole_px: Float[ndarray, "2"], instance_mask: Bool[ndarray, "h w"], person_px: float
) -> float | Rejected:
    """Return the row at which a foot is seen to end, or why it is not seen."""
    height, width = instance_mask.shape
    column, row = sole_px.tolist()
    if not (0 <= column <= width - 1 and row <= height - 1 - EDGE_PX):
        return Rejected("feet not visible: cut off by the image's border")
    tolerance = max(MIN_TOLERANCE_PX, FEET_TOLERANCE * person_px)
    half = max(1.5, FOOT_COLUMNS * person_px)
    around = slice(max(0, math.ceil(column - half)), math.floor(column + half) + 1)
    seen = np.flatnonzero(instance_mask[:, around].any(1))
    if not len(seen) or abs(row - seen[-1]) > tolerance + 1:
        return Rejected("feet not visible: the mask does not end at the soles")
    if seen[-1] > height - 1 - EDGE_PX:
        return Rejected("feet not visible: cut off by the image's border")
    # The outline runs between the last row inside the mask and the first outside it.
    return float(np.clip(row, seen[-1], seen[-1] + 1))


def read_ground(
    contact_px: tuple[float, float],
    relative: Float[ndarray, "h w"],
    occupied: Bool[ndarray, "h w"] | None,
    person_px: float,
) -> Float[ndarray, "r"]:
    """Return relative depth around a contact, at places in pairs above and below its row.

    Disparity of a plane is affine in the image, so the median of samples symmetric about the row is the plane's value
    there. A place whose mirror image shows a person is left out with it.
    """
    column, row = contact_px
    half_rows = max(1.0, READ_ROWS * person_px)
    half_columns = max(1.0, (READ_COLUMNS if occupied is None else READ_COLUMNS_BESIDE) * person_px)
    across = np.linspace(-half_columns, half_columns, 7 if occupied is None else 21)
    x, y = (each.ravel() for each in np.meshgrid(column + across, row + np.linspace(-half_rows, half_rows, 5)))
    height, width = relative.shape
    usable = _inside(x, y, width, height) & _inside(x, 2 * row - y, width, height)
    x, y = x[usable], y[usable]
    if occupied is not None:
        free = _free(x, y, occupied) & _free(x, 2 * row - y, occupied)
        x, y = x[free], y[free]
    values = _bilinear(relative, x, y)
    seen = np.isfinite(values)
    if seen.all():
        return values
    # Holes are left out with their mirror images too.
    return values[seen & np.isfinite(_bilinear(relative, x, 2 * row - y))]


def _inside(x: Float[ndarray, "n"], y: Float[ndarray, "n"], width: int, height: int) -> Bool[ndarray, "n"]:
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _free(x: Float[ndarray, "n"], y: Float[ndarray, "n"], occupied: Bool[ndarray, "h w"]) -> Bool[ndarray, "n"]:
    """Return where none of the four pixels around a place shows a person."""
    columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(columns + 1, occupied.shape[1] - 1), np.minimum(rows + 1, occupied.shape[0] - 1)
    return ~(occupied[rows, columns] | occupied[rows, right] | occupied[below, columns] | occupied[below, right])


def _bilinear(values: Float[ndarray, "h w"], x: Float[ndarray, "n"], y: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
    """Return values between pixel centres, float64."""
    columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(columns + 1, values.shape[1] - 1), np.minimum(rows + 1, values.shape[0] - 1)
    u, v = x - columns, y - rows
    above = (1 - u) * values[rows, columns].astype(np.float64) + u * values[rows, right]
    under = (1 - u) * values[below, columns].astype(np.float64) + u * values[below, right]
    return (1 - v) * above + v * under


def find_contacts(
    sighting: Sighting, judged: Judged, relative: Float[ndarray, "h w"], camera: Camera
) -> list[Contact | Rejected]:
    """Return, for each person of an image, the ground contact, or why there is none: the verdict of a rejected person.

    ``relative`` is of the *photo*, also where the image is a painting; NaN where it has none.
    """
    in_photo = sighting.paint_mask is None
    occupied = np.any([person.instance_mask for person in sighting.people], 0) if in_photo and sighting.people else None
    contacts: list[Contact | Rejected] = []
    for person, mesh, landmark in zip(sighting.people, sighting.meshes, judged.landmarks, strict=True):
        if mesh is None or landmark.verdict == "rejected":
            contacts.append(Rejected(landmark.reason))
        else:
            seen = person.instance_mask if sighting.paint_mask is None else person.instance_mask & sighting.paint_mask
            contacts.append(ground_contact(mesh.vertices_m, seen, relative, camera, occupied=occupied))
    return contacts


def any_lacks_contact(judged: Judged, contacts: Sequence[Contact | Rejected]) -> bool:
    """Return whether a usable person has no contact."""
    return any(
        landmark.verdict == "used" and isinstance(contact, Rejected)
        for landmark, contact in zip(judged.landmarks, contacts, strict=True)
    )


def choose_evidence(judged: Judged, contacts: Sequence[Contact | Rejected], body: Evidence | None) -> Evidence:
    """Return each person's contact as evidence where there is one, else the person's body; landmarks state their kind.

    ``body`` is None where only contacts count.
    """
    relative, depth_m, people, landmarks = [], [], [], []
    for index, (landmark, contact) in enumerate(zip(judged.landmarks, contacts, strict=True)):
        if landmark.verdict == "rejected":
            chosen, pairs = landmark, (np.zeros(0), np.zeros(0))
        elif isinstance(contact, Contact):
            chosen = replace(landmark, evidence="contact", pixels=contact.readings)
            pairs = (contact.relative, contact.depth_m)
        elif body is not None:
            chosen = body.landmarks[index]
            pairs = (body.relative[body.person == index], body.depth_m[body.person == index])
        else:
            chosen = replace(landmark, evidence="contact", verdict="rejected", reason=contact.reason, pixels=0)
            pairs = (np.zeros(0), np.zeros(0))
        landmarks.append(chosen)
        relative.append(pairs[0])
        depth_m.append(pairs[1])
        people.append(np.full(len(pairs[0]), index))
    return Evidence(
        np.concatenate([np.zeros(0), *relative]),
        np.concatenate([np.zeros(0), *depth_m]),
        np.concatenate([np.zeros(0, int), *people]),
        tuple(landmarks),
    )
