import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mfh.landmarks.bodies import pseudo_ground_truth, visible_body


def people(seed: int, k: int = 3, h: int = 8, w: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    masks, depths = np.zeros((k, h, w), bool), np.full((k, h, w), np.inf)
    for index in range(k):
        top, left = rng.integers(0, 4, 2)
        masks[index, top : top + 6, left : left + 6] = rng.random() < 0.9
        top, left = rng.integers(0, 4, 2)
        depths[index, top : top + 6, left : left + 6] = rng.uniform(1, 9, (min(6, h - top), min(6, w - left)))
    return masks, depths


def by_the_formula(masks: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Naive twin of Eq. 4, pixel by pixel and person by person."""
    k, h, w = masks.shape
    depth, owner = np.full((h, w), np.inf), np.full((h, w), -1)
    for row in range(1, h - 1):
        for column in range(1, w - 1):
            for person in range(k):
                around = (slice(row - 1, row + 2), slice(column - 1, column + 2))
                if masks[person][around].all() and np.isfinite(depths[person][around]).all():
                    if depths[person, row, column] < depth[row, column]:
                        depth[row, column], owner[row, column] = depths[person, row, column], person
    return depth, owner


@given(st.integers(0, 10**6))
def test_equals_its_naive_twin(seed: int):
    masks, depths = people(seed)
    result = pseudo_ground_truth(masks, depths)
    depth, owner = by_the_formula(masks, depths)
    np.testing.assert_array_equal(result.depth_m, depth)
    np.testing.assert_array_equal(result.person_index, owner)


@given(st.integers(0, 10**6), st.permutations(range(3)))
def test_the_order_of_people_does_not_matter(seed: int, order: list[int]):
    masks, depths = people(seed)
    np.testing.assert_array_equal(
        pseudo_ground_truth(masks[order], depths[order]).depth_m, pseudo_ground_truth(masks, depths).depth_m
    )


def test_masking_comes_before_the_minimum():
    # The near body's silhouette covers everything, but its visible pixels are the left half only: the far person on
    # the right must keep the far depth. (The minimum before masking would give 2 m there.)
    masks = np.zeros((2, 9, 12), bool)
    masks[0, :, :6], masks[1, :, 6:] = True, True
    depths = np.stack([np.full((9, 12), 2.0), np.full((9, 12), 5.0)])
    result = pseudo_ground_truth(masks, depths)
    assert (result.depth_m[1:-1, 1:5] == 2).all()
    assert (result.depth_m[1:-1, 7:11] == 5).all()
    assert np.isinf(result.depth_m[:, 5:7]).all()


def test_the_nearer_person_occludes_where_both_are_visible():
    masks = np.ones((2, 5, 5), bool)
    depths = np.stack([np.full((5, 5), 5.0), np.full((5, 5), 2.0)])
    result = pseudo_ground_truth(masks, depths)
    assert (result.depth_m[1:-1, 1:-1] == 2).all()
    assert (result.person_index[1:-1, 1:-1] == 1).all()


def test_the_intersection_is_eroded_not_the_mask_alone():
    # A mask wider than the silhouette: eroding the mask alone would leave the silhouette's rim in.
    mask = np.ones((7, 7), bool)
    depth = np.full((7, 7), np.inf)
    depth[1:6, 2:5] = 3.0
    kept = visible_body(mask, depth)
    assert kept.sum() == 3
    assert kept[2:5, 3].all()


def test_nobody_gives_nothing():
    result = pseudo_ground_truth(np.zeros((0, 4, 5), bool), np.zeros((0, 4, 5)))
    assert np.isinf(result.depth_m).all()
    assert (result.person_index == -1).all()
