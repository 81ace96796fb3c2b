"""Flame graphs of one photo, as SVG files: how wide a function is drawn is how long it ran, called by the one below it.

Run: python benchmarks/flame_graphs.py [--out docs/images] [--seconds 6]

Stacks are sampled each millisecond of processor time by a signal, and weighted with the time since the one before,
because a signal waits for a call into a library to end. Networks are blue. The photo is measured several times, warm.

Reference: Gregg, "The Flame Graph", Communications of the ACM 59(6), 2016.
"""

import argparse
import html
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from types import FrameType
from typing import Any

from bench_stages import CASES, REPOSITORY, resized

EVERY_S = 0.001
LEAST_SHARE = 0.004
"""Functions that ran for less are left out."""
WIDTH, ROW, MARGIN = 960, 17, 8
LETTER_PX = 6.1
NETWORK_INK, OWN_INKS, OTHER_INK = "#7aa6d8", ("#f2b66d", "#f0a05a", "#f5c888"), "#d9d4c7"
PICTURES = {
    "people": ("two people", "0.3"),
    "painted": ("eight painted", "0.3"),
    "people-12mp": ("two people", "12"),
    "painted-12mp": ("eight painted", "12"),
}
"""Name of a picture -> its case and size in megapixels."""

ROOT = "mfh/cli/measure:Meter.measure"
NETWORKS = (
    "onnxruntime/capi/onnxruntime_inference_collection:Session.run",
    "ai_edge_litert/interpreter:Interpreter.invoke",
)

Stack = tuple[str, ...]


def main() -> None:
    """Sample each case in a process of its own, and write its picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "images")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--only", choices=PICTURES)
    given = parser.parse_args()
    if given.only is None:
        environment = {**os.environ, "MFH_THREADS": "1", "OMP_NUM_THREADS": "1"}
        for name in PICTURES:
            words = ("--only", name, "--out", str(given.out), "--seconds", str(given.seconds))
            subprocess.run([sys.executable, __file__, *words], check=True, env=environment)
        return
    case, size = PICTURES[given.only]
    with tempfile.TemporaryDirectory() as folder:
        stacks, photos = sampled(resized(CASES[case].photo, size, Path(folder)), CASES[case].people, given.seconds)
    total = sum(stacks.values()) / photos
    title = f"{case}, {size} megapixels: {total:.2f} s of one core a photo, mean of {photos}"
    path = given.out / f"flame-{given.only}.svg"
    path.write_text(flame_graph(stacks, title), encoding="utf-8")
    print(f"{path}: {title}, {path.stat().st_size / 1000:.0f} kB")


def sampled(photo: Path, people: str, seconds: float) -> tuple[dict[Stack, float], int]:
    """Measure a photo again and again, and return the processor seconds of each stack, outermost first.

    Args:
        photo: the picture file.
        people: how people are looked for.
        seconds: of processor time, at least.

    Returns:
        The stacks, and how many times the photo was measured.
    """
    import cv2

    from mfh.cli.measure import Given, Meter
    from mfh.cli.progress import ProgressLine
    from mfh.config import changed, preset
    from mfh.io.focal import FocalRequest
    from mfh.io.results import Place
    from mfh.viz import save

    cv2.setNumThreads(1)
    # A signal comes to one thread alone: the picture is drawn in it, too.
    save.ThreadPoolExecutor = Inline
    meter = Meter(changed(preset("pocket"), people=people), given=Given(focal=FocalRequest(fov_x_deg=60.0)))
    stacks: defaultdict[Stack, float] = defaultdict(float)
    last = 0.0

    def sample(_: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.process_time()
        stacks[stack_of(frame)] += now - last
        last = now

    with tempfile.TemporaryDirectory() as folder:
        meter.measure(Place(Path(folder) / "first", photo), ProgressLine())
        signal.signal(signal.SIGPROF, sample)
        begin = last = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
        photos = 0
        while time.process_time() - begin < seconds:
            meter.measure(Place(Path(folder) / str(photos), photo), ProgressLine())
            photos += 1
        signal.setitimer(signal.ITIMER_PROF, 0)
    return stacks, photos


class Inline(Executor):
    """Calls what is submitted at once."""

    def __init__(self, _: int) -> None:
        """Take the number of threads that a pool would have."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function, and return its result."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def stack_of(frame: FrameType | None) -> Stack:
    """Return the functions of a stack from ``measure`` on, outermost first; comprehensions are left out."""
    names: list[str] = []
    while frame is not None:
        code = frame.f_code
        name = code.co_name if code.co_name.startswith("<") else code.co_qualname.replace(".<locals>", "")
        names.append(f"{module_of(code.co_filename)}:{name}")
        frame = frame.f_back
    names.reverse()
    begin = names.index(ROOT) if ROOT in names else len(names)
    # A signal may come while the one before is handled.
    end = next((place for place, name in enumerate(names) if name.endswith("sampled.sample")), len(names))
    return tuple(name for name in names[begin:end] if not name.endswith(">") or name.endswith("<lambda>"))


def module_of(file: str) -> str:
    """Return what comes after the folder of packages in a file's path, without the suffix."""
    for folder in ("site-packages/", "/src/", "/lib/"):
        if folder in file:
            return file.rpartition(folder)[2].removesuffix(".py")
    return Path(file).stem


def flame_graph(stacks: dict[Stack, float], title: str) -> str:
    """Return an SVG of stacks, the outermost function at the bottom.

    Args:
        stacks: outermost first, with their seconds.
        title: above it.
    """
    total = sum(stacks.values())
    boxes: list[tuple[int, float, float, str]] = []

    def lay(level: int, left: float, some: dict[Stack, float]) -> None:
        by_first: dict[str, dict[Stack, float]] = {}
        for stack, seconds in some.items():
            if stack:
                by_first.setdefault(stack[0], defaultdict(float))[stack[1:]] += seconds
        for name, inner in sorted(by_first.items()):
            seconds = sum(inner.values())
            if seconds >= LEAST_SHARE * total:
                boxes.append((level, left, seconds, name))
                lay(level + 1, left, inner)
            left += seconds

    lay(0, 0.0, stacks)
    height = MARGIN + ROW * (max((level for level, *_ in boxes), default=0) + 3)
    scale = (WIDTH - 2 * MARGIN) / total
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        'font-family="system-ui, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fafaf8"/>',
        f'<text x="{MARGIN}" y="{ROW}" font-size="12" fill="#202124">{html.escape(title)}</text>',
    ]
    for level, left, seconds, name in boxes:
        x, y, width = MARGIN + left * scale, height - MARGIN - ROW * (level + 1), max(seconds * scale - 0.5, 0.5)
        text = html.escape(f"{name}: {seconds / total:.1%}")
        lines.append(f'<g><title>{text}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" ')
        lines[-1] += f'fill="{ink_of(name, level)}" rx="1"/>'
        short = name.rpartition(":")[2]
        room = int((width - 6) / LETTER_PX)
        if room >= 4:
            shown = short if len(short) <= room else short[: room - 1] + "…"
            lines[-1] += f'<text x="{x + 3:.1f}" y="{y + 12}" fill="#202124">{html.escape(shown)}</text>'
        lines[-1] += "</g>"
    return "\n".join([*lines, "</svg>"]) + "\n"


def ink_of(name: str, level: int) -> str:
    """Return the colour of a function: of a network, of this package, or of another library."""
    if name in NETWORKS:
        return NETWORK_INK
    return OWN_INKS[level % len(OWN_INKS)] if name.startswith("mfh/") else OTHER_INK


if __name__ == "__main__":
    main()
