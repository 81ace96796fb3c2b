"""One feature vector for a whole picture: DINOv2's class token."""

import hashlib

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.models.protocols import Rgb
from mfh.models.torch_loading import loading, pick_device
from mfh.weights.hub import locate, parse_source, read_json

DEFAULT_FEATURES = "hf:facebook/dinov2-base"
MARKER = "config.json"
_KINDS = ("dinov2", "dinov2_with_registers")


class ImageFeatures:
    """Features of pictures by a DINOv2 of transformers, with the preparation its own processor prescribes.

    Args:
        source: "hf:facebook/dinov2-base" or another size, or a folder.

    Raises:
        InputError: for a model of another kind.
        WeightsError: where its files are not on this machine or cannot be read.

    Reference: Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, 2023.
    """

    def __init__(self, source: str = DEFAULT_FEATURES) -> None:
        folder = locate(parse_source(source), marker=MARKER)
        kind = read_json(folder / MARKER).get("model_type")
        if kind not in _KINDS:
            raise InputError(f"{source} is a {kind!r} model: expected one of {', '.join(_KINDS)}")
        from transformers import AutoImageProcessor, AutoModel

        self.name = source
        self.device = pick_device()
        with loading(folder, "DINOv2 model"):
            self._processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            model = AutoModel.from_pretrained(folder, local_files_only=True)
        self._model = model.to(self.device).eval()

    def __call__(self, rgb: Rgb) -> Float[ndarray, "c"]:
        """Return the features of one picture, of length 1.

        Args:
            rgb: (h, w, 3) in [0, 1].

        Returns:
            (c,) float32.
        """
        import torch

        seen = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
        inputs = self._processor(images=[seen], input_data_format="channels_last", return_tensors="pt")
        with torch.inference_mode():
            output = self._model(pixel_values=inputs["pixel_values"].to(self.device))
        token = output.last_hidden_state[0, 0].float().cpu().numpy().astype(np.float64)
        return (token / np.linalg.norm(token)).astype(np.float32)


def features_digest(source: str) -> str:
    """Return a word that changes with the model's files: features of another model are never mixed in.

    Args:
        source: as for :class:`ImageFeatures`.

    Raises:
        WeightsError: where the model is not on this machine.
    """
    folder = locate(parse_source(source), marker=MARKER)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".bin", ".json"):
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
