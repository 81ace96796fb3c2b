"""Render the example photo that ships with the package: a room with people at several distances, and its true depth.

``python -m mfh_lab.pocket.world.example --bank bodies.npz --out src/mfh/examples/room``
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from mfh_lab.pocket.world.bodies import BodyBank, load_bank
from mfh_lab.pocket.world.cameras import look
from mfh_lab.pocket.world.people import FIRST_PERSON_ID, add_person
from mfh_lab.pocket.world.rooms import room
from mfh_lab.pocket.world.scene_builder import Place
from mfh_lab.pocket.world.scenes import PersonTruth, Render, exposure_gain, tonemap
from mfh_lab.pocket.world.tracer import CameraPose, denoise, trace_image

_WIDTH, _HEIGHT = 640, 480
_FOV_X_DEG = 62.0
_DISTANCES_M = (2.6, 3.9, 5.4)


def render_example(bank: BodyBank, *, seed: int, samples: int, size: tuple[int, int] = (_WIDTH, _HEIGHT)) -> Render:
    """Render three standing people of the test split in a furnished room.

    Args:
        bank: bodies.
        seed: of the room, the people and their places.
        samples: light paths per pixel.
        size: (width, height) pixels.

    Raises:
        ValueError: when this seed's room has no three free spots in view.
    """
    rng = np.random.default_rng(seed)
    layout = room(rng)
    width, height = size
    f_px = width / 2 / np.tan(np.deg2rad(_FOV_X_DEG) / 2)
    position = np.array([0.0, 0.3, 1.5])
    axes = look(position, 0.0, -0.12)
    view = CameraPose(f_px, (width - 1) / 2, (height - 1) / 2, axes, position.astype(np.float32))
    bodies = rng.choice(bank.indices("test", poses=("stand", "walk")), len(_DISTANCES_M), replace=False)
    taken: list[float] = []
    people = []
    for k, (distance, body) in enumerate(zip(_DISTANCES_M, bodies, strict=True)):
        angles = rng.uniform(-0.42, 0.42, 400)
        spots = [(distance * np.sin(a), 0.3 + distance * np.cos(a), a) for a in angles]
        free = [s for s in spots if layout.is_free(s[0], s[1], 0.3) and all(abs(s[2] - t) > 0.2 for t in taken)]
        if not free:
            raise ValueError(f"seed {seed}: no person can stand {distance} m away")
        x, y, angle = free[0]
        taken.append(angle)
        place = Place(float(x), float(y), 0, float(rng.normal(0, 0.6)))
        world, faces = add_person(layout.builder, bank, int(body), place, FIRST_PERSON_ID + k, rng=rng)
        in_camera = ((world - view.position) @ view.axes.T).astype(np.float32)
        people.append(PersonTruth(FIRST_PERSON_ID + k, int(body), float(bank.stature_m[body]), in_camera, faces))
    scene = layout.builder.build(layout.environment)
    radiance, depth, ids, albedo, normal = trace_image(scene, view, width, height, samples, seed)
    clean = denoise(radiance, albedo, normal, depth)
    rgb = tonemap(clean, gain=exposure_gain(clean, 1.0))
    return Render(rgb, depth, ids, f_px, layout.kind, tuple(people))


def _places(render: Render) -> list[tuple[str, int, int]]:
    """Name pixels a person would ask about: the middle of each person, the far wall, the floor in front."""
    places = []
    for k in range(len(_DISTANCES_M)):
        rows, columns = np.nonzero(render.ids == FIRST_PERSON_ID + k)
        middle = np.argmin(np.hypot(rows - np.median(rows), columns - np.median(columns)))
        places.append((f"person {k + 1}", int(columns[middle]), int(rows[middle])))
    shell = render.ids == 1
    far = np.argmax(np.where(shell, render.depth_m, 0))
    floor_rows = np.flatnonzero(shell[:, _WIDTH // 2])
    places.append(("far wall", int(far % _WIDTH), int(far // _WIDTH)))
    places.append(("floor in front", _WIDTH // 2, int(floor_rows.max()) - 8))
    return places


def main() -> None:
    """Render and write rgb.png, depth.npz and camera.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=106)
    parser.add_argument("--samples", type=int, default=48)
    args = parser.parse_args()
    render = render_example(load_bank(args.bank), seed=args.seed, samples=args.samples)
    args.out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.out / "rgb.png"), render.rgb[..., ::-1])
    np.savez_compressed(args.out / "depth.npz", depth_m=render.depth_m, ids=render.ids)
    places = [{"name": name, "x": x, "y": y} for name, x, y in _places(render)]
    center = {"cx": (_WIDTH - 1) / 2, "cy": (_HEIGHT - 1) / 2, "width": _WIDTH, "height": _HEIGHT}
    camera = {"fx": render.f_px, "fy": render.f_px, **center, "places": places}
    (args.out / "camera.json").write_text(json.dumps(camera, indent=2) + "\n")


if __name__ == "__main__":
    main()
