"""Whole ``predict`` on one photo, warm, with its peak memory: under 3 s and 1.2 GB at 640x480 with three people.

Run: python benchmarks/bench_predict.py [photo] [intrinsics.json]; without arguments, the packaged example.
"""

import resource
import statistics
import sys
import tempfile
from pathlib import Path

import mfh
from mfh.cli.measure import Given, Meter
from mfh.cli.progress import ProgressLine
from mfh.config import preset
from mfh.io.focal import FocalRequest
from mfh.io.intrinsics import read_intrinsics
from mfh.io.results import Place

EXAMPLE = Path(mfh.__file__).parent / "examples" / "room"
REPEATS = 5


def main() -> None:
    """Measure the photo once cold and five times warm, files included, and print seconds, stages and memory."""
    photo = Path(sys.argv[1]) if len(sys.argv) > 1 else next(EXAMPLE.glob("rgb.*"))
    intrinsics = Path(sys.argv[2]) if len(sys.argv) > 2 else (EXAMPLE / "camera.json" if len(sys.argv) == 1 else None)
    focal = FocalRequest(intrinsics=read_intrinsics(intrinsics)) if intrinsics else None
    with tempfile.TemporaryDirectory() as folder:
        meter = Meter(preset("pocket"), given=Given(focal=focal))
        place = Place(Path(folder), photo)
        cold = meter.measure(place, ProgressLine())
        warm = [meter.measure(place, ProgressLine()) for _ in range(REPEATS)]
    result = warm[-1].result
    # Linux counts kilobytes, macOS bytes.
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    camera = result.photo.camera
    print(f"{photo} ({camera.width}x{camera.height}), {result.people_used} people used of {len(result.landmarks)}")
    warm_s = statistics.median(one.seconds for one in warm)
    print(f"cold {cold.seconds:.2f} s, warm {warm_s:.2f} s (median of {REPEATS}, limit 3 s)")
    print(f"peak memory {peak_gb:.2f} GB (limit 1.2 GB)")
    for stage, stage_seconds in result.seconds.items():
        print(f"  {stage:<24}{stage_seconds:8.3f} s")


if __name__ == "__main__":
    main()
