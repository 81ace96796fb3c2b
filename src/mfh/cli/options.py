"""The options of a measurement: from the command line to a configuration, each refusal naming its flag."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.config import PRESETS, Config, EvidenceMode, HeadKind, MaskShape, PaintingConfig, PeopleMode, preset
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh.models.registry import Role

_DURATION = re.compile(r"(?:(?P<minutes>\d+(?:\.\d*)?)m(?:in)?)?(?:(?P<seconds>\d+(?:\.\d*)?)s?)?")


ANYTIME_PAINTINGS = 32
NO_MODEL = "none"
"""Instead of a model's name, where a configuration can run without."""


@dataclass(frozen=True)
class ModelOptions:
    """Another model for one role."""

    painter: Annotated[
        str | None, typer.Option(help="The painter: a name, hf:org/name or a folder.", show_default=False)
    ] = None
    relative_depth_model: Annotated[
        str | None,
        typer.Option(help="The relative-depth model: a name, hf:org/name or a folder.", show_default=False),
    ] = None
    person_segmenter: Annotated[
        str | None, typer.Option(help="The model that finds people, by name.", show_default=False)
    ] = None
    human_mesh: Annotated[
        str | None,
        typer.Option(
            help="The model that measures people: blazepose, hmr2, hmar, token-hmr, multi-hmr2 or sam-3d-body.",
            show_default=False,
        ),
    ] = None
    object_detector: Annotated[
        str | None,
        typer.Option(help="The model that finds objects of known size: nanodet, or none.", show_default=False),
    ] = None
    scale_prior: Annotated[
        str | None,
        typer.Option(help="The model that predicts the size of the view: scene, or none.", show_default=False),
    ] = None
    fov_from: Annotated[
        str | None,
        typer.Option(
            help="Model that estimates the field of view where neither you nor EXIF states it: depth-pro, or moge.",
            show_default=False,
        ),
    ] = None
    commercial_ok: Annotated[
        bool,
        typer.Option(
            "--commercial-ok", help="Only models that may be used commercially; prints what replaces the others."
        ),
    ] = False

    def apply(self, config: Config) -> Config:
        """Return a configuration with these models.

        Raises:
            InputError: for a name that no model has.
        """
        optional: dict[Role, str | None] = {"object_detector": self.object_detector, "scale_prior": self.scale_prior}
        without = [role for role, name in optional.items() if name == NO_MODEL]
        config = replace(config, **{role: None for role in without})
        return choose_models(
            config,
            {
                **{role: name for role, name in optional.items() if role not in without},
                "painter": self.painter,
                "relative_depth": self.relative_depth_model,
                "person_segmenter": self.person_segmenter,
                "human_mesh": self.human_mesh,
                "field_of_view": self.fov_from,
            },
        )


@dataclass(frozen=True)
class MethodOptions:
    """The preset, and what differs from it: whose bodies give the scale, how many are painted, how it is fitted."""

    preset: Annotated[str, typer.Option(help=f"Which models: {', '.join(sorted(PRESETS))}.")] = "pocket"
    people: Annotated[
        PeopleMode | None,
        typer.Option(
            help="auto: people in the photo first, then paint; only: never paint; paint: only paint. Default: the "
            "preset's.",
            show_default=False,
        ),
    ] = None
    prompt: Annotated[
        list[str] | None,
        typer.Option(help="What to paint, such as 'a man'; repeatable, then sampled at random.", show_default=False),
    ] = None
    paintings: Annotated[int | None, typer.Option(help="Paintings with usable people to collect.")] = None
    attempts: Annotated[int | None, typer.Option(help="Paintings to try at most.")] = None
    mask_shape: Annotated[
        MaskShape | None,
        typer.Option(
            help="Where to paint: full-height strips, as published, or person-shaped boxes on the ground. Default: the "
            "preset's.",
            show_default=False,
        ),
    ] = None
    alpha: Annotated[
        float | None,
        typer.Option(
            help="Least width of a strip, over the photo's shorter side (App. B). Default: 0.2.", show_default=False
        ),
    ] = None
    beta: Annotated[
        float | None,
        typer.Option(help="Largest width of a strip, likewise (App. B). Default: 0.8.", show_default=False),
    ] = None
    guidance_scale: Annotated[
        float | None,
        typer.Option(
            help="Classifier-free guidance of a painter by diffusion. Default: the painter's, 20 for sd2 as published.",
            show_default=False,
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(
            help="Denoising steps of a painter by diffusion. Default: the painter's, 50 for sd2 as published.",
            show_default=False,
        ),
    ] = None
    budget: Annotated[str | None, typer.Option(help="Time for painting, such as 30s or 2m.")] = None
    until_interval: Annotated[
        float | None,
        typer.Option(
            help="Paint until the 80 % interval of depth, near, middle and far, is at most this wide to either side, "
            "as 0.1 for ±10 % (or cannot get narrower); 32 paintings at most unless --paintings says otherwise.",
            show_default=False,
        ),
    ] = None
    evidence: Annotated[
        EvidenceMode | None,
        typer.Option(
            help="Where metric depth is paired with relative depth: on people's bodies, where their feet touch the "
            "ground, or either; for people in the photo and painted ones. Default: the preset's for each.",
            show_default=False,
        ),
    ] = None
    head: Annotated[
        HeadKind | None,
        typer.Option(
            help="How scale and shift are fitted: a robust consensus over people, or the paper's pooled SIlog. "
            "Default: the preset's.",
            show_default=False,
        ),
    ] = None
    seed: Annotated[int, typer.Option(help="Seed of the paintings.")] = 0

    def config(self) -> Config:
        """Return the preset with the user's changes.

        Raises:
            InputError: for an unknown preset, or a number that cannot work.
        """
        config = preset(self.preset)
        for flag, count in (("--paintings", self.paintings), ("--attempts", self.attempts)):
            if count is not None and count < 1:
                raise InputError(f"{flag} is {count}: expected at least 1 (--people only does without paintings)")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}: expected 0 or more")
        if self.until_interval is not None and not 0 < self.until_interval < 1:
            raise InputError(
                f"--until-interval is {self.until_interval:g}: expected a half-width between 0 and 1, as 0.05 for ±5 %"
            )
        if self.evidence is not None:
            config = replace(config, photo_evidence=self.evidence, painting_evidence=self.evidence)
        if self.head is not None:
            config = replace(config, head=replace(config.head, kind=self.head))
        painting = self._painting(config.painting)
        return replace(config, people=self.people or config.people, painting=painting, seed=self.seed)

    def _painting(self, painting: PaintingConfig) -> PaintingConfig:
        """Return the painting loop with the user's limits."""
        if self.until_interval is not None:
            # As many as the paper's N = 32, should it take them.
            most = max(painting.max_paintings, ANYTIME_PAINTINGS)
            painting = replace(
                painting,
                until_interval=self.until_interval,
                max_paintings=most,
                max_attempts=max(painting.max_attempts, 2 * most),
            )
        if self.paintings is not None:
            # Asking for many paintings must not run into the preset's limit of attempts.
            attempts = max(painting.max_attempts, 2 * self.paintings)
            painting = replace(painting, max_paintings=self.paintings, max_attempts=attempts)
        if self.attempts is not None:
            painting = replace(painting, max_attempts=self.attempts)
        if self.budget is not None:
            painting = replace(painting, budget_s=parse_seconds(self.budget))
        painting = replace(painting, prompts=tuple(self.prompt)) if self.prompt else painting
        return self._masks_and_steps(painting)

    def _masks_and_steps(self, painting: PaintingConfig) -> PaintingConfig:
        """Return the painting loop with the user's masks (App. B), guidance and steps."""
        painting = replace(painting, mask_shape=self.mask_shape or painting.mask_shape)
        low = painting.min_width if self.alpha is None else self.alpha
        high = painting.max_width if self.beta is None else self.beta
        for flag, value in (("--alpha", self.alpha), ("--beta", self.beta)):
            if value is not None and painting.mask_shape != "strip":
                raise InputError(f"{flag} is about strips, and masks are person-shaped boxes: add --mask-shape strip")
            if value is not None and not 0 < low <= high <= 1:
                raise InputError(f"{flag} is {value:g}: expected 0 < alpha ({low:g}) <= beta ({high:g}) <= 1")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"--steps is {self.steps}: expected at least 1")
        if self.guidance_scale is not None and not 0 <= self.guidance_scale < math.inf:
            raise InputError(f"--guidance-scale is {self.guidance_scale:g}: expected 0 or more (7.5 is usual)")
        return replace(painting, min_width=low, max_width=high, guidance_scale=self.guidance_scale, steps=self.steps)


def choose_models(config: Config, names: Mapping["Role", str | None]) -> Config:
    """Return a configuration with other models where the user named them.

    Args:
        config: what the preset says.
        names: role -> name, "hf:org/name" or folder; None keeps what the preset says.

    Raises:
        InputError: for an unknown name.
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
