"""From words on the command line to typed options, each refusal naming the flag it is about."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.config import Config, EvidenceMode, HeadKind, PeopleMode, preset
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh.io.focal import FocalRequest
    from mfh.io.relative import RelativeDepthMap
    from mfh.models.registry import Role
    from mfh.types import Space

_DURATION = re.compile(r"(?:(?P<minutes>\d+(?:\.\d*)?)m(?:in)?)?(?:(?P<seconds>\d+(?:\.\d*)?)s?)?")


ANYTIME_PAINTINGS = 32


@dataclass(frozen=True)
class PaintingLimits:
    """What to paint and when to stop; None, or no prompts, keeps what the preset says."""

    paintings: int | None = None
    attempts: int | None = None
    budget_s: float | None = None
    until_interval: float | None = None
    prompts: tuple[str, ...] = ()


def configure(
    name: str,
    *,
    people: PeopleMode | None,
    limits: PaintingLimits,
    seed: int,
    evidence: EvidenceMode | None = None,
    head: HeadKind | None = None,
    keep_paintings: bool = False,
) -> Config:
    """Return a preset with the user's changes.

    Args:
        name: of the preset.
        people: whose bodies may give the scale; None keeps what the preset says.
        limits: what to paint and when to stop.
        seed: of the paintings.
        evidence: where metres meet relative depth, for people in the photo and painted ones alike; None keeps what the
            preset says of each.
        head: which fit; None keeps what the preset says.
        keep_paintings: whether the paintings are wanted too.

    Raises:
        InputError: for an unknown preset, or a number that cannot work.
    """
    config = preset(name)
    for flag, count in (("--paintings", limits.paintings), ("--attempts", limits.attempts)):
        if count is not None and count < 1:
            raise InputError(f"{flag} is {count}: expected at least 1 (--people only does without paintings)")
    if seed < 0:
        raise InputError(f"--seed is {seed}: expected 0 or more")
    if limits.until_interval is not None and not 0 < limits.until_interval < 1:
        raise InputError(
            f"--until-interval is {limits.until_interval:g}: expected a half-width between 0 and 1, as 0.05 for ±5 %"
        )
    painting = config.painting
    if limits.until_interval is not None:
        # As many as the paper's N = 32, should it take them.
        most = max(painting.max_paintings, ANYTIME_PAINTINGS)
        painting = replace(
            painting,
            until_interval=limits.until_interval,
            max_paintings=most,
            max_attempts=max(painting.max_attempts, 2 * most),
        )
    if limits.paintings is not None:
        # Asking for many paintings must not run into the preset's limit of attempts.
        attempts = max(painting.max_attempts, 2 * limits.paintings)
        painting = replace(painting, max_paintings=limits.paintings, max_attempts=attempts)
    if limits.attempts is not None:
        painting = replace(painting, max_attempts=limits.attempts)
    if limits.budget_s is not None:
        painting = replace(painting, budget_s=limits.budget_s)
    if limits.prompts:
        painting = replace(painting, prompts=limits.prompts)
    if evidence is not None:
        config = replace(config, photo_evidence=evidence, painting_evidence=evidence)
    if head is not None:
        config = replace(config, head=replace(config.head, kind=head))
    people = people or config.people
    return replace(config, people=people, painting=painting, seed=seed, keep_paintings=keep_paintings)


def choose_models(config: Config, names: Mapping["Role", str | None]) -> Config:
    """Return a configuration with other models where the user named them.

    Args:
        config: what the preset says.
        names: role -> name, "hf:org/name" or folder; None keeps what the preset says.

    Raises:
        InputError: for a name nobody has.
    """
    from mfh.models.registry import CONFIG_FIELDS, find_model

    chosen: dict[Role, str] = {role: name for role, name in names.items() if name is not None}
    for role, name in chosen.items():
        find_model(role, name)
    return replace(config, **{CONFIG_FIELDS[role]: name for role, name in chosen.items()})


def parse_seconds(text: str) -> float:
    """Return the seconds of "30", "30s", "1.5m" or "1m30s".

    Args:
        text: a duration.

    Raises:
        InputError: for anything else, or nothing, or zero.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match and (match["minutes"] or match["seconds"]):
        seconds = 60 * float(match["minutes"] or 0) + float(match["seconds"] or 0)
        if seconds > 0:
            return seconds
    raise InputError(f"--budget is {text!r}: expected a positive time such as 30s, 2m or 1m30s")


def parse_megapixels(megapixels: float) -> int:
    """Return a limit in pixels.

    Args:
        megapixels: millions of pixels.

    Raises:
        InputError: for a number that is not finite and positive.
    """
    if not (math.isfinite(megapixels) and megapixels > 0):
        raise InputError(f"--max-megapixels is {megapixels:g}: expected a finite, positive number")
    return max(1, int(megapixels * 1e6))


def request_focal(
    *, focal_px: float | None, fov_x_deg: float | None, focal_35mm: float | None, intrinsics: Path | None
) -> "FocalRequest":
    """Return the focal length the user gave, if any.

    Args:
        focal_px: pixels.
        fov_x_deg: horizontal field of view, degrees.
        focal_35mm: 35 mm equivalent, millimetres.
        intrinsics: file with fx, fy, cx, cy, in any layout that :func:`mfh.io.intrinsics.read_intrinsics` knows.

    Raises:
        InputError: for more than one of them, or one that cannot be used.
    """
    from mfh.io.focal import FocalRequest
    from mfh.io.intrinsics import read_intrinsics

    return FocalRequest(
        focal_px=focal_px,
        fov_x_deg=fov_x_deg,
        focal_35mm=focal_35mm,
        intrinsics=read_intrinsics(intrinsics) if intrinsics is not None else None,
    )


def check_one_photo(photos: Sequence[Path], *, heights: Sequence[str] | None, places: Sequence[str]) -> None:
    """Refuse what is known about one photo for several of them.

    Args:
        photos: picture files.
        heights: words of --person-height; a height of everybody may be given for several photos.
        places: words of --known-distance, --known-length, --region and --measure.

    Raises:
        InputError: for a pixel or a person's number, and more than one photo.
    """
    about_one = [*(word for word in heights or () if "=" in word), *places]
    if about_one and len(photos) > 1:
        raise InputError(f"{about_one[0]!r} is about one photo, and {len(photos)} are given: measure that one alone")


def request_relative_depth(
    path: Path | None, space: "Space | None", *, photos: Sequence[Path], model: str | None = None
) -> "RelativeDepthMap | None":
    """Return the relative depth the user brought, if any.

    Args:
        path: file of numbers.
        space: what its values are.
        photos: picture files; a map is for one.
        model: relative-depth model that was asked for.

    Raises:
        InputError: for a file that cannot be used, a missing or idle space, a model besides, or more than one photo.
    """
    if path is None:
        if space is not None:
            raise InputError(f"--space {space} is about a map given with --relative-depth, and none is given")
        return None
    if model is not None:
        raise InputError(f"--relative-depth and --relative-depth-model {model} are both given: drop one of them")
    if space is None:
        raise InputError(
            "--relative-depth needs --space disparity (larger is nearer, as of Depth Anything) or --space depth "
            "(larger is farther, as of Marigold)"
        )
    if len(photos) > 1:
        raise InputError(f"--relative-depth is for one photo, and {len(photos)} are given: measure that one alone")
    from mfh.io.relative import read_relative_depth

    return read_relative_depth(path, space=space)
