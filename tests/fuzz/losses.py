"""Ways in which data was lost, programs were started or numbers silently changed once: each on purpose."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from random import Random

from tests.evaluation.datasets import layouts
from tests.fuzz.case import Failure, Outcome, Report, Setting, Step
from tests.fuzz.corpus.models import cached_blazepose, write_exported
from tests.fuzz.corpus.photos import ODD_NAMES, example, image
from tests.fuzz.faults import CORPUS
from tests.fuzz.foreign import eps
from tests.fuzz.trial import Trial

_OUT = "work/out"
_MAYBE = frozenset({0, 2})


def _run(trial: Trial, *words: str, codes: frozenset[int] = _MAYBE, owned: tuple[str, ...] = (), **more) -> Outcome:
    return trial.run(Step(words, codes=codes, owned=owned, **more))


def _first(trial: Trial, *words: str) -> None:
    """Run what lays the scene."""
    outcome = trial.run(Step(words, codes=frozenset({0})))
    if outcome.code != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {outcome.code}: {outcome.err[:200]!r}")


def _owned_but(trial: Trial, folder: str, *kept: str) -> tuple[str, ...]:
    """Return the files below a folder that a run may replace: all but some."""
    files = [path for path in (trial.root / folder).rglob("*") if path.is_file()]
    return tuple(str(path.relative_to(trial.root)) for path in files if path.name not in kept)


def refit_into_its_own_folder(trial: Trial, rng: Random) -> None:
    """Evidence alone in a folder, and refit --out that folder."""
    work = trial.root / "work"
    (work / "mine").mkdir()
    shutil.copy(work / "seen.npz", work / "mine" / "evidence.npz")
    step = Step(("refit", "evidence.npz", "--out", "."), folder="work/mine", outputs=("work/mine",), codes=_MAYBE)
    trial.run(step)


def refit_beside_results(trial: Trial, rng: Random) -> None:
    """A photo's results with evidence, and refit --out the same folder."""
    _first(trial, "predict", "photo.jpg", "--save-evidence", "--out", "out")
    words = ("refit", "out/photo/evidence.npz", "--out", "out/photo")
    _run(trial, *words, owned=_owned_but(trial, f"{_OUT}/photo", "evidence.npz"))


def photo_among_results(trial: Trial, rng: Random) -> None:
    """A photo that lies where its own results would go, under names that results have."""
    for name in ("strip", "depth", "preview", "receipt"):
        place = trial.root / _OUT / name
        place.mkdir(parents=True)
        image().save(place / f"{name}.png")
        _run(trial, "predict", f"out/{name}/{name}.png", "--out", "out", "--people", rng.choice(("auto", "only")))
    place = trial.root / _OUT / "01" / "paintings"
    place.mkdir(parents=True)
    image().save(place / "01.png")
    _run(trial, "predict", "out/01/paintings/01.png", "--out", "out", "--people", "paint", "--paintings", "2")


def demo_over_demo(trial: Trial, rng: Random) -> None:
    """Results of the user's demo.jpg, and mfh demo."""
    (trial.root / "work" / "photo.jpg").rename(trial.root / "work" / "demo.jpg")
    _first(trial, "predict", "demo.jpg", "--save-evidence", "--out", "out")
    _run(trial, "demo", "--out", "out")


def again_without_evidence(trial: Trial, rng: Random) -> None:
    """Evidence and paintings are expensive, and stay when a photo is measured again without them."""
    more = ("--save-evidence", "--save-paintings", "--people", "paint", "--paintings", "2")
    _first(trial, "predict", "photo.jpg", *more, "--out", "out")
    kept = ("evidence.npz", "strip.png", *(path.name for path in (trial.root / _OUT / "photo/paintings").iterdir()))
    words = ("predict", "photo.jpg", "--out", "out", "--focal-px", "150")
    _run(trial, *words, owned=_owned_but(trial, f"{_OUT}/photo", *kept), codes=frozenset({0}))


def changed_by_the_user(trial: Trial, rng: Random) -> None:
    """A file that the user changed since is the user's."""
    _first(trial, "predict", "photo.jpg", "--out", "out")
    changed = rng.choice(("preview.png", "depth.npz", "depth.png"))
    (trial.root / _OUT / "photo" / changed).write_bytes(b"changed by the user")
    owned = _owned_but(trial, f"{_OUT}/photo", changed)
    _run(trial, "predict", "photo.jpg", "--out", "out", owned=owned)


def import_smpl(trial: Trial, rng: Random) -> None:
    """A folder that claims to be "smpl", or another of which only the user has the files."""
    name, file = rng.choice((("smpl", "SMPL_NEUTRAL.pkl"), ("hmr2", "hmr2.safetensors"), ("smpl", "readme.txt")))
    weights = trial.root / "weights"
    for one, of_user in (("smpl", "SMPL_NEUTRAL.pkl"), ("hmr2", "hmr2.safetensors")):
        (weights / one).mkdir(parents=True)
        (weights / one / of_user).write_bytes(b"only the user can get this")
    write_exported(trial.root / "work" / "carried" / "two", name, {file: b"another"})
    _run(trial, "weights", "import", "carried/two", outputs=(f"weights/{name}",))


def import_hostile(trial: Trial, rng: Random) -> None:
    """Manifests whose names lead out of the cache."""
    (trial.root / "weights").mkdir()
    names = ("../up.txt", "/tmp/fuzz-up.txt", "..\\up.txt", "a/../../up.txt", "", ".", "mfh-weights.json", "C:up.txt")
    models = ("hf:../../up/name", "hf:org/..", "hf:a/b@../../x", "../up", "", "smpl/../../up", "hf:org/name\x00x")
    folder = trial.root / "work" / "carried" / "three"
    write_exported(folder, rng.choice(models) if rng.random() < 0.5 else "hf:org/name", {"config.json": b"{}"})
    tree = json.loads((folder / "mfh-weights.json").read_text())
    if tree["name"] == "hf:org/name":
        tree["files"][0]["name"] = rng.choice(names)
    (folder / "mfh-weights.json").write_text(json.dumps(tree))
    (trial.root / "work" / "carried" / "up.txt").write_text("of the user")
    trial.recipe = f"{tree['name']!r} with {tree['files'][0]['name']!r}"
    _run(trial, "weights", "import", "carried/three", outputs=("weights",))


def restart_on_its_own_predictions(trial: Trial, rng: Random) -> None:
    """Predictions that lie where the results go, and --restart."""
    common = ("evaluate", "folder", "--root", "data", "--unit", "m", "--out", "out")
    _first(trial, *common, "--predictions", "npy")
    owned = tuple(one for one in _owned_but(trial, _OUT) if "predictions" not in one)
    again = (*common, "--predictions", "out/predictions", *(("--restart",) if rng.random() < 0.7 else ()))
    _run(trial, *again, owned=owned)


def one_file_twice(trial: Trial, rng: Random) -> None:
    """A page and its key of one name, or over an input."""
    page, key = rng.choice(
        (
            ("out/x.html", "out/x.html"),
            ("x.html", "./x.html"),
            ("out/x", "out/x"),
            ("photos/hall.png", "out/key.json"),
            ("out/x.html", "photos/hall.png"),
            ("made/key.json", "out/key.json"),
            ("photos", "out/key.json"),
        )
    )
    common = ("study", "make", "--photos", "photos", "--predictions", "ours=ours", "--predictions", "rival=rival")
    trial.recipe = f"{page} and {key}"
    outcome = _run(trial, *common, "--out", page, "--key", key, outputs=("work/out", "work/x.html", "work/photos"))
    if os.path.normpath(page) == os.path.normpath(key) and outcome.code == 0:
        trial.fail(Failure("lost", f"page and key are both {page}, and one of them was written over the other"))


def odd_names(trial: Trial, rng: Random) -> None:
    """Photos whose names are no names of folders."""
    work = trial.root / "work"
    chosen = rng.sample(ODD_NAMES, 4)
    for name in chosen:
        if not (work / name).exists():
            image().save(work / name, "JPEG")
    trial.recipe = ", ".join(map(repr, chosen))
    words = [f"./{name}" if name.startswith("-") else name for name in chosen]
    _run(trial, "predict", *words, "--out", "out", *rng.choice(((), ("--json",))), most_errors=4)


def input_among_results(trial: Trial, rng: Random) -> None:
    """Earlier results as inputs: they may not be replaced by what is made of them."""
    _first(trial, "predict", "photo.jpg", "--out", "out")
    used, words = rng.choice(
        (
            ("depth.npz", ("--relative-depth", "out/photo/depth.npz", "--space", "depth")),
            ("depth.png", ("--relative-depth", "out/photo/depth.png", "--space", "depth")),
        )
    )
    owned = _owned_but(trial, f"{_OUT}/photo", used)
    _run(trial, "predict", "photo.jpg", *words, "--out", "out", owned=owned)


def result_folder_is_a_link(trial: Trial, rng: Random) -> None:
    """OUT/photo that leads to a folder of the user's."""
    mine = trial.root / "work" / "mine"
    mine.mkdir()
    for name in ("strip.png", "evidence.npz", "depth.npz", "notes.txt"):
        (mine / name).write_text("of the user")
    (trial.root / _OUT).mkdir()
    (trial.root / _OUT / "photo").symlink_to("../mine")
    _run(trial, "predict", "photo.jpg", "--out", "out", outputs=("work/out", "work/mine"))


def postscript_dataset(trial: Trial, rng: Random) -> None:
    """Every picture of a dataset is an EPS."""
    write = rng.choice((layouts.write_folder, layouts.write_diode, layouts.write_ibims1, layouts.write_pocket))
    root = trial.root / "work" / "eps"
    root.mkdir()
    write(root)
    for path in [*root.rglob("*.png"), *root.rglob("*.jpg")]:
        path.write_bytes(eps(rng))
    command = {"write_folder": "folder", "write_pocket": "pocket-scenes"}.get(write.__name__, write.__name__[6:])
    _run(trial, "evaluate", command, "--root", "eps", "--out", "out", most_errors=1)


def changed_weights(trial: Trial, rng: Random) -> None:
    """A fetched model that was changed without changing its size is not used silently."""
    blazepose = cached_blazepose()
    if blazepose is None:
        trial.count("no weights")
        return
    shutil.copytree(blazepose, trial.root / "weights" / blazepose.name)
    file = max((trial.root / "weights").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    words = ("predict", "photo.jpg", "--people", "only", "--out", "out")
    # Whatever it keeps to know a file again may lie beside the models.
    step = Step(words, tiny=False, codes=frozenset({0, 2}), outputs=(_OUT, "weights"))
    if rng.random() < 0.5:
        trial.run(step)
        shutil.rmtree(trial.root / _OUT, ignore_errors=True)
    content = bytearray(file.read_bytes())
    at = rng.randrange(len(content) // 3, len(content) - 64)
    content[at : at + 32] = bytes(byte ^ 0x55 for byte in content[at : at + 32])
    file.write_bytes(content)
    trial.recipe = f"{file.name} changed at {at}"
    outcome = trial.run(step)
    if outcome.code == 0:
        trial.fail(Failure("believed", f"{file.name} was changed at {at}, and was used without a word"))


def hostile_listing(trial: Trial, rng: Random) -> None:
    """A hub whose list of files has names that lead elsewhere."""
    from tests.models.test_weights_hub import FakeHub

    (trial.root / "weights").mkdir()
    name = rng.choice(
        ("../up.json", "../../../up.json", f"{trial.root}/work/up.json", "a/../../../up.json", "..\\up.json")
    )

    class Hostile(FakeHub):
        files = {"config.json": b'{"model_type": "x"}', name: b"{}", "model.safetensors": b"x" * 10}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    serving = os.fork()
    if serving == 0:
        os.setsid()
        try:
            server.serve_forever()
        finally:
            os._exit(0)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    server.server_close()
    trial.recipe = name
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"))
    try:
        _run(
            trial,
            *("weights", "fetch", "hf:org/name"),
            environment={"HF_ENDPOINT": address, "HF_HUB_OFFLINE": None, **proxies},
            outputs=("weights",),
            connects=True,
        )
    finally:
        os.kill(serving, signal.SIGKILL)
        os.waitpid(serving, 0)
    for path in trial.root.rglob("*up.json"):
        if "org--name" not in str(path.relative_to(trial.root)):
            trial.fail(Failure("stray", f"{name} was written to {path.relative_to(trial.root)}"))


LOSSES: dict[str, Callable[[Trial, Random], None]] = {
    "refit into its own folder": refit_into_its_own_folder,
    "refit beside results": refit_beside_results,
    "photo among results": photo_among_results,
    "demo over demo": demo_over_demo,
    "again without evidence": again_without_evidence,
    "changed by the user": changed_by_the_user,
    "import smpl": import_smpl,
    "import hostile": import_hostile,
    "restart on its own predictions": restart_on_its_own_predictions,
    "one file twice": one_file_twice,
    "odd names": odd_names,
    "input among results": input_among_results,
    "result folder is a link": result_folder_is_a_link,
    "postscript dataset": postscript_dataset,
    "changed weights": changed_weights,
    "hostile listing": hostile_listing,
}
"""Name -> what lays the scene and runs; whatever is lost in it is seen by the trial."""


def keys(times: int) -> list[str]:
    """Return keys of all of them.

    Args:
        times: how often each, with other numbers.
    """
    return [f"losses:{name}:{number}" for name in LOSSES for number in range(times)]


def run_case(setting: Setting, key: str) -> Report:
    """Try one of them.

    Args:
        setting: of the run.
        key: "losses:NAME:NUMBER".
    """
    _, name, _ = key.split(":", 2)
    with Trial(setting, key, f"loss {name}") as trial:
        shutil.copytree(setting.corpus / CORPUS / "work", trial.root / "work", dirs_exist_ok=True)
        example().save(Path(trial.root / "work" / "photo.jpg"), quality=92)
        LOSSES[name](trial, setting.rng(key))
    return trial.report()
