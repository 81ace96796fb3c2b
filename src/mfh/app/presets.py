"""The presets that a server offers, and the models of one of them in memory."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from mfh.app.work import Refusal
from mfh.config import Config, PeopleMode, changed, preset
from mfh.errors import BackendError, WeightsError
from mfh.models.needs import needs_of, what_is_missing
from mfh.models.registry import CONFIG_FIELDS
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.request import Request
from mfh.types import Photo
from mfh.types.observations import Gathered


@runtime_checkable
class Models(Protocol):
    """What runs on a photo: the models of some presets, or a stand-in."""

    @property
    def configs(self) -> Mapping[str, Config]:
        """Preset -> everything that decides the answer where a request says nothing; the default comes first."""
        ...

    def gather(
        self, photo: Photo, request: Request, *, preset: str, people: PeopleMode | None, seed: int | None
    ) -> Gathered:
        """Run the models of a preset on a photo."""
        ...


class PresetModels:
    """The models of several presets, of which those used last are in memory.

    Two at once would need the memory of both, and models of one thread are used one photo at a time anyway.

    Args:
        names: of the presets; the first is the default, and is loaded now.

    Raises:
        InputError: for an unknown name.
        BackendError: where the default needs a package that is missing.
        WeightsError: where the default needs model files that are missing.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._configs = {name: preset(name) for name in names}
        self._loaded: MetricFromHuman | None = MetricFromHuman.from_config(preset(names[0]))

    @property
    def configs(self) -> Mapping[str, Config]:
        """Of the presets, the default first."""
        return self._configs

    def gather(
        self, photo: Photo, request: Request, *, preset: str, people: PeopleMode | None, seed: int | None
    ) -> Gathered:
        """Run the models of a preset on a photo, on the models' thread.

        Args:
            photo: with its camera.
            request: what is known and asked. Where each painting is to be reported, people are painted one by one: as
                soon as there is something to see.
            preset: one of those offered.
            people: whose bodies give the scale; None as the preset has it.
            seed: of the paintings; None as the preset has it.

        Raises:
            Refusal: where packages or model files of the preset are missing.
        """
        one = self._of(preset, request)
        overrides = {name: value for name, value in (("people", people), ("seed", seed)) if value is not None}
        config = changed(one.config, **overrides)
        if request.on_painting is not None:
            config = replace(config, painting=replace(config.painting, batch_size=1))
        models = {role: getattr(one, role) for role in CONFIG_FIELDS}
        return MetricFromHuman(config, **models, missing_objects=one.missing_objects).gather(photo, request)

    def _of(self, name: str, request: Request) -> MetricFromHuman:
        """Return the pipeline of a preset, loaded now where another was used before."""
        if self._loaded is not None and self._loaded.config.name == name:
            return self._loaded
        config = self._configs[name]
        # The models in memory stay where these cannot be loaded anyway. Small model files are fetched when loaded.
        if needs_of(config).packages and (missing := what_is_missing(config)):
            raise Refusal(503, f"preset {name} cannot run here: {missing}")
        if request.progress is not None:
            request.progress(f"loading preset {name}", 0.0)
        self._loaded = None
        gc.collect()
        try:
            self._loaded = MetricFromHuman.from_config(config)
        except (BackendError, WeightsError) as error:
            # Their own text may hold a path of the server.
            missing = what_is_missing(config) or "its models cannot be loaded, see mfh doctor"
            raise Refusal(503, f"preset {name} cannot run here: {missing}") from error
        return self._loaded
