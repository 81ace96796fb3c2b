"""Models that users fetch, convert, copy and supply: body models, checkpoints, folders of weights."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from random import Random

import numpy as np

from tests.fuzz.case import Step
from tests.fuzz.corpus.photos import example, image
from tests.fuzz.corpus.reader import Plan, Reader, Run

_TORCH = (
    "torch",
    "safetensors.torch",
    "mfh.models.human_mesh.hmr2_checkpoint",
    "tests.models.human_mesh.hmr2_fixtures",
    "mfh.models.human_mesh.hmar_checkpoint",
    "tests.models.human_mesh.hmar_fixtures",
)


def build_smpl(root: Path, run: Run) -> None:
    """Write a made-up body model as others write it."""
    import pickle

    from tests.models.human_mesh.smpl_fixtures import arrays_of, made_up_smpl, save_npz, save_published_pickle

    model = made_up_smpl(vertices=20)
    for protocol in (0, 2, 4):
        save_published_pickle(model, root / "work" / f"published{protocol}.pkl", protocol=protocol)
    (root / "work" / "plain.pkl").write_bytes(pickle.dumps(arrays_of(model), protocol=2))
    save_npz(model, root / "work" / "plain.npz")


def plan_smpl(name: str, rng: Random) -> Plan:
    """Read one."""
    return Plan((Step((name,), call="smpl"),), [f"work/{name}"])


def build_checkpoint(root: Path, run: Run) -> None:
    """Write small networks of the forms of HMR 2.0 and HMAR, as published, and one converted."""
    from mfh.models.human_mesh.hmr2_checkpoint import convert_hmr2_checkpoint
    from tests.models.human_mesh import hmar_fixtures
    from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint, seeing_ahead
    from tests.models.human_mesh.smpl_fixtures import made_up_smpl, save_npz

    work = root / "work"
    state = dict(seeing_ahead(random_network(TINY)).state_dict())
    save_training_checkpoint(state, work / "tiny.ckpt")
    convert_hmr2_checkpoint(work / "tiny.ckpt", work / "tiny.safetensors", sizes=TINY)
    hmar = hmar_fixtures.seeded_state(hmar_fixtures.network_shapes(hmar_fixtures.SMALLEST))
    for name, archived in (("hmar.pth", True), ("hmar-old.pth", False)):
        hmar_fixtures.save_phalp(hmar, work / name, archived=archived)
    save_npz(made_up_smpl(), work / "SMPL_NEUTRAL.npz")
    example().save(work / "photo.jpg", quality=92)


def plan_checkpoint(variant: str, rng: Random) -> Plan:
    """Convert, or read what was converted."""
    if variant == "command":
        # The command knows the published sizes alone: this one is refused, after all of it was read.
        words = ("weights", "convert", "hmr2", "tiny.ckpt", "--out", "out/hmr2.safetensors")
        return Plan((Step(words),), ["work/tiny.ckpt"], whole=frozenset({2}))
    if variant == "convert":
        step = Step(("tiny.ckpt", "out/hmr2.safetensors"), call="hmr2-convert")
        return Plan((step,), ["work/tiny.ckpt"])
    if variant.startswith("hmar"):
        step = Step((f"{variant}.pth", "out/hmar.safetensors"), call="hmar-convert")
        return Plan((step,), [f"work/{variant}.pth"])
    return Plan((Step(("tiny.safetensors",), call="hmr2-network"),), ["work/tiny.safetensors"])


def build_bodies(root: Path, run: Run) -> None:
    """Write a weights cache in which bodies are measured by HMR 2.0 and SMPL."""
    build_checkpoint(root, run)
    work, weights = root / "work", root / "weights"
    for name, file, source in (
        ("hmr2", "hmr2.safetensors", "tiny.safetensors"),
        ("smpl", "SMPL_NEUTRAL.npz", "SMPL_NEUTRAL.npz"),
    ):
        (weights / name).mkdir(parents=True)
        shutil.copyfile(work / source, weights / name / file)
    for path in work.iterdir():
        if path.name != "photo.jpg":
            path.unlink()


def plan_bodies(variant: str, rng: Random) -> Plan:
    """Measure a photo by them."""
    step = Step(("predict", "photo.jpg", "--human-mesh", "hmr2", "--out", "out"), tiny=True)
    file = {"hmr2": "hmr2.safetensors", "smpl": "SMPL_NEUTRAL.npz"}[variant]
    return Plan((step,), [f"weights/{variant}/{file}"], whole=frozenset({0, 3}))


def write_exported(folder: Path, name: str, files: dict[str, bytes], *, revision: str = "1") -> None:
    """Write a folder as mfh weights export makes it.

    Args:
        folder: of one model.
        name: that the manifest claims.
        files: name -> content.
        revision: that the manifest claims.
    """
    folder.mkdir(parents=True)
    listed = []
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
        listed.append({"name": file, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    tree = {"name": name, "revision": revision, "files": listed}
    (folder / "mfh-weights.json").write_text(json.dumps(tree, indent=1))


def build_weights(root: Path, run: Run) -> None:
    """Write exported models, and a cache that holds the user's own."""
    carried, weights = root / "work" / "carried", root / "weights"
    write_exported(carried / "org--name", "hf:org/name", {"config.json": b"{}", "model.safetensors": b"x" * 500})
    write_exported(carried / "smpl", "smpl", {"SMPL_NEUTRAL.pkl": b"another model"})
    for name, file in (("smpl", "SMPL_NEUTRAL.pkl"), ("hmr2", "hmr2.safetensors")):
        (weights / name).mkdir(parents=True)
        (weights / name / file).write_bytes(b"only the user can get this: " + name.encode())
    blazepose = cached_blazepose()
    if blazepose is not None:
        shutil.copytree(blazepose, weights / blazepose.name)


def cached_blazepose() -> Path | None:
    """Return the folder of the person model on this machine, where it is fetched."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mfh" / "weights"
    cache = Path(os.environ.get("MFH_WEIGHTS") or cache)
    return next(iter(sorted(cache.glob("blazepose-*"))), None)


_MANIFESTS = ("work/carried/org--name/mfh-weights.json", "work/carried/smpl/mfh-weights.json")


def plan_weights(variant: str, rng: Random) -> Plan:
    """Import, verify, list or export."""
    words = {
        "import": ("weights", "import", "carried"),
        "import-one": ("weights", "import", "carried/org--name"),
        "verify": ("weights", "verify"),
        "list": ("weights", "list"),
        "export": ("weights", "export", "out", "hf:org/name"),
        "manifest": ("carried/org--name",),
    }[variant]
    own = ("weights/org--name", "weights/hub", "weights/hf")
    step = Step(
        words,
        call="manifest" if variant == "manifest" else "",
        outputs=("work/out", *own),
        most_errors=20,
    )
    targets = [
        *_MANIFESTS[: 1 if "one" in variant or variant == "manifest" else 2],
        "work/carried/org--name/config.json",
    ]
    if variant in ("verify", "list"):
        targets = ["weights/smpl/SMPL_NEUTRAL.pkl", "weights/hmr2/hmr2.safetensors"]
    setup: tuple[Step, ...] = ()
    if variant == "export":
        setup = (Step(("weights", "import", "carried/org--name"), outputs=own),)
    # Importing over the user's own files without being asked may be refused, all of it or that one.
    whole = frozenset({0, 2})
    return Plan((step,), targets, setup=setup, whole=whole)


def build_hub(root: Path, run: Run) -> None:
    """Write small folders of the hub's form, as their users have them."""
    from tests.models.tiny_depth import depth_anything

    image().save(root / "work" / "photo.png")
    depth_anything(root / "work" / "relative")
    depth_anything(root / "work" / "metric", metric=True)
    for place in ("relative", "metric"):
        for path in (root / "work" / place).rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)


def plan_hub(variant: str, rng: Random) -> Plan:
    """Load one by its folder."""
    step = Step(("predict", "photo.png", "--relative-depth-model", "./relative", "--out", "out"))
    files = ("config.json", "preprocessor_config.json", "model.safetensors", "config.json")
    return Plan((step,), [f"work/relative/{rng.choice(files)}"], whole=frozenset({0, 3}))


def build_bank(root: Path, run: Run) -> None:
    """Write a bank of bodies of few vertices."""
    rng = np.random.default_rng(0)
    np.savez_compressed(
        root / "work" / "bank.npz",
        vertices_m=rng.random((2, 12, 3)).astype(np.float32),
        rest=rng.random((12, 3)).astype(np.float32),
        stature_m=np.array([1.7, 1.8]),
        female=np.array([True, False]),
        pose=np.array([0, 1]),
        split=np.array([1, 1]),
        **{f"faces_{part}": rng.integers(0, 12, (8, 3)) for part in ("body", "tights", "skirt", "hair")},
    )


def plan_bank(variant: str, rng: Random) -> Plan:
    """Read it, or render with it."""
    if variant == "read":
        return Plan((Step(("bank.npz",), call="bank"),), ["work/bank.npz"])
    words = (
        "pocket",
        "render",
        "--bank",
        "bank.npz",
        "--out",
        "out",
        "--count",
        "1",
        "--workers",
        "1",
        "--samples",
        "1",
    )
    return Plan((Step((*words, "--width", "40", "--height", "32")),), ["work/bank.npz"], whole=frozenset({0, 2}))


_BODY_MODELS = ("published0.pkl", "published2.pkl", "published4.pkl", "plain.pkl", "plain.npz")
_WEIGHTS = ("import", "import-one", "verify", "list", "export", "manifest")
READERS = (
    Reader("SMPL", build_smpl, _BODY_MODELS, plan_smpl, weight=6.0),
    Reader(
        "checkpoints",
        build_checkpoint,
        ("convert", "network", "command", "hmar", "hmar-old"),
        plan_checkpoint,
        6.0,
        _TORCH,
    ),
    Reader("bodies", build_bodies, ("hmr2", "smpl"), plan_bodies, 2.0, _TORCH, short=False),
    Reader("weights", build_weights, _WEIGHTS, plan_weights, weight=5.0),
    Reader("hub folder", build_hub, ("relative",), plan_hub, 1.5, (*_TORCH, "transformers"), short=False),
    Reader("bank", build_bank, ("read", "render"), plan_bank, weight=2.0, short=False),
)
