"""GLB files: glTF 2.0 in one binary file, points with their colours or a mesh with the photo as its texture.

glTF has y up and looks along -z: (x, y, z) of the camera frame becomes (x, -y, -z), in metres. Colours of vertices are
linear there. The material is unlit: the photo is seen as it is.
"""

import io
import json
import struct
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

from mfh.io.atomic import atomic_path
from mfh.io.cloud import Cloud
from mfh.io.schema import GLTF, KEY, DepthAbout

TEXTURE_BYTES, TEXTURE_PX = 4_000_000, 4096
"""Largest texture, and its longest side."""
_QUALITIES = (92, 85, 75, 60)
_FLOAT, _INT = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_POINTS, _TRIANGLES = 0, 4
_CLAMPED = 33071


def write_glb_cloud(path: str | Path, cloud: Cloud, about: DepthAbout) -> None:
    """Write points with their colours.

    Raises:
        InputError: when the file cannot be written.
    """
    buffer = _Buffer()
    attributes = {
        "POSITION": buffer.positions(cloud),
        "COLOR_0": buffer.numbers(linear_colours(cloud.colors), "VEC3", _FLOAT),
    }
    _write(path, cloud, about, buffer, {"attributes": attributes, "mode": _POINTS}, _material())


def write_glb_mesh(path: str | Path, cloud: Cloud, about: DepthAbout, texture: bytes) -> None:
    """Write triangles with the photo on them.

    Args:
        path: the file.
        cloud: with faces.
        about: what its depth says about itself.
        texture: the photo as a JPEG, of any size.

    Raises:
        InputError: when the file cannot be written.
    """
    buffer = _Buffer()
    camera = about.camera
    # The corner of the texture is that of the first pixel.
    at = ((cloud.pixels + 0.5) / (camera.width, camera.height)).astype(np.float32)
    faces = np.empty((0, 3), np.int32) if cloud.faces is None else cloud.faces
    primitive = {
        "attributes": {"POSITION": buffer.positions(cloud), "TEXCOORD_0": buffer.numbers(at, "VEC2", _FLOAT)},
        "indices": buffer.numbers(faces.reshape(-1).astype("<u4"), "SCALAR", _INT, target=_INDICES),
        "mode": _TRIANGLES,
    }
    image = buffer.view(texture)
    textured = {
        "images": [{"bufferView": image, "mimeType": "image/jpeg"}],
        "samplers": [{"wrapS": _CLAMPED, "wrapT": _CLAMPED}],
        "textures": [{"source": 0, "sampler": 0}],
    }
    _write(path, cloud, about, buffer, primitive, _material({"baseColorTexture": {"index": 0}}), **textured)


def texture_of(rgb: UInt8[ndarray, "h w 3"]) -> bytes:
    """Return a photo as a JPEG of at most 4 MB and 4096 pixels a side."""
    image = Image.fromarray(rgb)
    longest = TEXTURE_PX
    while True:
        if max(image.size) > longest:
            ratio = longest / max(image.size)
            size = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
            image = image.resize(size, Image.Resampling.BOX)
        for quality in _QUALITIES:
            image.save(stream := io.BytesIO(), "JPEG", quality=quality)
            if stream.tell() <= TEXTURE_BYTES:
                return stream.getvalue()
        longest = max(image.size) // 2


def linear_colours(colors: UInt8[ndarray, "n 3"]) -> Float[ndarray, "n 3"]:
    """Return 8-bit sRGB colours as linear ones in [0, 1], float32: in 8 bits dark ones would fall together."""
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear.astype("<f4")[colors]


class _Buffer:
    """The binary part, and what describes it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.views: list[dict[str, object]] = []
        self.accessors: list[dict[str, object]] = []

    def view(self, content: bytes, *, target: int | None = None) -> int:
        """Add bytes and return the number of their view."""
        described: dict[str, object] = {"buffer": 0, "byteOffset": self.size, "byteLength": len(content)}
        self.views.append(described if target is None else {**described, "target": target})
        padded = content + bytes(-len(content) % 4)
        self.parts.append(padded)
        self.size += len(padded)
        return len(self.views) - 1

    def numbers(self, values: ndarray, kind: str, component: int, *, target: int = _VERTICES, **more: object) -> int:
        """Add an array and return the number of its accessor."""
        view = self.view(values.tobytes(), target=target)
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": len(values), "type": kind, **more}
        )
        return len(self.accessors) - 1

    def positions(self, cloud: Cloud) -> int:
        """Add the points in glTF's axes and return the number of their accessor."""
        points = (cloud.points_m * np.array([1, -1, -1], np.float32)).astype("<f4")
        if not len(points):
            return self.numbers(points, "VEC3", _FLOAT)
        bounds = {"min": points.min(0).tolist(), "max": points.max(0).tolist()}
        return self.numbers(points, "VEC3", _FLOAT, **bounds)


def _material(colour: dict[str, object] | None = None) -> dict[str, object]:
    return {
        "doubleSided": True,
        "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0, **(colour or {})},
        "extensions": {"KHR_materials_unlit": {}},
    }


def _write(
    path: str | Path,
    cloud: Cloud,
    about: DepthAbout,
    buffer: _Buffer,
    primitive: dict[str, object],
    material: dict[str, object],
    **more: object,
) -> None:
    """Write the container: a header, a chunk of JSON and a chunk of bytes."""
    holds = "points" if cloud.faces is None else "mesh"
    says = about.stored(holds=holds, no_depth="left out", axes=GLTF).document()
    tree: dict[str, object] = {
        "asset": {"version": "2.0", "generator": f"mfh {about.mfh}", "extras": {KEY: says, **cloud.facts}},
        "scene": 0,
        "scenes": [{}],
    }
    content = b""
    if len(cloud.points_m):
        # glTF has no arrays without elements: without a point the scene is empty.
        tree |= {
            "extensionsUsed": ["KHR_materials_unlit"],
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0, "name": about.photo}],
            "meshes": [{"primitives": [{**primitive, "material": 0}]}],
            "materials": [material],
            **more,
            "accessors": buffer.accessors,
            "bufferViews": buffer.views,
            "buffers": [{"byteLength": buffer.size}],
        }
        content = struct.pack("<I4s", buffer.size, b"BIN\0") + b"".join(buffer.parts)
    text = json.dumps(tree, allow_nan=False, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 4)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + len(content)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(content)
