"""Clips of the pocket world: one scene, a camera that is held or stands, people who walk, and exact truth a frame.

A clip is a function of its seed and options, and so is each of its frames: any process can render any frame alone.
Static things look the same from frame to frame (their textures are functions of the place in the world); light paths
and sensor noise are drawn anew.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mfh.types import Camera
from mfh_lab.pocket.world.bodies import POSES, BodyBank
from mfh_lab.pocket.world.bvh import trace
from mfh_lab.pocket.world.clip_cameras import CameraPath, draw_path
from mfh_lab.pocket.world.layout import Layout
from mfh_lab.pocket.world.outdoors import outdoors
from mfh_lab.pocket.world.people import FIRST_PERSON_ID
from mfh_lab.pocket.world.rooms import room
from mfh_lab.pocket.world.scenes import exposure_gain, replace_view, tonemap
from mfh_lab.pocket.world.textures import OFFSET
from mfh_lab.pocket.world.tracer import CameraPose, SceneArrays, denoise, trace_image
from mfh_lab.pocket.world.walking import Loop, Walker, walking_bank
from mfh_lab.pocket.world.wardrobe import add_dressed

Rng = np.random.Generator
_STREAM = 77
"""Of the random numbers of clips, apart from those of scenes."""
_ROOM_SHARE = 0.6
_MAX_REDRAWS = 200
_CANDIDATES = 120
_PERSON_RADIUS_M, _APART_M, _NEAREST_M = 0.28, 0.65, 1.9
_CHECKED_FRAMES = 12
_SEEN_WHOLE = 0.6
"""Share of the frames in which each person must be in view from head to foot."""
_BODY_HEIGHTS = (0.03, 0.28, 0.55, 0.8, 1.0)
_STATURE_M = {True: (1.625, 0.065), False: (1.755, 0.070)}
_SHORTEST_ADULT_M = 1.45
_PROBE = 4
_COARSE = 40
"""Pixels of the longer side of the render that decides whether a camera has an open view."""
_OPEN_M, _NEAR_SHARE = 1.1, 0.03
_DENOISE_ROUNDS = 5
"""More than a picture alone needs: what light paths leave would flicker."""


@dataclass(frozen=True)
class ClipOptions:
    """Everything but the seed and the bank that decides a clip.

    Attributes:
        frames: how many.
        moving: whether the camera is held in the hands of someone who takes a step or two; else it stands on a tripod.
        width: pixels.
        height: pixels.
        fps: frames a second.
        split: whose bodies: "train", "validation" or "test".
        samples: light paths per pixel.
    """

    frames: int = 60
    moving: bool = True
    width: int = 640
    height: int = 480
    fps: int = 15
    split: str = "test"
    samples: int = 2


@dataclass(frozen=True)
class Clip:
    """A clip before anything is rendered.

    Attributes:
        seed: of everything.
        options: size, length, camera.
        layout: the scene without people.
        path: where the camera is at each frame.
        walkers: people; person k has the id k + 1.
        gain: factor on radiance, one for all frames: a camera with locked exposure.
        contrast: strength of the S-curve.
        noise: standard deviation of the sensor noise at mid grey, in levels of 255.
    """

    seed: int
    options: ClipOptions
    layout: Layout
    path: CameraPath
    walkers: tuple[Walker, ...]
    gain: float
    contrast: float
    noise: float

    @property
    def camera(self) -> Camera:
        """Intrinsics, the same for all frames."""
        view = self.path.at(0.0)
        return Camera(view.f_px, view.f_px, view.cx, view.cy, self.options.width, self.options.height)


@dataclass(frozen=True)
class ClipFrame:
    """One frame with its truth.

    Attributes:
        rgb: (h, w, 3) uint8, sRGB.
        depth_m: (h, w) z in metres at pixel centres; infinite in the sky.
        person_ids: (h, w) 0 where there is no person, else the person's number in the clip, from 1.
        T_world_camera: (4, 4) world from camera; x right, y down, z forward.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    person_ids: NDArray[np.uint8]
    T_world_camera: NDArray[np.float64]


def draw_clip(seed: int, bank: BodyBank, options: ClipOptions) -> Clip:
    """Draw the clip of a seed: a scene in which people can walk in front of the camera, in view from head to foot.

    Args:
        seed: the clip is a function of the seed, the options and the bank.
        bank: bodies.
        options: length, size, camera.

    Raises:
        ValueError: where no scene was found (a bank without a standing adult of the split).
    """
    bodies = bank.indices(options.split, poses=("stand",))
    bodies = bodies[bank.stature_m[bodies] > _SHORTEST_ADULT_M]
    if not len(bodies):
        raise ValueError(f"no adult of split {options.split!r} has the pose {POSES[0]!r} in this bank")
    # Drawn apart, or crowded rooms, which are drawn again, would make most clips outdoors.
    indoors = np.random.default_rng((seed, _STREAM)).random() < _ROOM_SHARE
    for attempt in range(_MAX_REDRAWS):
        rng = np.random.default_rng((seed, _STREAM, 0, attempt))
        layout = (room if indoors else outdoors)(rng)
        path = draw_path(layout, rng, options.width, options.height, moving=options.moving,
                         seconds=options.frames / options.fps)  # fmt: skip
        wanted = int(rng.choice([1, 2, 3, 4], p=[0.2, 0.35, 0.3, 0.15]))
        if path is None or not layout.builder.corners:
            continue
        arrays = layout.builder.build(layout.environment)
        if not _is_open(arrays, path, options):
            continue
        walkers = _draw_walkers(layout, arrays, path, rng, bank, bodies, options, wanted)
        if len(walkers) < min(wanted, 2):
            continue
        contrast, noise = float(rng.uniform(0, 0.7)), float(rng.uniform(0.8, 2.5))
        clip = Clip(seed, options, layout, path, tuple(walkers), 1.0, contrast, noise)
        middle = _small(path.at(options.frames / options.fps / 2), options)
        size = options.width // _PROBE, options.height // _PROBE
        radiance = trace_image(arrays, middle, *size, 2, seed % 2**31)[0]
        return replace(clip, gain=exposure_gain(radiance, float(np.exp(rng.normal(0, 0.2)))))
    raise ValueError(f"clip {seed}: no scene with room to walk in {_MAX_REDRAWS} draws")


def render_frame(clip: Clip, bank: BodyBank, number: int) -> ClipFrame:
    """Render one frame of a clip.

    Args:
        clip: what :func:`draw_clip` returned.
        bank: the bodies it was drawn with.
        number: of the frame, from 0.
    """
    options = clip.options
    seconds = number / options.fps
    view = clip.path.at(seconds)
    arrays = _with_people(clip, bank, seconds)
    light_seed = int(np.random.default_rng((clip.seed, _STREAM, 1, number)).integers(2**31 - options.height * 7919))
    radiance, depth, ids, albedo, normal = trace_image(
        arrays, view, options.width, options.height, options.samples, light_seed
    )
    clean = denoise(radiance, albedo, normal, depth, iterations=_DENOISE_ROUNDS)
    rgb = tonemap(clean, gain=clip.gain, contrast=clip.contrast)
    noisy = _sensor_noise(rgb, clip.noise, np.random.default_rng((clip.seed, _STREAM, 2, number)))
    people = np.where(ids >= FIRST_PERSON_ID, ids - (FIRST_PERSON_ID - 1), 0).astype(np.uint8)
    depth_m = np.where(depth > 0, depth, np.float32(np.inf)).astype(np.float32)
    return ClipFrame(noisy, depth_m, people, pose_matrix(view))


def pose_matrix(view: CameraPose) -> NDArray[np.float64]:
    """Return (4, 4) world from camera."""
    pose = np.eye(4)
    pose[:3, :3] = view.axes.T.astype(np.float64)
    pose[:3, 3] = view.position
    return pose


def _with_people(clip: Clip, bank: BodyBank, seconds: float) -> SceneArrays:
    """Return the scene with its people where they are at a moment, in the clothes they wear throughout."""
    builder = clip.layout.builder.copy()
    now, places = walking_bank(bank, clip.walkers, seconds)
    for k, (walker, place) in enumerate(zip(clip.walkers, places, strict=True)):
        first = len(builder.materials)
        clothes = np.random.default_rng((clip.seed, _STREAM, 3, walker.clothes_seed))
        add_dressed(builder, now, k, place, FIRST_PERSON_ID + k, rng=clothes)
        # Textures are solid in the world: those of clothes go with the person.
        for row in builder.materials[first:]:
            row[OFFSET] += place.x
            row[OFFSET + 1] += place.y
    return builder.build(clip.layout.environment)


def _sensor_noise(rgb: NDArray[np.uint8], sigma: float, rng: Rng) -> NDArray[np.uint8]:
    """Add noise whose variance grows with the light, as photons' does."""
    level = rgb.astype(np.float32)
    noise = rng.standard_normal(rgb.shape, np.float32) * np.float32(sigma) * np.sqrt(0.3 + 0.7 * level / 128)
    return np.clip(np.rint(level + noise), 0, 255).astype(np.uint8)


def _small(view: CameraPose, options: ClipOptions) -> CameraPose:
    return replace_view(view, f_px=view.f_px / _PROBE, width=options.width // _PROBE, height=options.height // _PROBE)


def _is_open(arrays: SceneArrays, path: CameraPath, options: ClipOptions) -> bool:
    """Return whether nothing stands right before the camera, from the first frame to the last."""
    shrink = _COARSE / max(options.width, options.height)
    width, height = round(options.width * shrink), round(options.height * shrink)
    for share in (0.0, 0.5, 1.0):
        view = path.at(share * options.frames / options.fps)
        probe = replace_view(view, f_px=view.f_px * shrink, width=width, height=height)
        depth = trace_image(arrays, probe, width, height, 1, 0)[1]
        if np.mean((depth > 0) & (depth < _OPEN_M)) > _NEAR_SHARE:
            return False
    return True


def _draw_walkers(
    layout: Layout,
    arrays: SceneArrays,
    path: CameraPath,
    rng: Rng,
    bank: BodyBank,
    bodies: NDArray[np.intp],
    options: ClipOptions,
    wanted: int,
) -> list[Walker]:
    """Draw people one after the other, each on a loop that is free, in view, and apart from all others."""
    moments = np.linspace(0, (options.frames - 1) / options.fps, min(options.frames, _CHECKED_FRAMES))
    views = [path.at(t) for t in moments]
    found: list[Walker] = []
    tracks: list[NDArray[np.float64]] = []
    unused = list(rng.permutation(bodies))
    for _ in range(_CANDIDATES):
        if len(found) == wanted:
            break
        loop = _draw_loop(path, rng)
        if not _is_free(layout, loop):
            continue
        track = np.array([[place.x, place.y] for place, _ in (loop.at(t) for t in moments)])
        camera = np.array([view.position[:2] for view in views])
        if (np.linalg.norm(track - camera, axis=1) < _NEAREST_M).any():
            continue
        if any((np.linalg.norm(track - other, axis=1) < _APART_M).any() for other in tracks):
            continue
        body = int(unused[len(found) % len(unused)])
        stature_m = float(np.clip(rng.normal(*_STATURE_M[bool(bank.female[body])]), 1.48, 1.98))
        seen = [_sees_whole(arrays, view, options, at, stature_m) for view, at in zip(views, track, strict=True)]
        if np.mean(seen) >= _SEEN_WHOLE:
            swing = float(rng.uniform(0.3, 0.42))
            found.append(Walker(loop, body, stature_m, len(found), swing, float(rng.uniform(0, 2 * np.pi))))
            tracks.append(track)
    return found


def _draw_loop(path: CameraPath, rng: Rng) -> Loop:
    """Draw a way to go, two to six metres in front of the camera."""
    view = path.at(path.seconds / 2)
    distance, aside = rng.uniform(2.4, 6.2), rng.uniform(-0.45, 0.45)
    forward, right = view.axes[2, :2].astype(float), view.axes[0, :2].astype(float)
    x, y = view.position[:2] + distance * (forward / np.linalg.norm(forward) + aside * right)
    along, speed = float(rng.uniform(0.4, 2.5)), float(rng.uniform(0.7, 1.35))
    return Loop(float(x), float(y), along, float(rng.uniform(0.25, min(along, 0.8))), float(rng.uniform(0, np.pi)),
                float(rng.random()), speed if rng.random() < 0.5 else -speed)  # fmt: skip


def _is_free(layout: Layout, loop: Loop) -> bool:
    length_m = 2 * np.pi * max(loop.along_m, loop.across_m)
    spots = (loop.at(s / abs(loop.speed_mps))[0] for s in np.arange(0, length_m, 0.2))
    return all(layout.is_free(spot.x, spot.y, _PERSON_RADIUS_M) for spot in spots)


def _sees_whole(
    arrays: SceneArrays, view: CameraPose, options: ClipOptions, at: NDArray[np.float64], stature_m: float
) -> bool:
    """Return whether a person at (x, y) is inside the picture from foot to crown, with nothing of the scene before."""
    margin = 0.015 * options.height
    x, y, z = (float(value) for value in view.position)
    for share in _BODY_HEIGHTS:
        gap = np.array([at[0], at[1], share * stature_m]) - view.position
        p = view.axes.astype(np.float64) @ gap
        if p[2] < 0.3:
            return False
        u, v = p[0] / p[2] * view.f_px + view.cx, p[1] / p[2] * view.f_px + view.cy
        if not (margin < u < options.width - margin and margin < v < options.height - margin):
            return False
        length = float(np.linalg.norm(gap))
        dx, dy, dz = gap / length
        _, hit = trace(arrays.triangles, x, y, z, dx, dy, dz, length - 0.1, True)
        if hit >= 0:
            return False
    return True
