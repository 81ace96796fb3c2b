"""Losses in folders of results: what lies where results would go, and what is made of it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tests.fuzz.case import Step
from tests.fuzz.corpus.photos import ODD_NAMES, image
from tests.fuzz.scenes import MAYBE, OUT, owned_but, run_first, run_words
from tests.fuzz.trial import Trial


def refit_into_its_own_folder(trial: Trial, rng: Random) -> None:
    """Evidence alone in a folder, and refit --out that folder."""
    work = trial.root / "work"
    (work / "mine").mkdir()
    shutil.copy(work / "seen.npz", work / "mine" / "evidence.npz")
    step = Step(("refit", "evidence.npz", "--out", "."), folder="work/mine", outputs=("work/mine",), codes=MAYBE)
    trial.run(step)


def refit_beside_results(trial: Trial, rng: Random) -> None:
    """A photo's results with evidence, and refit --out the same folder."""
    run_first(trial, "predict", "photo.jpg", "--save-evidence", "--out", "out")
    words = ("refit", "out/photo/evidence.npz", "--out", "out/photo")
    run_words(trial, *words, owned=owned_but(trial, f"{OUT}/photo", "evidence.npz"))


def photo_among_results(trial: Trial, rng: Random) -> None:
    """A photo that lies where its own results would go, under names that results have."""
    for name in ("strip", "depth", "preview", "receipt"):
        place = trial.root / OUT / name
        place.mkdir(parents=True)
        image().save(place / f"{name}.png")
        run_words(trial, "predict", f"out/{name}/{name}.png", "--out", "out", "--people", rng.choice(("auto", "only")))
    place = trial.root / OUT / "01" / "paintings"
    place.mkdir(parents=True)
    image().save(place / "01.png")
    run_words(trial, "predict", "out/01/paintings/01.png", "--out", "out", "--people", "paint", "--paintings", "2")


def demo_over_demo(trial: Trial, rng: Random) -> None:
    """Results of the user's demo.jpg, and mfh demo."""
    (trial.root / "work" / "photo.jpg").rename(trial.root / "work" / "demo.jpg")
    run_first(trial, "predict", "demo.jpg", "--save-evidence", "--out", "out")
    run_words(trial, "demo", "--out", "out")


def again_without_evidence(trial: Trial, rng: Random) -> None:
    """Evidence and paintings are expensive, and stay when a photo is measured again without them."""
    more = ("--save-evidence", "--save-paintings", "--people", "paint", "--paintings", "2")
    run_first(trial, "predict", "photo.jpg", *more, "--out", "out")
    kept = ("evidence.npz", "strip.png", *(path.name for path in (trial.root / OUT / "photo/paintings").iterdir()))
    words = ("predict", "photo.jpg", "--out", "out", "--focal-px", "150")
    run_words(trial, *words, owned=owned_but(trial, f"{OUT}/photo", *kept), codes=frozenset({0}))


def changed_by_the_user(trial: Trial, rng: Random) -> None:
    """A file that the user changed since is the user's."""
    run_first(trial, "predict", "photo.jpg", "--out", "out")
    changed = rng.choice(("preview.png", "depth.npz", "depth.png"))
    (trial.root / OUT / "photo" / changed).write_bytes(b"changed by the user")
    owned = owned_but(trial, f"{OUT}/photo", changed)
    run_words(trial, "predict", "photo.jpg", "--out", "out", owned=owned)


def odd_names(trial: Trial, rng: Random) -> None:
    """Photos whose names are no names of folders."""
    work = trial.root / "work"
    chosen = rng.sample(ODD_NAMES, 4)
    for name in chosen:
        if not (work / name).exists():
            image().save(work / name, "JPEG")
    trial.recipe = ", ".join(map(repr, chosen))
    words = [f"./{name}" if name.startswith("-") else name for name in chosen]
    run_words(trial, "predict", *words, "--out", "out", *rng.choice(((), ("--json",))), most_errors=4)


def input_among_results(trial: Trial, rng: Random) -> None:
    """Earlier results as inputs: they may not be replaced by what is made of them."""
    run_first(trial, "predict", "photo.jpg", "--out", "out")
    used, words = rng.choice(
        (
            ("depth.npz", ("--relative-depth", "out/photo/depth.npz", "--space", "depth")),
            ("depth.png", ("--relative-depth", "out/photo/depth.png", "--space", "depth")),
        )
    )
    owned = owned_but(trial, f"{OUT}/photo", used)
    run_words(trial, "predict", "photo.jpg", *words, "--out", "out", owned=owned)


def result_folder_is_a_link(trial: Trial, rng: Random) -> None:
    """OUT/photo that leads to a folder of the user's."""
    mine = trial.root / "work" / "mine"
    mine.mkdir()
    for name in ("strip.png", "evidence.npz", "depth.npz", "notes.txt"):
        (mine / name).write_text("of the user")
    (trial.root / OUT).mkdir()
    (trial.root / OUT / "photo").symlink_to("../mine")
    run_words(trial, "predict", "photo.jpg", "--out", "out", outputs=("work/out", "work/mine"))


def photo_without_an_ending(trial: Trial, rng: Random) -> None:
    """A photo whose results would go where it lies itself."""
    name = rng.choice(("photo", "out", "IMG_1"))
    image().save(trial.root / "work" / name, "PNG")
    run_words(trial, "predict", name, "--out", ".", outputs=("work",))


def receipt_that_lies(trial: Trial, rng: Random) -> None:
    """A receipt that claims a file of the user's elsewhere, by its right digest."""
    run_first(trial, "predict", "photo.jpg", "--out", "out")
    mine, folder = trial.root / "work" / "mine.txt", trial.root / OUT / "photo"
    mine.write_text("of the user")
    claimed = rng.choice(("../../mine.txt", str(mine), "../photo/../../mine.txt"))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "preview.png", mine)]
    text = (folder / "receipt.json").read_text().replace("preview.png", claimed).replace(digests[0], digests[1])
    tree = json.loads(text)
    with suppress(ImportError):
        from mfh.io.results import sealed  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]

        tree = sealed(tree)
    (folder / "receipt.json").write_text(json.dumps(tree))
    trial.recipe = claimed
    run_words(trial, "predict", "photo.jpg", "--out", "out", "--focal-px", "150", owned=owned_but(trial, OUT))


RESULTS: dict[str, Callable[[Trial, Random], None]] = {
    "refit into its own folder": refit_into_its_own_folder,
    "refit beside results": refit_beside_results,
    "photo among results": photo_among_results,
    "demo over demo": demo_over_demo,
    "again without evidence": again_without_evidence,
    "changed by the user": changed_by_the_user,
    "odd names": odd_names,
    "input among results": input_among_results,
    "result folder is a link": result_folder_is_a_link,
    "photo without an ending": photo_without_an_ending,
    "receipt that lies": receipt_that_lies,
}
"""Name -> scene."""
