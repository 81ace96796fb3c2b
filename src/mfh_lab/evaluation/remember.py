"""Models that answer the same question once: ways of estimating are compared on the very same paintings.

The seconds of an answer are charged to every caller that asks for it, so that the second way costs what it would have
cost alone. With a store, answers outlive the run.
"""

import hashlib
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from mfh.io.reading import reading
from mfh.models.protocols import HumanMeshModel, Painter, PersonSegmenter, RelativeDepthModel
from mfh.types import Camera, HumanMesh, PaintedPhoto, Person, RelativeDepth
from mfh_lab.evaluation.codecs import BodiesCodec, Codec, PaintingCodec, PeopleCodec, RelativeDepthCodec
from mfh_lab.evaluation.store import EXPECTED, Store

Answer = TypeVar("Answer")


class Memory:
    """Answers with the seconds they took.

    Args:
        store: where answers are kept for other runs; None to forget them with this one.

    Attributes:
        spent_s: seconds of models at work.
        charged_s: seconds they would have worked without a memory.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store
        self.spent_s = 0.0
        self.charged_s = 0.0
        self._answers: dict[Hashable, tuple[Any, float]] = {}
        self._names: dict[int, tuple[np.ndarray, bytes]] = {}

    def ask(self, kind: str, question: Hashable, model: Callable[[], Answer], codec: Codec[Answer]) -> Answer:
        """Return the answer to a question, asking the model the first time.

        Args:
            kind: of the question.
            question: names everything the answer depends on.
            model: answers it.
            codec: how the answer is kept.
        """
        if (kind, question) not in self._answers:
            self._answers[kind, question] = self._find(kind, question, model, codec)
        answer, seconds = self._answers[kind, question]
        self.charged_s += seconds
        return answer

    def _find(
        self, kind: str, question: Hashable, model: Callable[[], Answer], codec: Codec[Answer]
    ) -> tuple[Answer, float]:
        kept = None if self.store is None else self.store.load(kind, question)
        if kept is not None and self.store is not None:
            with reading(self.store.path(kind, question), what="", expected=EXPECTED):
                return codec.decode(kept[0]), kept[1]
        begin = time.perf_counter()
        answer = model()
        seconds = time.perf_counter() - begin
        self.spent_s += seconds
        if self.store is not None:
            self.store.save(kind, question, codec.encode(answer), seconds)
        return answer, seconds

    def name(self, array: np.ndarray) -> bytes:
        """Return a digest of an array, computed once as long as this memory lives.

        Args:
            array: never changed afterwards.
        """
        # Held on to, so that no other array can get its id.
        if id(array) not in self._names:
            digest = hashlib.sha1(f"{array.shape} {array.dtype}".encode(), usedforsecurity=False)
            digest.update(np.ascontiguousarray(array).data)
            self._names[id(array)] = array, digest.digest()
        return self._names[id(array)][1]


@dataclass
class AttemptClock:
    """Seconds of each painting attempt, with what remembered answers would have taken.

    Attributes:
        memory: of the models.
        seconds: one an attempt, where each is a batch of its own.
    """

    memory: Memory
    seconds: list[float] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, fraction: float) -> Iterator[None]:
        """Time one attempt."""
        begin, spent, charged = time.perf_counter(), self.memory.spent_s, self.memory.charged_s
        yield
        own = time.perf_counter() - begin - (self.memory.spent_s - spent)
        self.seconds.append(own + self.memory.charged_s - charged)


class RememberingPainter:
    """A painter that makes each painting of a photo once.

    Args:
        painter: makes it.
        memory: keeps it.
        identity: everything about the painter that decides its answers; a store needs it.
    """

    def __init__(self, painter: Painter, memory: Memory, *, identity: str = "") -> None:
        self.name = painter.name
        self.provenance = painter.provenance
        self.shared_log_sigma = painter.shared_log_sigma
        self._painter = painter
        self._memory = memory
        self._identity = _identity(identity, memory)

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one at a time."""
        name, codec = self._memory.name(photo), PaintingCodec(photo)
        return [
            self._memory.ask(
                "paintings",
                (self._identity, name, self._memory.name(paint_mask), prompt, seed),
                lambda paint_mask=paint_mask, prompt=prompt, seed=seed: self._painter.paint(
                    photo, [paint_mask], [prompt], [seed]
                )[0],
                codec,
            )
            for paint_mask, prompt, seed in zip(paint_masks, prompts, seeds, strict=True)
        ]


class RememberingRelativeDepth:
    """A relative-depth model that runs once on each picture.

    Args:
        model: predicts.
        memory: keeps its answers.
        identity: everything about the model that decides its answers; a store needs it.
    """

    def __init__(self, model: RelativeDepthModel, memory: Memory, *, identity: str = "") -> None:
        self.name = model.name
        self.shape_log_sigma = model.shape_log_sigma
        self._model = model
        self._memory = memory
        self._identity = _identity(identity, memory)

    def predict(self, photos: Sequence[np.ndarray]) -> list[RelativeDepth]:
        """Predict one picture at a time."""
        return [
            self._memory.ask(
                "relative",
                (self._identity, self._memory.name(rgb)),
                lambda rgb=rgb: self._model.predict([rgb])[0],
                RelativeDepthCodec(),
            )
            for rgb in photos
        ]


class RememberingPeople:
    """A person segmenter and a mesh model that run once on each picture.

    Args:
        segmenter: finds people.
        mesh: measures them.
        memory: keeps their answers.
        segmenter_identity: everything about the segmenter that decides its answers; a store needs it.
        mesh_identity: the same of the mesh model.
    """

    def __init__(
        self,
        segmenter: PersonSegmenter,
        mesh: HumanMeshModel,
        memory: Memory,
        *,
        segmenter_identity: str = "",
        mesh_identity: str = "",
    ) -> None:
        self.name = segmenter.name
        self.min_score = segmenter.min_score
        self.shared_log_sigma = mesh.shared_log_sigma
        self._segmenter = segmenter
        self._mesh = mesh
        self._memory = memory
        self._segmenter_identity = _identity(segmenter_identity, memory)
        self._mesh_identity = _identity(mesh_identity, memory)

    def segment(
        self, photos: Sequence[np.ndarray], regions: Sequence[np.ndarray | None] | None = None
    ) -> list[list[Person]]:
        """Find people one picture at a time."""
        within = [None] * len(photos) if regions is None else regions
        return [
            self._memory.ask(
                "people",
                (
                    self._segmenter_identity,
                    self._memory.name(rgb),
                    None if region is None else self._memory.name(region),
                ),
                lambda rgb=rgb, region=region: self._segmenter.segment([rgb], [region])[0],
                PeopleCodec(),
            )
            for rgb, region in zip(photos, within, strict=True)
        ]

    def measure(self, photo: np.ndarray, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Measure the people of a picture."""
        # The segmenter and the masks identify the people: a segmenter's landmarks can decide the body too.
        boxes = tuple(self._memory.name(person.instance_mask) for person in people)
        return self._memory.ask(
            "bodies",
            (self._mesh_identity, self._segmenter_identity, self._memory.name(photo), boxes, camera),
            lambda: self._mesh.measure(photo, people, camera),
            BodiesCodec(),
        )


def _identity(identity: str, memory: Memory) -> str:
    if memory.store is not None and not identity:
        raise ValueError(
            "a model whose answers are kept on disk needs an identity: others' answers must not be its own"
        )
    return identity
