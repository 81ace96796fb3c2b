"""The suite checks every annotated shape, in each process that runs a part of it."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from mfh.geometry.masks import erode_3x3


@pytest.mark.parametrize("wrong", [np.ones((4, 4, 1), bool), np.ones((4, 4), np.float32)], ids=["shape", "type"])
def test_a_wrong_array_is_refused(wrong):
    with pytest.raises(TypeCheckError):
        erode_3x3(wrong)
