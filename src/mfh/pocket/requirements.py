"""What rendering needs beyond the core, said in one line before anything is imported."""

from importlib.util import find_spec

from mfh.errors import BackendError


def require_renderer() -> None:
    """Check that the path tracer can run here.

    Raises:
        BackendError: where numba is not installed, with the command that installs it.
    """
    if find_spec("numba") is None:
        raise BackendError("rendering the pocket world needs numba: pip install 'metric-from-human[train]'")
