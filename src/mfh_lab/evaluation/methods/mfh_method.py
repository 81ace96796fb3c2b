"""This project's method, with any preset and changes to it."""

from copy import copy
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config
from mfh.errors import InputError
from mfh.models.needs import needs_of
from mfh.models.registry import find_model, names_of
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.settings import settings_of
from mfh.types import MetricDepth, Photo
from mfh.weights.catalog import catalog_model
from mfh_lab.evaluation.methods.known import Commercial
from mfh_lab.evaluation.methods.method import Contender, Prediction

NAME = "mfh"


class MfhMethod:
    """Metric depth from the people in, or painted into, a photo; every photo is painted with the same seed.

    Args:
        pipeline: with its models.
    """

    name = NAME

    def __init__(self, pipeline: MetricFromHuman) -> None:
        self.settings = settings_of(pipeline.config)
        # A photo whose painting was cut short must be done again, not scored.
        whole = replace(pipeline.config.painting, answer_interrupted=False)
        self._pipeline = copy(pipeline)
        self._pipeline.config = replace(pipeline.config, painting=whole)

    def predict(self, photo: Photo, *, name: str) -> Prediction:
        """Measure one photo; see :meth:`mfh_lab.evaluation.methods.method.Method.predict`."""
        return prediction_of(self._pipeline(photo))


def mfh_contender(config: Config, *, title: str = NAME) -> Contender:
    """Return this project's method with a configuration, its models not loaded yet.

    Args:
        config: a preset, with any changes.
        title: what to call it in tables.
    """
    return Contender(
        NAME,
        settings_of(config),
        lambda: MfhMethod(MetricFromHuman.from_config(config)),
        title=title,
    )


def with_fixed_scale(config: Config, fixed_scale: float | None, *, protocol: str) -> Config:
    """Return a configuration that fits the shift alone where a protocol fixes the scale.

    Args:
        config: any.
        fixed_scale: of the protocol; None to fit both.
        protocol: its name, for the message.

    Raises:
        InputError: for a scale other than 1, or a head that always fits both.
    """
    if fixed_scale is None:
        return config
    if fixed_scale != 1 or config.head.kind != "silog":
        raise InputError(
            f"protocol {protocol} fixes the scale to {fixed_scale:g} here, which the {config.head.kind} head cannot: "
            "expected --head silog (or --preset paper), or --protocol paper"
        )
    return replace(config, head=replace(config.head, free="shift"))


def prediction_of(result: MetricDepth) -> Prediction:
    """Return a result as an answer: what its head places beyond the farthest depth is infinite, not missing.

    Args:
        result: of the pipeline.
    """
    interval = result.interval
    return Prediction(
        _answers(result),
        result.head.space,
        level_80=None if interval is None else interval.level_80,
        level_95=None if interval is None else interval.level_95,
    )


def _answers(result: MetricDepth) -> Float[ndarray, "h w"]:
    # In disparity all that is not valid is too far; in depth, what is 0 or less is no answer.
    beyond = ~result.valid_mask
    if result.head.space == "depth":
        relative = result.relative.rows(slice(0, result.shape[0]))
        beyond &= result.head.scale * relative + result.head.shift > 0
    return np.where(beyond, np.float32(np.inf), result.depth_m)


def licence_of(config: Config) -> tuple[str, Commercial]:
    """Return the licences of a configuration's models, each once, and whether they permit commercial use.

    Args:
        config: a preset, with any changes.

    Raises:
        InputError: for an unknown name.
    """
    needs = needs_of(config)
    licences = ", ".join(dict.fromkeys(catalog_model(name).licence for name in needs.models))
    if needs.blocked:
        return licences, "no"
    own = any(not find_model(role, name).weights for role, name in names_of(config).items())
    return licences, "unclear" if own or "OpenRAIL" in licences else "yes"
