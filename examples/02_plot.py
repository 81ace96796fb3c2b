"""Two figures: the photo beside its depth, and the standard deviation of log depth at every pixel.

In a notebook, a result that is the last line of a cell shows itself; this needs the extra ``plot`` (matplotlib).
"""

import argparse
import sys
from pathlib import Path

from mfh import MetricFromHuman, MfhError


def main(photo: Path, out: Path) -> None:
    """Measure a photo and write depth.png and uncertainty.png."""
    out.mkdir(parents=True, exist_ok=True)
    result = MetricFromHuman.from_preset("pocket")(photo)
    result.plot().savefig(out / "depth.png", dpi=120)

    # After plot(), which names the command that installs matplotlib where it is missing.
    from matplotlib.figure import Figure

    # 0.1 is about 10 % of the distance. It is least near the people whose distances were measured.
    assert result.log_sigma is not None
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(result.log_sigma, cmap="viridis", vmin=0)
    figure.colorbar(shown, ax=axes, label="standard deviation of log depth")
    axes.axis("off")
    figure.savefig(out / "uncertainty.png", dpi=120)
    print(result)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/example-02"))
    arguments = parser.parse_args()
    try:
        main(arguments.photo, arguments.out)
    except MfhError as error:
        sys.exit(str(error))
