import numpy as np
import pytest


@pytest.fixture
def standing_m() -> np.ndarray:
    """(33, 3) landmarks of somebody 1.69 m tall who faces the camera: x right, y down, z forward, hips at the origin.

    The person's left is the picture's right. All lie in one plane except nose, feet and hands.
    """
    body = np.zeros((33, 3))
    trunk, leg, arm = 0.290 * 1.69, 0.222 * 1.69, 0.159 * 1.69
    for side, sign in ((0, 1), (1, -1)):
        body[11 + side] = (sign * 0.16, -trunk, 0)
        body[13 + side] = (sign * 0.18, -trunk + arm, 0)
        body[15 + side] = (sign * 0.19, -trunk + arm + 0.24, 0)
        body[[17 + side, 19 + side, 21 + side]] = (sign * 0.20, -trunk + arm + 0.32, -0.02)
        body[23 + side] = (sign * 0.10, 0, 0)
        body[25 + side] = (sign * 0.10, leg, 0)
        body[27 + side] = (sign * 0.10, 2 * leg, 0)
        body[29 + side] = (sign * 0.10, 2 * leg + 0.06, 0.03)
        body[31 + side] = (sign * 0.12, 2 * leg + 0.07, -0.12)
        body[7 + side] = (sign * 0.075, -trunk - 0.19, 0)
        body[1 + 3 * side : 4 + 3 * side] = (sign * 0.03, -trunk - 0.23, -0.09)
        body[9 + side] = (sign * 0.025, -trunk - 0.13, -0.09)
    body[0] = (0, -trunk - 0.19, -0.12)
    return body
