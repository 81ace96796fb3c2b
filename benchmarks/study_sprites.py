"""How well BlazePose finds and measures sprites pasted into pictures, looking only where the painter painted.

Sprites of held-out bodies are pasted at known pixels per metre, at free places of held-out scenes, behind what is
nearer there. The numbers of docs/results/people.md come from here; needs the ``train`` extra and the BlazePose files.

    python -m mfh_lab.pocket.world.sprites --bank bodies.npz --split test --count 48 --seed 7 --out sprites_test.npz
    python benchmarks/study_sprites.py --bank bodies.npz --sprites sprites_test.npz --scenes 30
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.geometry.camera import camera_from_focal_px
from mfh.geometry.masks import erode_3x3
from mfh.geometry.rasterize import rasterize_depth
from mfh.models.human_mesh.blazepose import BlazePose
from mfh.models.human_mesh.body_translation import STATURE_M
from mfh.models.painters.pasting import Composite, Sprite, composite, load_sprites
from mfh_lab.pocket.world.bodies import BodyBank, load_bank
from mfh_lab.pocket.world.scenes import Scene, draw_scene, free_people, render

WIDTH, HEIGHT = 640, 480
FIRST_SEED = 3_500_000
SURE = 0.6
CHILD_M = 1.5
LEAST_SHOWN = 0.6
"""Sprites of which less is in the picture and unhidden are left out."""
BINS_PX = (0, 40, 60, 100, 160, 300, 1000)


@dataclass(frozen=True)
class Case:
    """One pasted sprite and what was measured.

    Attributes:
        height_px: height of the sprite, seen or not.
        stature_m: its stature.
        surface_ratio: depth of its visible surface over the depth of its feet, where it was rendered.
        shown: part of it that is seen.
        score: of the person found there; 0 for no person.
        log_depth: log of measured depth over the depth of its feet.
        sigma: the error bar given for that.
        seconds: of processor time to find it.
    """

    height_px: float
    stature_m: float
    surface_ratio: float
    shown: float
    score: float
    log_depth: float
    sigma: float
    seconds: float


def paste(
    rgb: np.ndarray, relative: np.ndarray, scene: Scene, sprite: Sprite, spot: tuple[float, float], seed: int
) -> tuple[Composite, float, float] | None:
    """Stand a sprite at a place on the ground; returns the picture, its depth and the part of it that shows."""
    view = scene.view
    x, y, z = (view.axes.astype(float) @ (np.array([*spot, 0.0]) - view.position)).tolist()
    if z < 0.8:
        return None
    px_per_m = view.f_px / z
    done = composite(
        rgb,
        sprite,
        foot_xy_px=(px_per_m * x + view.cx, px_per_m * y + view.cy),
        px_per_m=px_per_m,
        relative=relative,
        allowed_mask=np.ones(rgb.shape[:2], bool),
        rng=np.random.default_rng((seed, 9)),
    )
    whole_px = (sprite.rgba[..., 3] > 127).sum() * (px_per_m / sprite.px_per_m) ** 2
    shown = float(done.sprite_mask.sum() / whole_px)
    return (done, z, shown) if shown >= LEAST_SHOWN else None


def study_scene(seed: int, bank: BodyBank, sprites: list[tuple[Sprite, float]], model: BlazePose, count: int):
    """Paste ``count`` sprites into one empty scene, one at a time, and measure them."""
    scene = draw_scene(seed, bank, split="test", size=(WIDTH, HEIGHT))
    empty = render(scene, bank, people=(), samples=2)
    rgb = empty.rgb.astype(np.float32) / 255
    relative = np.where(empty.depth_m > 0, 1 / np.maximum(empty.depth_m, 1e-3), 0).astype(np.float32)
    camera = camera_from_focal_px(empty.f_px, width=WIDTH, height=HEIGHT)
    rng = np.random.default_rng((seed, 8))
    cases: list[Case] = []
    pictures: list[np.ndarray] = []
    for k, free in enumerate(free_people(scene, bank, split="test", count=3 * count, seed=11)):
        if len(cases) >= count:
            break
        sprite, surface_ratio = sprites[int(rng.integers(len(sprites)))]
        pasted = paste(rgb, relative, scene, sprite, (free.place.x, free.place.y), seed + k)
        if pasted is None:
            continue
        done, z, shown = pasted
        pictures.append(done.rgb)
        start = time.thread_time()
        found = model.segment([done.rgb], [done.changed_mask])[0]
        seconds = time.thread_time() - start
        truth = done.sprite_mask
        ious = [float((p.instance_mask & truth).sum() / (p.instance_mask | truth).sum()) for p in found]
        score, log_depth, sigma = 0.0, float("nan"), float("nan")
        if ious and max(ious) >= 0.5:
            person = found[int(np.argmax(ious))]
            score = person.score
            (body,) = model.measure(done.rgb, [person], camera)
            if body is not None:
                depth_m = rasterize_depth(body.vertices_m, body.faces, camera)
                both = erode_3x3(np.isfinite(depth_m) & person.instance_mask)
                if both.sum() >= 20:
                    log_depth, sigma = float(np.log(depth_m[both].mean() / z)), body.log_depth_sigma or sigma
        height_px = empty.f_px / z * sprite.stature_m
        cases.append(Case(height_px, sprite.stature_m, surface_ratio, shown, score, log_depth, sigma, seconds))
    return cases, pictures


def _spread(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    if not len(values):
        return "no person"
    middle = float(np.median(values))
    return f"median {middle:+.3f}, robust sd {1.4826 * np.median(np.abs(values - middle)):.3f}, n {len(values)}"


def report(cases: list[Case]) -> None:
    """Print hit rates and errors."""
    adults = [one for one in cases if one.stature_m > CHILD_M]
    print(f"{len(cases)} sprites, {len(adults)} adults; {np.median([c.seconds for c in cases]):.3f} s each")
    for low, high in zip(BINS_PX[:-1], BINS_PX[1:], strict=True):
        those = [one for one in adults if low <= one.height_px < high]
        if not those:
            continue
        found = [one for one in those if one.score > 0]
        sure = sum(one.score >= SURE for one in those)
        error = np.array([one.log_depth for one in found])
        known = error + np.log([one.stature_m / STATURE_M for one in found])
        print(f"{low:4d}-{high} px: found {len(found)} of {len(those)}, sure {sure}; log depth {_spread(error)};")
        print(f"             stature known {_spread(known)}")
    for name, those in (
        ("wholly visible", [one for one in adults if one.shown > 0.97 and one.height_px >= 60]),
        ("partly hidden or cut", [one for one in adults if one.shown <= 0.97 and one.height_px >= 60]),
    ):
        print(f"60 px and more, {name}: found {sum(one.score > 0 for one in those)} of {len(those)}")
    found = [one for one in adults if one.score >= SURE]
    error = np.array([one.log_depth for one in found])
    known = error + np.log([one.stature_m / STATURE_M for one in found])
    surface = np.log([one.surface_ratio for one in found])
    whole = np.array([one.shown > 0.97 for one in found])
    sigma = np.array([one.sigma for one in found])
    print(f"sure adults: {_spread(error)}")
    print(f"  once stature is known: {_spread(known)}")
    print(f"    and against the visible surface, not the feet: {_spread(known - surface)} (ratio {_spread(surface)})")
    print(f"    wholly visible: {_spread(known[whole])}; partly hidden or cut: {_spread(known[~whole])}")
    print(f"  over the error bar: {_spread(error / sigma)}")
    children = [one for one in cases if one.stature_m <= CHILD_M]
    print(f"children: found {sum(one.score > 0 for one in children)} of {len(children)};", end=" ")
    print(_spread(np.array([one.log_depth for one in children])))


def main() -> None:
    """Render, paste, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--sprites", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=30)
    parser.add_argument("--per-scene", type=int, default=20)
    parser.add_argument("--look", type=Path, help="also write a few pictures here (npz of uint8)")
    args = parser.parse_args()
    bank, model = load_bank(args.bank), BlazePose()
    with np.load(args.sprites) as z:
        sprites = list(zip(load_sprites(args.sprites), z["surface_depth_ratio"].tolist(), strict=True))
    cases: list[Case] = []
    pictures: list[np.ndarray] = []
    for seed in range(FIRST_SEED, FIRST_SEED + args.scenes):
        more, seen = study_scene(seed, bank, sprites, model, args.per_scene)
        cases += more
        pictures += seen[:2]
        print(f"scene {seed}: {len(more)} sprites", flush=True)
    if args.look:
        np.savez_compressed(args.look, rgb=(np.stack(pictures[:48]) * 255).astype(np.uint8))
    report(cases)


if __name__ == "__main__":
    main()
