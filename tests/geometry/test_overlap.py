import numpy as np

from mfh.geometry.masks import box_iou, mask_iou


def test_iou_of_known_boxes():
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0], [2, 0, 0, 2]], float)
    np.testing.assert_allclose(box_iou(np.array([0, 0, 2, 2.0]), others), [1, 1 / 3, 0, 0, 0])
    assert box_iou(others[0], np.empty((0, 4))).shape == (0,)


def test_iou_of_known_masks():
    one = np.zeros((4, 6), bool)
    other = one.copy()
    assert mask_iou(one, other) == 0
    one[:2, :3] = other[:2, 1:4] = True
    assert mask_iou(one, other) == 4 / 8
    assert mask_iou(one, one) == 1
