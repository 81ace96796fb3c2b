"""The pocket world: a seed becomes a scene with people and a camera, and a picture with exact depth and ids.

Object ids: 0 sky, 1 ground and shell, 2-99 objects, 100 and up people. Scenes of different splits use different bodies.
A scene can be rendered empty, with its own people, and with other people standing where there is room.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.bodies import BodyBank
from mfh_lab.pocket.world.cameras import draw_camera, sees
from mfh_lab.pocket.world.layout import Layout
from mfh_lab.pocket.world.outdoors import outdoors
from mfh_lab.pocket.world.people import FIRST_PERSON_ID, add_person, seat_place
from mfh_lab.pocket.world.rooms import room
from mfh_lab.pocket.world.scene_builder import Place
from mfh_lab.pocket.world.tracer import CameraPose, denoise, trace_image

Rng = np.random.Generator
STANDING = ("stand", "walk", "gesture", "reach", "crouch")
INDOOR_SHARE = 0.58
PERSON_RADIUS_M = 0.28
_MAX_REDRAWS = 12
_MAX_PEOPLE = 30
# Size of the coarse render that decides whether a camera sees anything.
_PROBE = 40


@dataclass(frozen=True)
class ScenePerson:
    """A person in a scene, before anything is rendered.

    Attributes:
        place: where the body stands and which way it faces.
        body: row of the bank.
        clothes_seed: decides skin, hair and clothes.
    """

    place: Place
    body: int
    clothes_seed: int


@dataclass(frozen=True)
class Scene:
    """A scene and its camera, before anything is rendered.

    Attributes:
        seed: everything here is a function of it, and of split, bank and size.
        layout: geometry without people, and what it knows about itself.
        view: the camera.
        size: (width, height) pixels.
        people: the scene's own people.
        exposure: brightness against the mean.
        contrast: strength of the S-curve, 0 to 1.
    """

    seed: int
    layout: Layout
    view: CameraPose
    size: tuple[int, int]
    people: tuple[ScenePerson, ...]
    exposure: float
    contrast: float


@dataclass(frozen=True)
class PersonTruth:
    """One person of a render: exact body in the camera frame.

    Attributes:
        person_id: value in the id image.
        body_index: row of the bank.
        stature_m: standing height.
        vertices_m: (v, 3) body and clothes, camera frame.
        faces: (f, 3) the triangles that were rendered.
    """

    person_id: int
    body_index: int
    stature_m: float
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class Render:
    """One rendered picture.

    Attributes:
        rgb: (h, w, 3) uint8, sRGB.
        depth_m: (h, w) float32 z in metres at pixel centres, 0 for sky.
        ids: (h, w) int16 object ids.
        f_px: focal length in pixels; the principal point is the image centre.
        kind: kind of scene.
        people: all people in the picture, seen or not.
        gain: factor on radiance, so that another picture of the scene can be developed alike.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    ids: NDArray[np.int16]
    f_px: float
    kind: str
    people: tuple[PersonTruth, ...]
    gain: float = 1.0


def draw_scene(seed: int, bank: BodyBank, *, split: str, size: tuple[int, int]) -> Scene:
    """Draw the scene of a seed.

    Args:
        seed: the scene is a function of the seed, the split, the bank and the size.
        bank: bodies.
        split: whose bodies to use.
        size: (width, height) pixels.

    Returns:
        The scene. A camera that ends up inside an object, or sees almost nothing, is drawn again.
    """
    for attempt in range(_MAX_REDRAWS):
        rng = np.random.default_rng((seed, attempt))
        layout = (room if rng.random() < INDOOR_SHARE else outdoors)(rng)
        view, subject = draw_camera(layout, rng, size)
        people = _populate(layout, rng, bank, split, view, size, subject)
        if layout.builder.corners and _sees_enough(layout, view, size):
            look = np.random.default_rng((seed, attempt, 1))
            exposure = float(np.exp(look.normal(0, 0.35)))
            return Scene(seed, layout, view, size, people, exposure, float(look.uniform(0, 1)))
    raise RuntimeError(f"scene {seed}: no usable camera in {_MAX_REDRAWS} draws")


def render(
    scene: Scene, bank: BodyBank, *, people: Sequence[ScenePerson] = (), samples: int = 4, gain: float | None = None
) -> Render:
    """Render a scene with the given people in it: none, its own (``scene.people``), or others.

    Args:
        scene: geometry, camera and exposure.
        bank: bodies of the people.
        people: in the picture.
        samples: light paths per pixel.
        gain: how to develop the picture; None exposes for its mean.

    Returns:
        The picture; people are numbered in the order of ``people``.
    """
    builder = scene.layout.builder.copy()
    truths = []
    for k, person in enumerate(people):
        person_id = FIRST_PERSON_ID + k
        clothes = np.random.default_rng((scene.seed, person.clothes_seed))
        world, faces = add_person(builder, bank, person.body, person.place, person_id, rng=clothes)
        in_camera = ((world - scene.view.position) @ scene.view.axes.T).astype(np.float32)
        truths.append(PersonTruth(person_id, person.body, float(bank.stature_m[person.body]), in_camera, faces))
    arrays = builder.build(scene.layout.environment)
    width, height = scene.size
    radiance, depth, ids, albedo, normal = trace_image(arrays, scene.view, width, height, samples, scene.seed % 2**31)
    clean = denoise(radiance, albedo, normal, depth, iterations=3 if samples < 4 else 2)
    gain = exposure_gain(clean, scene.exposure) if gain is None else gain
    rgb = tonemap(clean, gain=gain, contrast=scene.contrast)
    return Render(rgb, depth, ids, scene.view.f_px, scene.layout.kind, tuple(truths), gain)


def free_people(
    scene: Scene, bank: BodyBank, *, split: str, count: int, seed: int, poses: tuple[str, ...] = STANDING
) -> list[ScenePerson]:
    """Draw up to ``count`` people who could each stand in the scene, one at a time, in view and clear of all others.

    Args:
        scene: its floor, and the camera they must be in view of.
        bank: bodies.
        split: whose bodies to use.
        count: how many are wanted; fewer come back where there is little room.
        seed: of the places, bodies and clothes.
        poses: poses to choose from.
    """
    rng = np.random.default_rng((scene.seed, 2, seed))
    bodies = bank.indices(split, poses=poses)
    found = []
    for x, y in scene.layout.free_spots(rng, 40 * count, PERSON_RADIUS_M):
        clear = all(np.hypot(x - f.place.x, y - f.place.y) > 0.55 for f in scene.people)
        if clear and len(found) < count and sees(scene.view, scene.size, x, y):
            place = Place(x, y, 0, float(rng.uniform(0, 2 * np.pi)))
            found.append(ScenePerson(place, int(rng.choice(bodies)), int(rng.integers(2**31))))
    return found


def _populate(
    layout: Layout, rng: Rng, bank: BodyBank, split: str, view: CameraPose, size: tuple[int, int], subject: Place | None
) -> tuple[ScenePerson, ...]:
    """Seat, stand and walk people where the camera may see them."""
    standing, sitting = bank.indices(split, poses=STANDING), bank.indices(split, poses=("sit",))
    people: list[ScenePerson] = []

    def add(place: Place, body: int) -> None:
        people.append(ScenePerson(place, body, len(people)))

    if subject is not None and layout.is_free(subject.x, subject.y, 0.2):
        add(subject, int(rng.choice(standing)))
    if rng.random() < 0.7:
        for seat in layout.seats:
            if len(sitting) and rng.random() < 0.3 and sees(view, size, seat.x, seat.y):
                body = int(rng.choice(sitting))
                add(seat_place(bank, body, seat), body)
        crowd = int(rng.choice([0, 1, 1, 2, 2, 3, 4, 7]))
        for x, y in layout.free_spots(rng, 150, PERSON_RADIUS_M):
            if crowd <= 0:
                break
            if sees(view, size, x, y) and all(np.hypot(x - f.place.x, y - f.place.y) > 0.55 for f in people):
                add(Place(x, y, 0, rng.uniform(0, 2 * np.pi)), int(rng.choice(standing)))
                crowd -= 1
    return tuple(people[:_MAX_PEOPLE])


def _sees_enough(layout: Layout, view: CameraPose, size: tuple[int, int]) -> bool:
    """Render the empty scene coarsely: something must be there, and nothing against the lens."""
    shrink = _PROBE / max(size)
    width, height = round(size[0] * shrink), round(size[1] * shrink)
    probe = replace_view(view, f_px=view.f_px * shrink, width=width, height=height)
    arrays = layout.builder.build(layout.environment)
    depth = trace_image(arrays, probe, width, height, 1, 0)[1]
    seen = depth[depth > 0]
    return bool(seen.size > 0.35 * depth.size and np.percentile(seen, 25) > 0.4 and np.percentile(seen, 1) > 0.15)


def replace_view(view: CameraPose, *, f_px: float, width: int, height: int) -> CameraPose:
    """Return the same camera with another focal length in pixels and another image size."""
    return CameraPose(f_px, (width - 1) / 2, (height - 1) / 2, view.axes, view.position)


def exposure_gain(radiance: NDArray[np.float32], exposure: float) -> float:
    """Return the factor that exposes a picture for its mean."""
    return 0.27 * exposure / max(float(radiance.mean()), 1e-4)


def tonemap(radiance: NDArray[np.float32], *, gain: float, contrast: float = 0.4) -> NDArray[np.uint8]:
    """Roll off the highlights (Reinhard et al. 2002), encode at gamma 2.2, add an S-curve."""
    x = radiance * np.float32(gain)
    x = x * (1 + x / 9) / (1 + 0.8 * x)
    y = np.clip(x * 1.15, 0, 1) ** (1 / 2.2)
    return ((y + contrast * (y * y * (3 - 2 * y) - y)) * 255).astype(np.uint8)
