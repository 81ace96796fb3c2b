"""The command that makes a result again."""

import shlex

from mfh.scale.known_sizes import KnownSizes
from mfh.types import MetricDepth


def command_of(result: MetricDepth) -> str:
    """Return the command line that measures the photo of a result again and writes this report."""
    photo = result.photo
    words = ["mfh", "predict", photo.path or photo.name, "--preset", result.preset, "--seed", str(result.seed)]
    if photo.focal.source in ("explicit", "intrinsics-file"):
        words += ["--focal-px", f"{photo.camera.fx:.6g}"]
    if result.basis is not None:
        words += _known_flags(result.basis.known)
    return shlex.join([*words, "--save-evidence", "--report"])


def _known_flags(known: KnownSizes) -> list[str]:
    """Return known sizes as flags."""
    words = [f"--person-height={'' if one.person is None else f'{one.person}='}{one.metres:g}" for one in known.heights]
    words += [f"--known-distance={one.x:g},{one.y:g}={one.metres:g}m" for one in known.distances]
    for flag, several in (("--known-length", known.lengths), ("--known-size", known.objects)):
        words += [
            f"{flag}={one.start_xy[0]:g},{one.start_xy[1]:g}:{one.end_xy[0]:g},{one.end_xy[1]:g}={one.metres:g}m"
            for one in several
        ]
    return words
