"""Mask R-CNN with a stand-in for torchvision, which may not be installed beside a torch without CUDA."""

import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mfh.errors import BackendError, WeightsError
from mfh.io.contents import file_sha256
from mfh.models.protocols import PersonSegmenter
from mfh.models.registry import load_models
from mfh.models.segmentation.mask_rcnn import MaskRcnn
from mfh.weights import store as weights


class _Detector(nn.Module):
    """Keeps torchvision's contract: pictures in, boxes in pixel edges, COCO labels, scores and soft masks out."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.zeros(1))
        self.seen: list[torch.Tensor] = []

    def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        (picture,) = pictures
        assert not self.training and picture.dtype == torch.float32
        self.seen.append(picture)
        red, green, blue = picture
        masks = [red - green, blue - green, green - red]
        masks = [torch.sigmoid(self.sharpness * (mask - 0.4)) for mask in masks]
        boxes = []
        for mask in masks:
            rows, columns = torch.nonzero(mask > 0.5, as_tuple=True)
            some = len(rows) > 0
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if some else [0, 0, 1, 1]
            boxes.append(torch.tensor([float(v) for v in box]))
        return [
            {
                "boxes": torch.stack(boxes),
                "labels": torch.tensor([1, 1, 17]),
                "scores": torch.tensor([0.7, 0.9, 0.99]),
                "masks": torch.stack(masks)[:, None],
            }
        ]


@pytest.fixture
def torchvision(monkeypatch) -> list[dict]:
    """A torchvision that makes the stand-in; yields what it was asked for."""
    asked: list[dict] = []

    def maskrcnn_resnet50_fpn_v2(**options):
        asked.append(options)
        return _Detector()

    package, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    detection = types.ModuleType("torchvision.models.detection")
    detection.maskrcnn_resnet50_fpn_v2 = maskrcnn_resnet50_fpn_v2
    for name, module in (("", package), (".models", models), (".models.detection", detection)):
        monkeypatch.setitem(sys.modules, f"torchvision{name}", module)
    return asked


@pytest.fixture
def weights_file(tmp_path):
    path = tmp_path / "mine.pth"
    torch.save({"sharpness": torch.tensor([40.0])}, path)
    return path


def test_people_most_confident_first(torchvision, weights_file, street):
    model = MaskRcnn(weights_file, device="cpu")
    assert isinstance(model, PersonSegmenter) and model.name == "mask_rcnn"
    # No weights are downloaded by the library.
    assert torchvision == [{"weights": None, "weights_backbone": None, "box_score_thresh": 0.5}]
    street[0:15, 130:150] = (0.1, 0.9, 0.1)  # a cat, most certain of all
    (people,) = model.segment([street])
    assert [person.score for person in people] == pytest.approx([0.9, 0.7])
    # Edges [100, 120) are the pixel centres 99.5 to 119.5.
    np.testing.assert_allclose(people[0].box_xyxy, [99.5, 49.5, 119.5, 109.5])
    truth = np.zeros((120, 160), bool)
    truth[50:110, 100:120] = True
    np.testing.assert_array_equal(people[0].instance_mask, truth)


def test_the_threshold_is_kept(torchvision, weights_file, street):
    (people,) = MaskRcnn(weights_file, min_score=0.8, device="cpu").segment([street])
    assert [person.score for person in people] == pytest.approx([0.9])
    assert torchvision[0]["box_score_thresh"] == 0.8


def test_regions(torchvision, weights_file, street):
    model = MaskRcnn(weights_file, device="cpu")
    left, empty = np.zeros((120, 160), bool), np.zeros((120, 160), bool)
    left[:, 20:70] = True
    there, nobody, everybody = model.segment([street] * 3, [left, empty, None])
    assert nobody == [] and len(everybody) == 2
    (person,) = there
    np.testing.assert_allclose(person.box_xyxy, [29.5, 19.5, 59.5, 99.5])
    np.testing.assert_array_equal(person.instance_mask, everybody[1].instance_mask)


def test_red_is_red_where_the_network_sees_it(torchvision, weights_file, street, monkeypatch):
    seen = []
    forward = _Detector.forward
    monkeypatch.setattr(_Detector, "forward", lambda self, pictures: seen.extend(pictures) or forward(self, pictures))
    MaskRcnn(weights_file, device="cpu").segment([street])
    (picture,) = seen
    # RGB in [0, 1], channels first: the model normalises by itself.
    assert picture.shape == (3, 120, 160)
    np.testing.assert_allclose(picture[:, 60, 45].numpy(), (0.9, 0.1, 0.1), atol=1e-6)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("No module named 'torchvision'", name="torchvision"), "No module named 'torchvision'"),
        (RuntimeError("operator torchvision::nms does not exist"), "operator torchvision::nms does not exist"),
    ],
)
def test_a_torchvision_that_is_missing_or_does_not_fit_says_what_to_install(monkeypatch, error, message):
    class Refusing:
        def find_spec(self, name, *_):
            if name.partition(".")[0] == "torchvision":
                raise error

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    with pytest.raises(BackendError, match=r"pip install 'metric-from-human\[hub,gpu\]', or use mask2former") as caught:
        load_models({"person_segmenter": "mask_rcnn"})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_weights_are_looked_for_in_the_cache(torchvision, tmp_path, monkeypatch, weights_file):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    with pytest.raises(WeightsError, match="mask_rcnn files are not here: run 'mfh weights fetch mask_rcnn'"):
        load_models({"person_segmenter": "mask_rcnn"})
    place = weights.path("mask_rcnn") / "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(weights_file.read_bytes())
    with pytest.raises(
        WeightsError, match=r"has sha256 .*, expected 73cbd0190fcb.*: run 'mfh weights fetch mask_rcnn'"
    ):
        load_models({"person_segmenter": "mask_rcnn"})
    (file,) = weights.CATALOG["mask_rcnn"].files
    one = replace(weights.CATALOG["mask_rcnn"], files=(replace(file, sha256=file_sha256(place)),))
    monkeypatch.setitem(weights.CATALOG, "mask_rcnn", one)
    assert load_models({"person_segmenter": "mask_rcnn"})["person_segmenter"].name == "mask_rcnn"


class _Bomb:
    def __reduce__(self):
        return print, ("boom",)


@pytest.mark.parametrize("content", [{"other": torch.zeros(1)}, {"sharpness": _Bomb()}, [1]])
def test_other_files_are_refused_and_nothing_in_them_is_run(torchvision, tmp_path, content, capsys):
    path = tmp_path / "mine.pth"
    torch.save(content, path)
    with pytest.raises(
        WeightsError,
        match=r"mine\.pth is damaged .*: expected torchvision's weights .*; run 'mfh weights fetch mask_rcnn'",
    ) as caught:
        MaskRcnn(path, device="cpu")
    assert "\n" not in str(caught.value) and "boom" not in capsys.readouterr().out
