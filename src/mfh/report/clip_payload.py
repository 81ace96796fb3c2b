"""What the report of a clip says, as JSON: that of its scale as of a photo's, its frames, its tracks and its path."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh import __version__
from mfh.io.json_text import plain_values
from mfh.io.receipt import versions
from mfh.report.again import with_report
from mfh.report.clip_frames import ClipFrames
from mfh.report.focal import answer_of
from mfh.report.payload import answer_row, packed_posteriors
from mfh.types import Camera, MetricDepth
from mfh.types.people import used_landmarks

SCHEMA = "mfh/clip-report/1"
_MOST_POSES = 600
"""Of the path of the camera, spread evenly over the clip."""
_MOST_TRACKS, _MOST_SIGHTINGS = 60, 1600
"""Of a page: the tracks with most weight, and sightings of all of them beside those in frames of the page."""


@dataclass(frozen=True)
class ReportedClip:
    """A clip as its report shows it.

    Attributes:
        name: of the clip.
        result: of the frame that stands for all: the one scale, and how sure it is.
        about: what the receipt says of the clip.
        frames: the frames of the page, encoded.
        poses: (n, 4, 4) from each frame's camera to that of the first, metres.
        followed: whether the camera's motion was followed.
        warnings: what the user should know.
        commands: that made it, as typed.
    """

    name: str
    result: MetricDepth
    about: Mapping[str, Any]
    frames: ClipFrames
    poses: Float[ndarray, "n 4 4"]
    followed: bool
    warnings: Sequence[str] = ()
    commands: Sequence[str] = ()


def clip_payload(clip: ReportedClip) -> dict[str, object]:
    """Return all that the report of a clip shows, as JSON values; numbers that do not exist are null."""
    result, frames, about = clip.result, clip.frames, clip.about
    camera, focal = result.photo.camera, result.photo.focal
    nearest_m, median_m, farthest_m = result.depth_range_m
    base = answer_of(result)
    width, height = frames.size
    content: dict[str, object] = {
        "schema": SCHEMA,
        "mfh": __version__,
        # As of a photo: pixels are those of the frames as they were measured.
        "photo": {
            "name": clip.name,
            "width": camera.width,
            "height": camera.height,
            "jpeg_width": width,
            "jpeg_height": height,
        },
        "camera": {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy},
        "focal": {"source": focal.source, "detail": focal.detail, "relative_sigma": focal.relative_sigma},
        "space": result.head.space,
        "depth_m": {"nearest": nearest_m, "median": median_m, "farthest": farthest_m},
        "sources": used_landmarks(result.landmarks),
        "known_sizes": [one.name for one in result.known_sizes],
        "limited_by": None if result.interval is None else result.interval.limited_by,
        "answer": answer_row(base),
        "posteriors": packed_posteriors([base.posterior] if base.posterior is not None else []),
        "lengths": [],
        "clip": {key: value for key, value in about.items() if key not in ("heads", "tracks")},
        "followed": clip.followed,
        "depth": None if frames.depth is None else asdict(frames.depth),
        "holes": frames.holes,
        "frames": [{**asdict(one), "camera": _place(clip.poses[one.index])} for one in frames.frames],
        "path": _path(clip, [one.index for one in frames.frames]),
        "tracks": _tracks(clip),
        "tracks_left_out": max(0, len(about["tracks"]) - _MOST_TRACKS),
        "preset": result.preset,
        "models": dict(result.models),
        "command": with_report(clip.commands),
        "versions": versions(),
        "warnings": list(clip.warnings),
    }
    return {key: plain_values(value) for key, value in content.items()}


def _place(pose: Float[ndarray, "4 4"]) -> list[list[float]]:
    """Return where a camera is, and where its optical axis points, in the frame of the first camera."""
    return [pose[:3, 3].round(4).tolist(), pose[:3, 2].round(4).tolist()]


def _path(clip: ReportedClip, shown: Sequence[int]) -> dict[str, object]:
    """Return the positions of the camera, those of the frames of the page among them."""
    count = len(clip.poses)
    spread = np.linspace(0, count - 1, min(count, _MOST_POSES)).round().astype(int).tolist()
    indices = sorted({*spread, *shown})
    return {"frames": indices, "places": clip.poses[indices, :3, 3].round(4).tolist()}


def _tracks(clip: ReportedClip) -> list[dict[str, object]]:
    """Return the tracks of the receipt; of a long clip those with most weight, and not all of their sightings."""
    kept = sorted(clip.about["tracks"], key=lambda one: (one["verdict"] != "used", -one["weight"]))[:_MOST_TRACKS]
    shown = {one.index for one in clip.frames.frames}
    most = max(2, _MOST_SIGHTINGS // max(1, len(kept)))
    tracks = []
    for track in sorted(kept, key=lambda one: one["number"]):
        count = len(track["sightings"])
        spread = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
        here = [k for k, one in enumerate(track["sightings"]) if one["frame"] in shown]
        tracks.append(_track(track, [track["sightings"][k] for k in sorted({*spread, *here})], clip))
    return tracks


def _track(track: Mapping[str, Any], sightings: Sequence[Mapping[str, Any]], clip: ReportedClip) -> dict[str, object]:
    """Return a track of the receipt, with its kind and size, and its sightings with times and places."""
    one = clip.result.landmarks[track["number"]]
    return {
        **{key: track[key] for key in ("number", "label", "verdict", "reason", "weight")},
        "kind": "prior" if one.is_prior else "person" if one.is_person else "object",
        "size_m": track["stature_m"] if one.is_person else one.size_m,
        "sightings": [_sighting(each, clip, clip.result.photo.camera) for each in sightings],
    }


def _sighting(one: Mapping[str, Any], clip: ReportedClip, camera: Camera) -> dict[str, object]:
    frame, metres = int(one["frame"]), one["distance_m"]
    left, top, right, bottom = one["box_xyxy"]
    place = None
    if metres is not None:
        # What is in no frame stays, before a camera that does not move.
        pose = clip.poses[max(frame, 0)]
        ray = np.array([((left + right) / 2 - camera.cx) / camera.fx, ((top + bottom) / 2 - camera.cy) / camera.fy, 1])
        place = (pose[:3, :3] @ (metres * ray) + pose[:3, 3]).round(3).tolist()
    return {
        "frame": frame,
        "seconds": round(clip.frames.seconds[frame], 4) if frame >= 0 else None,
        "box": [round(float(side), 1) for side in one["box_xyxy"]],
        "distance_m": None if metres is None else round(float(metres), 4),
        "measured_m": None if one["measured_m"] is None else round(float(one["measured_m"]), 4),
        "place": place,
    }
