"""Models' answers as named arrays, bit for bit, so that they can be kept in npz files without pickle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.io.evidence import read_log_range
from mfh.io.reading import parse_json
from mfh.types import HumanMesh, PaintedPhoto, PastedSprite, Person, PoseLandmarks, RelativeDepth

Arrays = dict[str, ndarray]
Answer = TypeVar("Answer")
ABOUT = "about"


@runtime_checkable
class Codec(Protocol[Answer]):
    """How one kind of answer becomes arrays, and comes back."""

    def encode(self, answer: Answer) -> Arrays:
        """Return the arrays of an answer."""
        ...

    def decode(self, arrays: Mapping[str, ndarray]) -> Answer:
        """Return the answer of arrays.

        Raises:
            KeyError, ValueError, TypeError: for arrays of something else.
        """
        ...


class RelativeDepthCodec:
    """Relative depth with its space."""

    def encode(self, answer: RelativeDepth) -> Arrays:
        """Return the map, and the rest as JSON."""
        return {
            "values": answer.values,
            ABOUT: _json_array({"space": answer.space, "log_range": answer.log_range and answer.log_range.parts}),
        }

    def decode(self, arrays: Mapping[str, ndarray]) -> RelativeDepth:
        """Return the relative depth."""
        about = _read(arrays)
        return RelativeDepth(arrays["values"], about["space"], read_log_range(about["log_range"]))


@dataclass(frozen=True)
class PaintingCodec:
    """A painting as what it changes of a photo: outside its mask it is the photo anyway.

    Attributes:
        photo: (h, w, 3) what was painted into.
    """

    photo: Float[ndarray, "h w 3"]

    def encode(self, answer: PaintedPhoto) -> Arrays:
        """Return the pixels inside the mask, as bytes where they are whole ones."""
        pixels = answer.rgb[answer.paint_mask]
        arrays = {"paint_mask": np.packbits(answer.paint_mask), "pixels": _as_bytes(pixels)}
        sprite = answer.sprite
        about: dict[str, Any] = {
            "prompt": answer.prompt,
            "seed": answer.seed,
            "outside": not np.array_equal(answer.rgb[~answer.paint_mask], self.photo[~answer.paint_mask]),
            "sprite": None
            if sprite is None
            else [
                list(sprite.foot_xy_px),
                *(sprite.px_per_m, sprite.stature_m, sprite.log_size_sigma, sprite.shared_log_sigma),
            ],
        }
        if about["outside"]:
            # A painter that breaks its contract must still come back as it was.
            arrays["rgb"] = answer.rgb
        if sprite is not None:
            arrays["sprite_mask"] = np.packbits(sprite.sprite_mask)
        return {**arrays, ABOUT: _json_array(about)}

    def decode(self, arrays: Mapping[str, ndarray]) -> PaintedPhoto:
        """Return the painting."""
        about, shape = _read(arrays), self.photo.shape[:2]
        paint_mask = _mask(arrays["paint_mask"], shape)
        if about["outside"]:
            rgb = arrays["rgb"]
        else:
            rgb = self.photo.copy()
            rgb[paint_mask] = _from_bytes(arrays["pixels"])
        sprite = None
        if about["sprite"] is not None:
            foot, *rest = about["sprite"]
            sprite = PastedSprite(_mask(arrays["sprite_mask"], shape), (foot[0], foot[1]), *rest)
        return PaintedPhoto(rgb, paint_mask, about["prompt"], about["seed"], sprite)


class PeopleCodec:
    """The people found in one picture."""

    def encode(self, answer: Sequence[Person]) -> Arrays:
        """Return boxes, masks and poses under the number of each person."""
        arrays: Arrays = {}
        for k, person in enumerate(answer):
            arrays[f"{k}/box"] = person.box_xyxy
            arrays[f"{k}/mask"] = np.packbits(person.instance_mask)
            if person.pose is not None:
                for name in ("image_px", "world_m", "visibility"):
                    arrays[f"{k}/{name}"] = getattr(person.pose, name)
        rows = [[one.score, list(one.instance_mask.shape), one.pose is not None] for one in answer]
        return {**arrays, ABOUT: _json_array(rows)}

    def decode(self, arrays: Mapping[str, ndarray]) -> list[Person]:
        """Return the people."""
        people = []
        for k, (score, shape, has_pose) in enumerate(_read(arrays)):
            pose = None
            if has_pose:
                pose = PoseLandmarks(*(arrays[f"{k}/{name}"] for name in ("image_px", "world_m", "visibility")))
            mask = _mask(arrays[f"{k}/mask"], (shape[0], shape[1]))
            people.append(Person(arrays[f"{k}/box"], mask, score, pose))
        return people


class BodiesCodec:
    """The bodies measured in one picture."""

    def encode(self, answer: Sequence[HumanMesh | None]) -> Arrays:
        """Return vertices and faces under the number of each body."""
        arrays: Arrays = {}
        rows: list[list[Any] | None] = []
        for k, mesh in enumerate(answer):
            if mesh is None:
                rows.append(None)
                continue
            arrays[f"{k}/vertices_m"], arrays[f"{k}/faces"] = mesh.vertices_m, mesh.faces
            rows.append([mesh.source, mesh.stature_m, mesh.log_depth_sigma, mesh.reprojection_px])
        return {**arrays, ABOUT: _json_array(rows)}

    def decode(self, arrays: Mapping[str, ndarray]) -> list[HumanMesh | None]:
        """Return the bodies; None where a person was not measured."""
        return [
            None if row is None else HumanMesh(arrays[f"{k}/vertices_m"], arrays[f"{k}/faces"], *row)
            for k, row in enumerate(_read(arrays))
        ]


def _json_array(about: object) -> ndarray:
    return np.array(json.dumps(about, default=_plain))


def _plain(value: object) -> object:
    """Return a numpy number as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")


def _read(arrays: Mapping[str, ndarray]) -> Any:
    # As Python writes it: a number can be NaN.
    return parse_json(str(arrays[ABOUT]), finite=False)


def _mask(packed: ndarray, shape: tuple[int, int]) -> Bool[ndarray, "h w"]:
    return np.unpackbits(packed, count=shape[0] * shape[1]).astype(bool).reshape(shape)


def _as_bytes(values: ndarray) -> ndarray:
    """Return whole numbers of 255ths as bytes, a twelfth of their compressed size; others as they are."""
    whole = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return whole if np.array_equal(_from_bytes(whole), values) else values


def _from_bytes(pixels: ndarray) -> ndarray:
    return pixels.astype(np.float32) / np.float32(255) if pixels.dtype == np.uint8 else pixels
