"""Keep what the models measured in a file, and fit the scale again from it: no model runs the second time."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from mfh import FocalRequest, MetricFromHuman, MfhError, load_evidence, refit, save_evidence


def main(photo: Path, out: Path) -> None:
    """Write evidence.npz, then ask it for another focal length, the paper's head, and one person fewer."""
    out.mkdir(parents=True, exist_ok=True)
    save_evidence(out / "evidence.npz", MetricFromHuman.from_preset("pocket").gather(photo))

    gathered = load_evidence(out / "evidence.npz")
    answers: dict[str, dict[str, Any]] = {
        "as it was": {},
        "focal length 26 mm": {"focal": FocalRequest(focal_35mm=26.0)},
        "the paper's head": {"head": "silog"},
        "without person 0": {"exclude": [0]},
    }
    for name, changes in answers.items():
        begin = time.perf_counter()
        result = refit(gathered, **changes)
        seconds = time.perf_counter() - begin
        print(f"{name:<20} {result.depth_range_m[1]:.2f} m median, {result.people_used} people, {seconds:.2f} s")
        result.save(out / name.replace(" ", "-").replace("'", ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/example-05"))
    arguments = parser.parse_args()
    try:
        main(arguments.photo, arguments.out)
    except MfhError as error:
        sys.exit(str(error))
