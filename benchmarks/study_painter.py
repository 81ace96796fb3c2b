"""Is the sprite painter's prior calibrated? Where it stands people, and how tall, on held-out renders.

    python benchmarks/study_painter.py [--scenes 120]

Held-out scenes (seeds no network has seen) are rendered without people. In each a strip is blanked as in the painting
loop and feet are drawn; there, the truth is known. Real photos are asked in ``study_real_sizes.py``. Needs the
``train`` extra.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import t as student_t

from mfh.models.painters.pasting import load_sprites
from mfh.models.painters.person_prior import WEIGHTS, PersonPrior, PlacementPrior
from mfh.pipeline.planning import painting_seed, strip_paint_mask
from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path
from mfh_lab.pocket.world.scenes import draw_scene, render
from mfh_lab.pocket.world.standing import Standing, standing_room

FIRST_SEED = 6_000_000
SIZE = (320, 240)
DRAWS = 4
SAMPLES = 400
USUAL_SIGMA = 0.2


@dataclass(frozen=True)
class Drawn:
    """One person about to be painted, and the truth there.

    Attributes:
        scene: number of the render.
        free: whether a person could stand there.
        log_size_error: of the prior's median size, against the truth.
        stated_sigma: what the prior says of that error.
        rank: of the true size of a metre under the prior.
        height_rank: of the true height in pixels.
    """

    scene: int
    free: bool
    log_size_error: float
    stated_sigma: float
    rank: float
    height_rank: float


def study_picture(
    rgb: np.ndarray, room: Standing, k: int, prior: PersonPrior, statures: tuple[np.ndarray, np.ndarray]
) -> list[Drawn]:
    """Draw feet in render ``k``. ``statures`` are those of the sprites, and of the true people."""
    height, width = rgb.shape[:2]
    found = []
    for n in range(DRAWS):
        seed = painting_seed(k, n)
        mask = strip_paint_mask(seed, height=height, width=width, min_width=0.2, max_width=0.8)
        rng = np.random.default_rng(seed)
        field = prior.predict(rgb, mask)
        stand = field.sample(mask, rng)
        if stand is None:
            continue
        x, y = stand.foot_xy_px
        true_px_per_m = float(room.plane @ [x, y, 1])
        if true_px_per_m <= 0:
            found.append(Drawn(k, False, np.nan, np.nan, np.nan, np.nan))
            continue
        row, column = int(np.clip(round(y), 0, height - 1)), int(np.clip(round(x), 0, width - 1))
        sizes = sample_sizes(field, x, y, rng)
        heights = sizes * rng.choice(statures[0], SAMPLES)
        true_height = true_px_per_m * rng.choice(statures[1])
        found.append(
            Drawn(
                k,
                bool(room.free_mask[row, column]),
                float(np.log(np.median(sizes) / true_px_per_m)),
                stand.log_size_sigma,
                float((sizes < true_px_per_m).mean()),
                float((heights < true_height).mean()),
            )
        )
    return found


def sample_sizes(field: PlacementPrior, x: float, y: float, rng: np.random.Generator) -> np.ndarray:
    """Draw pixels per metre for feet at (x, y)."""
    tall, wide = field.probability.shape
    row = min(int((y + 0.5) / field.height * tall), tall - 1)
    column = min(int((x + 0.5) / field.width * wide), wide - 1)
    weight = field.weight[:, row, column]
    part = rng.choice(len(weight), SAMPLES, p=weight / weight.sum())
    return np.exp(rng.normal(field.mean[part, row, column], field.sigma[part, row, column])) * field.height


def _coverage(ranks: np.ndarray) -> str:
    parts = [f"{share:.0%} interval covers {np.mean(np.abs(ranks - 0.5) < share / 2):.3f}" for share in (0.5, 0.8)]
    deciles = np.histogram(ranks, np.linspace(0, 1, 11))[0] / max(len(ranks), 1)
    return ", ".join(parts) + "; deciles " + " ".join(f"{d:.2f}" for d in deciles)


def shared_error(drawn: Sequence[Drawn]) -> tuple[float, float]:
    """Return how far all sizes in a scene are off alike where the prior says 0.2, and how that grows with what it says.

    A scene's sizes are off by a·(sigma / 0.2)^p times a Student t of four degrees of freedom; (a, p) of the greatest
    likelihood.
    """
    scenes = sorted({one.scene for one in drawn})
    error, stated = np.array(
        [
            np.median([(one.log_size_error, one.stated_sigma) for one in drawn if one.scene == scene], axis=0)
            for scene in scenes
        ]
    ).T

    def misfit(parameters: np.ndarray) -> float:
        log_sigma = parameters[0] + parameters[1] * np.log(stated / USUAL_SIGMA)
        return float(np.sum(log_sigma - student_t.logpdf(error / np.exp(log_sigma), 4)))

    best = minimize(misfit, [-2.0, 1.0], method="Nelder-Mead").x
    return float(np.exp(best[0])), float(best[1])


def main() -> None:
    """Study renders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=120)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    prior, bank = PersonPrior(args.weights), load_bank(sample_bank_path())
    # Adults of the sprites against adults of the population, whose statures mfh_lab.pocket.world.bodies draws from.
    rng = np.random.default_rng(0)
    population = np.where(rng.random(4000) < 0.5, rng.normal(1.755, 0.07, 4000), rng.normal(1.625, 0.065, 4000))
    statures = (np.array([one.stature_m for one in load_sprites() if one.stature_m > 1.45]), population)
    drawn = []
    for k in range(args.scenes):
        scene = draw_scene(args.first_seed + k, bank, split="test", size=SIZE)
        picture = render(scene, bank, samples=3)
        room = standing_room(scene, picture.depth_m)
        drawn += study_picture(picture.rgb.astype(np.float32) / 255, room, k, prior, statures)
    sized = [one for one in drawn if np.isfinite(one.rank)]
    print(f"{args.scenes} scenes: {len(drawn)} of {args.scenes * DRAWS} paintings have room for a person,", end=" ")
    print(f"{np.mean([one.free for one in drawn]):.2f} of them on free ground")
    error = np.array([one.log_size_error for one in sized])
    print(f"log size error: median {np.median(error):+.3f}, median magnitude {np.median(np.abs(error)):.3f}")
    print(f"size of a metre: {_coverage(np.array([one.rank for one in sized]))}")
    print(f"height in pixels: {_coverage(np.array([one.height_rank for one in sized]))}")
    usual, power = shared_error(sized)
    print(f"sizes in one scene are off alike by {usual:.2f}·(what the prior says / {USUAL_SIGMA})^{power:.1f}")


if __name__ == "__main__":
    main()
