"""Stand-in for unik3d.utils.camera."""


class Pinhole:
    """fx, fy, cx, cy."""

    def __init__(self, params=None, K=None):
        assert params is not None and params.ndim == 1
        self.params = params
