"""Time the exact SIlog fit against L-BFGS as the authors run it, at equal loss.

The twin: torch's L-BFGS with learning rate 1, 50 outer steps of at most 20 inner iterations, each evaluating ZoeDepth's
loss over dense 480x640 maps of N paintings. Ours starts from the same dense maps; gathering the people's pixels is part
of its time.

Run: python benchmarks/bench_silog.py [paintings ...]   (needs torch)
"""

import sys
import time
from dataclasses import dataclass

import numpy as np
import torch

from mfh.errors import Rejected
from mfh.scale.silog import fit_silog
from tests.scale.naive_silog import log_difference, silog_zoedepth

HEIGHT, WIDTH = 480, 640
OUTER_STEPS, INNER_ITERATIONS = 50, 20
LINE_SEARCH = "strong_wolfe"
"""Without a line search the iteration leaves the feasible region and ends in NaN on these maps."""


@dataclass(frozen=True)
class Paintings:
    """Dense maps of N paintings: aligned disparity, metres, and where the metres count (all (n, h, w))."""

    disparity: np.ndarray
    depth_m: np.ndarray
    is_person: np.ndarray


def make_paintings(n: int, *, seed: int = 0) -> Paintings:
    """Make N paintings of one person each, 2-7 m away, with 10 % size error and a bumpy disparity."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disparity = np.empty((n, HEIGHT, WIDTH))
    depth_m = np.full((n, HEIGHT, WIDTH), np.inf)
    is_person = np.zeros((n, HEIGHT, WIDTH), bool)
    for index in range(n):
        distance = rng.uniform(2, 7)
        half_height = 500 * 0.88 / distance
        centre = rng.uniform(0.2, 0.8) * WIDTH
        inside = ((columns - centre) / (0.3 * half_height)) ** 2 + ((rows - HEIGHT / 2) / half_height) ** 2 < 1
        body = distance + 0.12 * np.cos(columns / 15) * np.sin(rows / 40)
        inverse = np.where(inside, 1 / body, 0.12 + 0.3 * rows / HEIGHT)
        bumps = 1 + 0.03 * np.sin(columns / 31 + index) * np.cos(rows / 23)
        disparity[index] = (inverse * bumps + 0.05) / 0.4
        depth_m[index][inside] = (body * np.exp(rng.normal(0, 0.1)))[inside]
        is_person[index] = inside
    return Paintings(disparity.astype(np.float32), depth_m.astype(np.float32), is_person)


def fit_with_lbfgs(paintings: Paintings) -> tuple[float, float, int]:
    """Return scale, shift and the number of loss evaluations."""
    disparity = torch.from_numpy(paintings.disparity)
    target = torch.from_numpy(paintings.depth_m)
    chosen = torch.from_numpy(paintings.is_person)
    scale, shift = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, shift], lr=1, max_iter=INNER_ITERATIONS, line_search_fn=LINE_SEARCH)
    evaluations = 0

    def closure() -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        predicted = 1 / (scale * disparity + shift).clamp(min=1e-6)
        difference = torch.log(predicted[chosen]) - torch.log(target[chosen])
        loss = 10 * torch.sqrt(torch.var(difference) + 0.15 * difference.mean() ** 2)
        loss.backward()
        return loss

    for _ in range(OUTER_STEPS):
        optimizer.step(closure)
    return scale.item(), shift.item(), evaluations


def fit_exactly(paintings: Paintings) -> tuple[float, float]:
    """Gather the people's pixels once, then solve."""
    chosen = np.flatnonzero(paintings.is_person)
    relative, depth_m = paintings.disparity.take(chosen), paintings.depth_m.take(chosen)
    minimum = fit_silog(relative, depth_m, chosen // (HEIGHT * WIDTH), space="disparity")
    if isinstance(minimum, Rejected):
        raise SystemExit(f"no fit: {minimum.reason}")
    return minimum.scale, minimum.shift


def loss_of(paintings: Paintings, scale: float, shift: float) -> float:
    """Return ZoeDepth's form of SIlog in float64."""
    relative = paintings.disparity[paintings.is_person]
    depth_m = paintings.depth_m[paintings.is_person]
    return silog_zoedepth(log_difference(relative, depth_m, scale=scale, shift=shift, space="disparity"))


def main(counts: list[int]) -> None:
    """Print one line per number of paintings."""
    # Processor seconds of one thread each: the ratio then holds on a busy machine too.
    torch.set_num_threads(1)
    print(f"SIlog fit, {HEIGHT}x{WIDTH} dense maps; CPU time, one thread (ours: median of 9 runs, L-BFGS: 1 run)")
    print("  N   pixels  L-BFGS s  evals  ours ms   ratio  loss L-BFGS    loss ours")
    for n in counts:
        paintings = make_paintings(n)
        begin = time.process_time()
        *theirs, evaluations = fit_with_lbfgs(paintings)
        lbfgs_s = time.process_time() - begin
        ours, seconds = fit_exactly(paintings), []
        for _ in range(9):
            begin = time.process_time()
            ours = fit_exactly(paintings)
            seconds.append(time.process_time() - begin)
        ours_s = float(np.median(seconds))
        print(
            f"{n:>3} {paintings.is_person.sum():>8} {lbfgs_s:>9.2f} {evaluations:>6} {ours_s * 1e3:>8.1f}"
            f" {lbfgs_s / ours_s:>6.0f}x {loss_of(paintings, *theirs):>12.8f} {loss_of(paintings, *ours):>12.8f}"
        )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [4, 16])
