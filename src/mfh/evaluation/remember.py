"""Models that answer the same question once: ways of estimating are compared on the very same paintings.

What an answer took is charged to everybody who asks for it, so that a way that comes second pays what it would have
paid alone.
"""

import hashlib
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from mfh.models.protocols import HumanMeshModel, Painter, PersonSegmenter, RelativeDepthModel
from mfh.types import Camera, HumanMesh, PaintedPhoto, Person, RelativeDepth

Answer = TypeVar("Answer")


class Memory:
    """Answers with the seconds they took.

    Attributes:
        spent_s: seconds of models at work.
        charged_s: seconds they would have worked without a memory.
    """

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.charged_s = 0.0
        self._answers: dict[Hashable, tuple[Any, float]] = {}
        self._names: dict[int, tuple[np.ndarray, bytes]] = {}

    def ask(self, question: Hashable, model: Callable[[], Answer]) -> Answer:
        """Return the answer to a question, asking the model the first time.

        Args:
            question: names everything the answer depends on.
            model: answers it.
        """
        if question not in self._answers:
            begin = time.perf_counter()
            answer = model()
            seconds = time.perf_counter() - begin
            self._answers[question] = answer, seconds
            self.spent_s += seconds
        answer, seconds = self._answers[question]
        self.charged_s += seconds
        return answer

    def name(self, array: np.ndarray) -> bytes:
        """Return a digest of an array, computed once as long as this memory lives.

        Args:
            array: never changed afterwards.
        """
        # Held on to, so that no other array can get its id.
        if id(array) not in self._names:
            digest = hashlib.sha1(np.ascontiguousarray(array).data, usedforsecurity=False).digest()
            self._names[id(array)] = array, digest
        return self._names[id(array)][1]


class RememberingPainter:
    """A painter that makes each painting of a photo once."""

    def __init__(self, painter: Painter, memory: Memory) -> None:
        self.name = painter.name
        self.provenance = painter.provenance
        self.shared_log_sigma = painter.shared_log_sigma
        self._painter = painter
        self._memory = memory

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one at a time."""
        name = self._memory.name(photo)
        return [
            self._memory.ask(
                ("paint", name, self._memory.name(paint_mask), prompt, seed),
                lambda paint_mask=paint_mask, prompt=prompt, seed=seed: self._painter.paint(
                    photo, [paint_mask], [prompt], [seed]
                )[0],
            )
            for paint_mask, prompt, seed in zip(paint_masks, prompts, seeds, strict=True)
        ]


class RememberingRelativeDepth:
    """A relative-depth model that looks at each picture once."""

    def __init__(self, model: RelativeDepthModel, memory: Memory) -> None:
        self.name = model.name
        self.shape_log_sigma = model.shape_log_sigma
        self._model = model
        self._memory = memory

    def predict(self, photos: Sequence[np.ndarray]) -> list[RelativeDepth]:
        """Predict one at a time."""
        return [
            self._memory.ask(("relative", self._memory.name(rgb)), lambda rgb=rgb: self._model.predict([rgb])[0])
            for rgb in photos
        ]


class RememberingPeople:
    """A person segmenter and a mesh model that look at each picture once."""

    def __init__(self, segmenter: PersonSegmenter, mesh: HumanMeshModel, memory: Memory) -> None:
        self.name = segmenter.name
        self.min_score = segmenter.min_score
        self.shared_log_sigma = mesh.shared_log_sigma
        self._segmenter = segmenter
        self._mesh = mesh
        self._memory = memory

    def segment(
        self, photos: Sequence[np.ndarray], regions: Sequence[np.ndarray | None] | None = None
    ) -> list[list[Person]]:
        """Find people one picture at a time."""
        within = [None] * len(photos) if regions is None else regions
        return [
            self._memory.ask(
                ("people", self._memory.name(rgb), None if region is None else self._memory.name(region)),
                lambda rgb=rgb, region=region: self._segmenter.segment([rgb], [region])[0],
            )
            for rgb, region in zip(photos, within, strict=True)
        ]

    def measure(self, photo: np.ndarray, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Measure the people of a picture."""
        boxes = tuple(self._memory.name(person.instance_mask) for person in people)
        return self._memory.ask(
            ("bodies", self._memory.name(photo), boxes, camera), lambda: self._mesh.measure(photo, people, camera)
        )
