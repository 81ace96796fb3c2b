import subprocess
import sys

import pytest

import mfh

HEAVY = ("torch", "onnxruntime", "diffusers", "transformers", "onnx", "cv2", "ai_edge_litert", "scipy", "numba")


def modules_after(code: str) -> set[str]:
    """Return the top-level modules a fresh interpreter has after running some code."""
    script = f"{code}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_the_package_brings_nothing():
    assert not modules_after("import mfh") & {*HEAVY, "PIL", "numpy", "jaxtyping"}


@pytest.mark.slow
def test_public_names_bring_no_model_library():
    loaded = modules_after("from mfh import *\nimport mfh\nassert mfh.MetricFromHuman and mfh.load_photo")
    assert not loaded & set(HEAVY)
    assert "numpy" in loaded


def test_every_public_name_is_there_and_is_listed():
    for name in mfh.__all__:
        assert getattr(mfh, name) is not None
        assert name in dir(mfh)
    assert mfh.__version__.count(".") == 2


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mfh.nonsense
