"""One distance that was measured with a laser fixes the scale; the receipt compares it with what people imply.

The example photo is rendered: its far wall is 10.03 m away along the line of sight through pixel (143, 254), which is
9.52 m along the optical axis. Depth is measured along the optical axis, a laser measures along the line of sight. The
pixels below are of this photo, the room of ``mfh demo``, and it is the default.
"""

import argparse
import sys
from pathlib import Path

import mfh
from mfh import KnownDistance, KnownSizes, MetricFromHuman, MfhError, Region, Request, Segment

ROOM = Path(mfh.__file__).parent / "examples" / "room" / "rgb.png"

WALL = KnownDistance(143.0, 254.0, metres=10.03)
AROUND_WALL = Region(133, 244, 153, 264)
DOOR = Segment((20.0, 120.0), (20.0, 322.0))


def main(photo: Path, out: Path) -> None:
    """Measure the wall's distance and the door's height from people alone, then with the wall's distance given."""
    pipeline = MetricFromHuman.from_preset("pocket")
    for name, known in (("people", KnownSizes()), ("known distance", KnownSizes(distances=(WALL,)))):
        result = pipeline(photo, Request(known=known, region=AROUND_WALL, lengths=(DOOR,)))
        assert result.region is not None
        low, high = result.region.interval.level_80
        door = result.lengths[0]
        print(name)
        print(f"  wall  {result.region.depth_m:.2f} m ({low * result.region.depth_m:.2f} to", end=" ")
        print(f"{high * result.region.depth_m:.2f} m with 80 % probability)")
        print(f"  door  {door.metres:.2f} m high ({door.level_80[0]:.2f} to {door.level_80[1]:.2f} m)")
        for size in result.known_sizes:
            print(f"  {size.name}: {size.by_people:.2f} times as far by people alone")
        result.save(out / name.replace(" ", "-"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path, nargs="?", default=ROOM, help="default: the packaged room")
    parser.add_argument("--out", type=Path, default=Path("out/example-03"))
    arguments = parser.parse_args()
    try:
        main(arguments.photo, arguments.out)
    except MfhError as error:
        sys.exit(str(error))
