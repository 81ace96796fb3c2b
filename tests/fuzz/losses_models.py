"""Losses in the weights cache and around it, and models that are not what they were."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from random import Random

from tests.fuzz.case import Failure, Step
from tests.fuzz.corpus.models import cached_blazepose, write_exported
from tests.fuzz.scenes import OUT, run_words
from tests.fuzz.trial import Trial


def import_smpl(trial: Trial, rng: Random) -> None:
    """A folder that claims to be "smpl", or another of which only the user has the files."""
    name, file = rng.choice((("smpl", "SMPL_NEUTRAL.pkl"), ("hmr2", "hmr2.safetensors"), ("smpl", "readme.txt")))
    weights = trial.root / "weights"
    for one, of_user in (("smpl", "SMPL_NEUTRAL.pkl"), ("hmr2", "hmr2.safetensors")):
        (weights / one).mkdir(parents=True)
        (weights / one / of_user).write_bytes(b"only the user can get this")
    write_exported(trial.root / "work" / "carried" / "two", name, {file: b"another"})
    run_words(trial, "weights", "import", "carried/two", outputs=(f"weights/{name}",))


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
    run_words(trial, "weights", "import", "carried/three", outputs=("weights",))


def export_over_the_users_folder(trial: Trial, rng: Random) -> None:
    """A folder of the user's where an exported model would go."""
    (trial.root / "weights").mkdir()
    trial.run(Step(("weights", "import", "carried/one"), outputs=("weights",), codes=frozenset({0})))
    for name in ("org--name", "org--name@main", "org--name--main"):
        place = trial.root / "work" / "mine" / name
        place.mkdir(parents=True)
        (place / "notes.txt").write_text("of the user")
    run_words(trial, "weights", "export", "mine", "hf:org/name", outputs=("work/mine",))


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
    step = Step(words, tiny=False, codes=frozenset({0, 2}), outputs=(OUT, "weights"))
    if rng.random() < 0.5:
        trial.run(step)
        shutil.rmtree(trial.root / OUT, ignore_errors=True)
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
    from tests.weights.fake_hub import FakeHub

    (trial.root / "weights").mkdir()
    name = rng.choice(
        ("../up.json", "../../../up.json", str(trial.root / "work" / "up.json"), "a/../../../up.json", "..\\up.json")
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
        run_words(
            trial,
            *("weights", "fetch", "hf:org/name"),
            environment={"HF_ENDPOINT": address, "HF_HUB_OFFLINE": None, "MFH_OFFLINE": None, **proxies},
            outputs=("weights",),
            connects=True,
        )
    finally:
        os.kill(serving, signal.SIGKILL)
        os.waitpid(serving, 0)
    for path in trial.root.rglob("*up.json"):
        if "org--name" not in str(path.relative_to(trial.root)):
            trial.fail(Failure("stray", f"{name} was written to {path.relative_to(trial.root)}"))


MODELS: dict[str, Callable[[Trial, Random], None]] = {
    "import smpl": import_smpl,
    "import hostile": import_hostile,
    "export over a folder": export_over_the_users_folder,
    "changed weights": changed_weights,
    "hostile listing": hostile_listing,
}
"""Name -> scene."""
