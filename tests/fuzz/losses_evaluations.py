"""Losses in folders of evaluations, studies and scenes, and what comes in by a dataset or a browser."""

import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tests.fuzz import engine, process
from tests.fuzz.case import Failure, Step
from tests.fuzz.corpus.photos import ODD_NAMES, image
from tests.fuzz.foreign import eps
from tests.fuzz.process import Arranged
from tests.fuzz.scenes import OUT, owned_but, run_first, run_words
from tests.fuzz.trial import Trial
from tests.lab.evaluation.datasets import layouts


def restart_on_its_own_predictions(trial: Trial, rng: Random) -> None:
    """Predictions that lie where the results go, and --restart."""
    common = ("evaluate", "folder", "--root", "data", "--unit", "m", "--out", "out")
    run_first(trial, *common, "--predictions", "npy")
    owned = tuple(one for one in owned_but(trial, OUT) if "predictions" not in one)
    again = (*common, "--predictions", "out/predictions", *(("--restart",) if rng.random() < 0.7 else ()))
    run_words(trial, *again, owned=owned)


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
    outcome = run_words(trial, *common, "--out", page, "--key", key, outputs=("work/out", "work/x.html", "work/photos"))
    if os.path.normpath(page) == os.path.normpath(key) and outcome.code == 0:
        trial.fail(Failure("lost", f"page and key are both {page}, and one of them was written over the other"))


def postscript_dataset(trial: Trial, rng: Random) -> None:
    """Every picture of a dataset is an EPS."""
    write = rng.choice((layouts.write_folder, layouts.write_diode, layouts.write_ibims1, layouts.write_pocket))
    root = trial.root / "work" / "eps"
    root.mkdir()
    write(root)
    for path in [*root.rglob("*.png"), *root.rglob("*.jpg")]:
        path.write_bytes(eps(rng))
    command = {"write_folder": "folder", "write_pocket": "pocket-scenes"}.get(write.__name__, write.__name__[6:])
    run_words(trial, "evaluate", command, "--root", "eps", "--out", "out", most_errors=1)


def odd_sample_names(trial: Trial, rng: Random) -> None:
    """Samples of a dataset, or photos of a study, whose names are no names of files."""
    names = [name for name in ODD_NAMES if name not in (".", "..", "...")]
    chosen = rng.sample(names, 3)
    trial.recipe = ", ".join(map(repr, chosen))
    work = trial.root / "work"
    if rng.random() < 0.6:
        for name in chosen:
            layouts.write_folder(work / "odd", name)
        run_words(trial, "evaluate", "folder", "--root", "odd", "--out", "out", *rng.choice(((), ("--json",))))
        return
    (work / "odd").mkdir()
    for name in chosen:
        image().save(work / "odd" / f"{name}.png", "PNG")
        for method in ("ours", "rival"):
            shutil.copy(work / method / "predictions" / "hall.npz", work / method / "predictions" / f"{name}.npz")
    words = ("study", "make", "--photos", "odd", "--predictions", "ours=ours", "--predictions", "rival=rival")
    run_words(trial, *words, "--out", rng.choice(("out/page.html", "out/pages")), "--key", "out/key.json")


def predictions_in_the_way(trial: Trial, rng: Random) -> None:
    """Predictions of the user's where an evaluation keeps its own."""
    place = trial.root / OUT / "predictions"
    place.mkdir(parents=True)
    (place / "garden.npz").write_bytes((trial.root / "work" / "npz" / "garden.npz").read_bytes())
    (place / "other.npy").write_bytes(b"of the user")
    more = rng.choice(((), ("--restart",)))
    run_words(trial, "evaluate", "folder", "--root", "data", "--people", "only", "--out", "out", *more)


def scene_in_the_way(trial: Trial, rng: Random) -> None:
    """A folder of the user's where a scene would be rendered."""
    place = trial.root / OUT / "scene-00000000"
    place.mkdir(parents=True)
    for name in ("rgb.png", "notes.txt", "depth.npz"):
        (place / name).write_bytes(b"of the user")
    words = ("pocket", "render", "--count", "1", "--width", "40", "--height", "32", "--samples", "1", "--workers", "1")
    run_words(trial, *words, "--out", "out")


_REQUESTS = (
    b"GET {root} HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET {root}photo/0 HTTP/1.1\r\n\r\n",
    b"GET {root}photo/-1 HTTP/1.1\r\n\r\n",
    b"GET {root}photo/" + b"9" * 5000 + b" HTTP/1.1\r\n\r\n",
    b"GET {root}photo/%00 HTTP/1.1\r\n\r\n",
    b"GET {root}../../etc/passwd HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\0\xff\xfe\r\n\r\n",
    b"POST {root}shot HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    b"POST {root}shot HTTP/1.1\r\nContent-Length: -5\r\n\r\n[]",
    b"POST {root}shot HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n[]",
    b"POST {root}shot HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
    b"POST {root}shot HTTP/1.1\r\nContent-Length: 4000\r\n\r\n" + b"[" * 4000,
    b"POST {root}shot HTTP/1.1\r\nContent-Length: 60\r\n\r\n"
    + b'{"photo": true, "angle": {}, "distance": ["wide"]}'.ljust(60),
    b"POST {root}shot HTTP/1.1\r\nContent-Length: 60\r\n\r\n"
    + b'{"photo": 0, "angle": "level", "distance": "wide"}'.ljust(60),
    b"POST {root}shot HTTP/1.1\r\nContent-Length: 3000\r\n\r\n" + (b'{"photo": ' + b"9" * 2980).ljust(3000),
)


def annotation_server(trial: Trial, rng: Random) -> None:
    """What a browser, or anything else on this machine, may send; some of it is cut off in the middle."""
    step = Step(
        ("annotate", "--photos", "photos", "--out", "out/shots.csv", "--no-browser"),
        codes=frozenset({0, 130}),
        tiny=False,
    )
    before = trial.remember(step)
    begin = time.monotonic()
    running = process.start(step, trial.root, trial.setting.base, Arranged())
    try:
        found = None
        while found is None and not engine.ended(running.pid, time.monotonic() + 0.1) and time.monotonic() < begin + 60:
            found = re.search(rb"http://127\.0\.0\.1:(\d+)(/\S+/)", (trial.root / "streams" / "out").read_bytes())
        if found is None:
            raise RuntimeError("no page was offered")
        for request in rng.sample(_REQUESTS, 8):
            with socket.create_connection(("127.0.0.1", int(found[1])), timeout=5) as connection:
                connection.sendall(request.replace(b"{root}", found[2]))
                connection.settimeout(0.5)
                # It may wait for the rest of a body, which does not come.
                with suppress(OSError):
                    connection.recv(100)
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGINT)
        outcome = process.finish(running, trial.root, begin, deadline_s=90)
    finally:
        process.stop(running)
    trial.judged(step, outcome, before)


EVALUATIONS: dict[str, Callable[[Trial, Random], None]] = {
    "restart on its own predictions": restart_on_its_own_predictions,
    "one file twice": one_file_twice,
    "postscript dataset": postscript_dataset,
    "odd sample names": odd_sample_names,
    "predictions in the way": predictions_in_the_way,
    "scene in the way": scene_in_the_way,
    "annotation server": annotation_server,
}
"""Name -> scene."""
