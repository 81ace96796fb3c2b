"""From words on the command line to typed options, each refusal naming the flag it is about."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.config import Config, EvidenceMode, PeopleMode, preset
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh.io.focal import FocalRequest
    from mfh.models.registry import Role

_DURATION = re.compile(r"(?:(?P<minutes>\d+(?:\.\d*)?)m(?:in)?)?(?:(?P<seconds>\d+(?:\.\d*)?)s?)?")


@dataclass(frozen=True)
class PaintingLimits:
    """What to paint and when to stop; None, or no prompts, keeps what the preset says."""

    paintings: int | None = None
    attempts: int | None = None
    budget_s: float | None = None
    prompts: tuple[str, ...] = ()


def configure(
    name: str,
    *,
    people: PeopleMode | None,
    limits: PaintingLimits,
    seed: int,
    evidence: EvidenceMode | None = None,
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
    painting = config.painting
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
        intrinsics: JSON file with fx, fy, cx, cy.

    Raises:
        InputError: for more than one of them, or one that cannot be used.
    """
    from mfh.io.focal import FocalRequest, read_intrinsics

    return FocalRequest(
        focal_px=focal_px,
        fov_x_deg=fov_x_deg,
        focal_35mm=focal_35mm,
        intrinsics=read_intrinsics(intrinsics) if intrinsics is not None else None,
    )
