import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mfh.geometry.masks import erode_3x3

regions = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4).map(bool))


def erode_by_looking(region: np.ndarray) -> np.ndarray:
    """Naive twin: look at the nine pixels, one by one."""
    height, width = region.shape
    eroded = np.zeros_like(region)
    for row in range(height):
        for column in range(width):
            eroded[row, column] = all(
                0 <= r < height and 0 <= c < width and region[r, c]
                for r in (row - 1, row, row + 1)
                for c in (column - 1, column, column + 1)
            )
    return eroded


@given(regions)
def test_erosion_equals_its_naive_twin(region: np.ndarray):
    np.testing.assert_array_equal(erode_3x3(region), erode_by_looking(region))


def test_the_border_counts_as_outside():
    eroded = erode_3x3(np.ones((4, 5), bool))
    assert eroded.sum() == 2 * 3
    assert eroded[1:3, 1:4].all()
