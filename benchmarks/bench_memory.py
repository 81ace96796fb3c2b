"""Peak memory of whole runs: one photo of 0.3, 12, 25 and 100 megapixels, with people and painted; two photos and many.

Run: python benchmarks/bench_memory.py [how many]; 20 without. A photo of 100 megapixels stays below 2 GB, and many
photos of 12 megapixels take at most a tenth more than two. The photo is the packaged example, enlarged.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

import mfh

EXAMPLE = Path(mfh.__file__).parent / "examples" / "room"
SIZES = {"0.3": (640, 480), "12": (4000, 3000), "25": (5773, 4330), "100": (11_547, 8_660)}
"""Models take 25 megapixels as they are; of larger photos they see means over blocks."""
LIMIT_GB, MANY_OVER_TWO = 2.0, 1.1


def peak_of(*words: object) -> tuple[float, float]:
    """Return peak gigabytes and wall seconds of a whole process.

    Args:
        words: after ``mfh``.
    """
    begin = time.perf_counter()
    command = [sys.executable, "-m", "mfh.cli.main", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    # Linux counts kilobytes, macOS bytes.
    return usage.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6), time.perf_counter() - begin


def main() -> None:
    """Measure every run in a process of its own, and print memory and seconds."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = {}
        with Image.open(next(EXAMPLE.glob("rgb.*"))) as example:
            for megapixels, size in SIZES.items():
                photos[megapixels] = folder / f"{megapixels}.jpg"
                example.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(photos[megapixels])
        out, focal = folder / "out", ("--fov-x-deg", 60)

        def say(what: str, *words: object) -> float:
            peak_gb, seconds = peak_of(*words)
            print(f"{what:<44}{peak_gb:6.2f} GB {seconds:7.1f} s", flush=True)
            return peak_gb

        largest = 0.0
        peaks: dict[tuple[str, str], float] = {}
        for megapixels, photo in photos.items():
            for people in ("auto", "paint"):
                words = ("predict", photo, "--out", out / people, "--people", people, *focal)
                peaks[people, megapixels] = say(f"{megapixels} MP, --people {people}", *words)
                largest = max(largest, peaks[people, megapixels])
                kept = say(f"{megapixels} MP, --people {people} --save-evidence", *words, "--save-evidence")
                largest = max(largest, kept)
        for people in ("auto", "paint"):
            for small, large in itertools.pairwise(SIZES):
                grown = 1000 * (peaks[people, large] - peaks[people, small]) / (float(large) - float(small))
                print(f"{small} to {large} MP, --people {people}: {grown:.0f} MB a megapixel")
        evidence = out / "auto" / "100" / "evidence.npz"
        largest = max(largest, say("100 MP, refit", "refit", evidence, "--out", folder / "refit"))
        twins = [folder / f"twin{number}.jpg" for number in range(many)]
        for twin in twins:
            twin.hardlink_to(photos["12"])
        two = say("12 MP, 2 photos", "predict", *twins[:2], "--out", out, *focal)
        all_of_them = say(f"12 MP, {many} photos", "predict", *twins, "--out", out, *focal)
    print(f"one photo: at most {largest:.2f} GB (limit {LIMIT_GB} GB)")
    print(f"{many} photos over two: {all_of_them / two:.2f} (limit {MANY_OVER_TWO})")


if __name__ == "__main__":
    main()
