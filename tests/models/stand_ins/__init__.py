"""Stand-ins for packages that cannot be installed here: the same names and signatures, and answers the test gives.

They do what the published packages do around the network: load a checkpoint without restriction, take code from
torch.hub, and place bodies by the published formulas. They hold none of the packages' code.
"""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PACKAGES = {"moge": "moge", "sam_3d_body": "sam-3d-body", "multihmr2": "multi-hmr2"}
"""Package as it is imported -> the registry's name of the model it is for."""


def install(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make a stand-in importable until the test ends."""
    monkeypatch.syspath_prepend(str(FOLDER / package))
    forget(monkeypatch, package)


def forget(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Have a package imported anew, and what the test imports forgotten when it ends."""
    for name in [*sys.modules]:
        if name == package or name.startswith(package + "."):
            monkeypatch.delitem(sys.modules, name)
    # What is not there is undone by removal, so put something there first.
    for name in (package, f"{package}.api", f"{package}.model", f"{package}.model.v1", f"{package}.model.v2"):
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]


def put_into_hub_cache(folder: Path, entry: str) -> None:
    """Write code as torch.hub keeps facebookresearch/dinov3 in its cache ($TORCH_HOME/hub)."""
    repository = folder / "hub" / "facebookresearch_dinov3_main"
    repository.mkdir(parents=True)
    (repository / "hubconf.py").write_text(
        f"import torch\n\n\ndef {entry}(pretrained=True, drop_path=0.0):\n"
        "    assert pretrained is False\n    return torch.nn.Identity()\n"
    )
