"""The command that makes a result again."""

import shlex
from collections.abc import Sequence

from mfh.scale.known_sizes import KnownSizes
from mfh.types import MetricDepth


def command_of(result: MetricDepth) -> str:
    """Return a command line that measures a photo again and writes its report, by what its result says."""
    photo = result.photo
    words = ["mfh", "predict", photo.path or photo.name, "--preset", result.preset, "--seed", str(result.seed)]
    if photo.focal.source in ("explicit", "intrinsics-file"):
        words += ["--focal-px", f"{photo.camera.fx:.6g}"]
    if result.basis is not None:
        words += _known_flags(result.basis.known)
    return shlex.join([*words, "--save-evidence", "--report"])


def with_report(commands: Sequence[str]) -> str:
    """Return the command as it was typed, and that it writes this report; "" where there is none."""
    return f"{commands[-1]} --report" if commands else ""


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
