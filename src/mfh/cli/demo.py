"""``mfh demo``: measure the packaged example, whose truth is known, and say how wrong its depth is."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.command_line import commands_for
from mfh.cli.measure import Given, Measured, Meter
from mfh.cli.progress import progress_line
from mfh.config import preset as preset_named
from mfh.errors import InputError

if TYPE_CHECKING:
    import numpy as np

_PLACE_RADIUS_PX = 3


@dataclass(frozen=True)
class Place:
    """A named pixel of the example."""

    name: str
    x: int
    y: int


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results; the example gets OUT/demo/.")
    ] = Path("out"),
    preset: Annotated[str, typer.Option(help="Which models.")] = "pocket",
) -> int:
    """Measure an example rendered with known depth and compare."""
    from mfh.io.atomic import check_writable
    from mfh.io.focal import FocalRequest
    from mfh.io.intrinsics import read_intrinsics
    from mfh.io.results import Place

    check_writable(out)
    photo, camera, truth_m, places = read_example(Path(__file__).parent.parent / "examples" / "room")
    given = Given(focal=FocalRequest(intrinsics=read_intrinsics(camera)))
    # These two know photos: in a render the detector takes blocks for bottles.
    config = replace(preset_named(preset), object_detector=None, scale_prior=None)
    meter = Meter(config, given=given)
    with progress_line(prefix="demo: ") as progress:
        measured = meter.measure(Place(out, photo, name="demo"), progress, commands=commands_for(photo))
    print(comparison(measured, truth_m, places))
    return 0


def read_example(folder: Path) -> "tuple[Path, Path, np.ndarray, list[Place]]":
    """Return the example's picture, its camera file, its true depth in metres, and pixels worth naming.

    Args:
        folder: with rgb.jpg or rgb.png, camera.json (fx, fy, cx, cy, places) and depth.npz (depth_m).

    Raises:
        InputError: when the installation lacks the example.
    """
    import numpy as np

    photo = next((path for path in (folder / "rgb.jpg", folder / "rgb.png") if path.exists()), None)
    camera, truth = folder / "camera.json", folder / "depth.npz"
    if photo is None or not camera.exists() or not truth.exists():
        raise InputError(f"the example is missing from {folder}: install metric-from-human again")
    with np.load(truth, allow_pickle=False) as arrays:
        truth_m = arrays["depth_m"].astype(np.float64)
    places = [
        Place(name=place["name"], x=int(place["x"]), y=int(place["y"]))
        for place in json.loads(camera.read_text(encoding="utf-8")).get("places", [])
    ]
    return photo, camera, truth_m, places


def comparison(measured: Measured, truth_m: "np.ndarray", places: list[Place]) -> str:
    """Return measured against true depth at named places, the mean error, the time and the picture.

    Args:
        measured: the example, measured.
        truth_m: (h, w) true z in metres; not finite where there is none.
        places: pixels worth naming.
    """
    import numpy as np

    from mfh.types import used_landmarks
    from mfh.types.summary import describe_interval

    result = measured.result
    rows = []
    for place in places:
        window = np.s_[
            max(place.y - _PLACE_RADIUS_PX, 0) : place.y + _PLACE_RADIUS_PX + 1,
            max(place.x - _PLACE_RADIUS_PX, 0) : place.x + _PLACE_RADIUS_PX + 1,
        ]
        found_m, true_m = float(np.nanmedian(result.depth_m[window])), float(np.nanmedian(truth_m[window]))
        rows.append(f"  {place.name:<28} {found_m:8.2f} m {true_m:8.2f} m {100 * (found_m / true_m - 1):+7.0f} %")
    scored = result.valid_mask & np.isfinite(truth_m) & (truth_m > 0)
    errors = np.abs(result.depth_m[scored] - truth_m[scored]) / truth_m[scored]
    return "\n".join(
        [
            f"A rendered room of known depth, measured from its picture and {used_landmarks(result.landmarks)} in it:",
            "",
            f"  {'place':<28} {'measured':>10} {'truth':>10} {'error':>9}",
            *rows,
            "",
            f"  mean relative error (AbsRel) {errors.mean():.3f} over {scored.mean():.0%} of the pixels, "
            f"in {measured.seconds:.1f} s",
            *([f"  true depth: {describe_interval(result.interval)}"] if result.interval is not None else []),
            f"  picture: {measured.folder / 'preview.png'}",
            f"  receipt: {measured.folder / 'receipt.json'}",
        ]
    )
