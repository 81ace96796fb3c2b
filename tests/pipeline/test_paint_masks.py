import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.pipeline.planning import PERSON_ASPECT, PERSON_FEET_ROW, painting_seed, person_paint_mask, strip_paint_mask

sizes = st.integers(2, 200)
seeds = st.integers(0, 2**32 - 1)


def box_of(paint_mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(paint_mask.any(1)), np.flatnonzero(paint_mask.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    assert paint_mask.sum() == (bottom - top) * (right - left)
    return top, bottom, left, right


@given(seeds, sizes, sizes, st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)))
def test_strips_have_full_height_and_the_width_of_the_paper(seed: int, height: int, width: int, ends: tuple):
    low, high = sorted(ends)
    paint_mask = strip_paint_mask(seed, height=height, width=width, min_width=low, max_width=high)
    top, bottom, left, right = box_of(paint_mask)
    assert paint_mask.shape == (height, width)
    assert (top, bottom) == (0, height)
    short = min(height, width)
    assert min(low * short, width - 1) - 0.5 <= right - left <= max(high * short, 1) + 0.5
    assert right - left < width


@given(seeds, sizes, sizes)
def test_person_boxes_stand_on_the_lower_part(seed: int, height: int, width: int):
    top, bottom, left, right = box_of(person_paint_mask(seed, height=height, width=width))
    assert bottom >= PERSON_FEET_ROW[0] * height - 1
    assert right - left < width
    if top > 0 and right - left < width - 1:
        # Rounding of top, bottom and width, each by half a pixel.
        assert PERSON_ASPECT[0] * (bottom - top - 1) - 0.5 <= right - left
        assert right - left <= PERSON_ASPECT[1] * (bottom - top + 1) + 0.5


def test_widths_and_positions_of_strips_cover_their_whole_range():
    boxes = np.array([box_of(strip_paint_mask(seed, height=100, width=160))[2:] for seed in range(2000)])
    widths = boxes[:, 1] - boxes[:, 0]
    assert (widths.min(), widths.max()) == (20, 80)
    assert widths.mean() == pytest.approx(50, abs=1.5)
    # Given its width the place is uniform, so on average it is centred, and both ends of the image are reached.
    assert boxes.mean() == pytest.approx(80, abs=2)
    assert boxes[:, 0].min() == 0
    assert boxes[:, 1].max() == 160


@given(seeds)
def test_a_mask_depends_on_its_seed_alone(seed: int):
    first = strip_paint_mask(seed, height=40, width=60)
    strip_paint_mask(seed + 1, height=40, width=60)
    np.testing.assert_array_equal(strip_paint_mask(seed, height=40, width=60), first)
    np.testing.assert_array_equal(
        person_paint_mask(seed, height=40, width=60), person_paint_mask(seed, height=40, width=60)
    )


def test_painting_seeds_are_distinct_and_lasting():
    seeds = [painting_seed(seed, n) for seed in range(20) for n in range(50)]
    assert len(set(seeds)) == len(seeds)
    # A changed derivation would silently change every published run.
    assert painting_seed(0, 0) == 2968811710
    with pytest.raises(InputError, match="seed is -1"):
        painting_seed(-1, 0)


def test_even_a_one_pixel_image_gets_a_mask():
    assert strip_paint_mask(0, height=1, width=1).all()
    assert person_paint_mask(0, height=1, width=1).all()
