"""Faults of the environment: what a system may do to a process while the input is good."""

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

from tests.fuzz import engine, process
from tests.fuzz.case import Failure, Outcome, Report, Setting, Step
from tests.fuzz.corpus import evaluations, models, results
from tests.fuzz.corpus.photos import example, image
from tests.fuzz.fault_list import COMMANDS, FAULTS, MORE_COMMANDS, USUAL, Fault
from tests.fuzz.guard import ANYWHERE
from tests.fuzz.process import Arranged
from tests.fuzz.trial import Trial

CORPUS = "faults"


def keys(count: int) -> list[str]:
    """Return keys of faults, all of them in turn, or some from the whole list.

    Args:
        count: how many keys.
    """
    names = list(FAULTS)
    names = names[:: max(1, len(names) // count)]
    return [f"faults:{names[number % len(names)]}:{number // len(names)}" for number in range(count)]


def build(setting: Setting) -> None:
    """Write a folder in which the usual commands succeed.

    Args:
        setting: where.
    """
    root = setting.corpus / CORPUS
    engine.make_root(root)

    def run(step: Step) -> Outcome:
        return engine.run(step, root, setting.base, deadline_s=300)

    models.write_exported(
        root / "work" / "carried" / "one", "hf:org/name", {"config.json": b"{}", "x.safetensors": b"x" * 9}
    )
    evaluations.build_answers(root, run)
    evaluations.build_study(root, run)
    results.build_evidence(root, run)
    example().save(root / "work" / "photo.jpg", quality=92)
    image().save(root / "work" / "plain.png")


def run_case(setting: Setting, key: str) -> Report:
    """Try one fault.

    Args:
        setting: of the run.
        key: "faults:FAULT:NUMBER".
    """
    _, name, _ = key.split(":", 2)
    fault, rng = FAULTS[name], setting.rng(key)
    command = rng.choice(fault.commands)
    with Trial(setting, key, f"fault {name}") as trial:
        work = trial.root / "work"
        shutil.copytree(setting.corpus / CORPUS / "work", work, dirs_exist_ok=True)
        trial.recipe = command
        arranged = fault.arrange(work, rng)
        if arranged is None:
            return replace(trial.report(), skipped="this machine cannot")
        step = _step(fault, command, arranged)
        try:
            if name == "two at once":
                _two(trial, step)
            else:
                _one(trial, fault, step, arranged)
        finally:
            if fault.cleanup is not None:
                fault.cleanup(work)
            moved = work.with_name("moved")
            if moved.exists() and not work.exists():
                moved.rename(work)
    return trial.report()


def _step(fault: Fault, command: str, arranged: Arranged) -> Step:
    words = {**COMMANDS, **MORE_COMMANDS}.get(command, ())
    if command.startswith("odd name"):
        words = (
            "predict",
            arranged.environment["FUZZ_NAME"],
            "--out",
            "out",
            *(("--json",) if "json" in command else ()),
        )
    usual = frozenset({USUAL.get(command, 0)})
    codes = usual if fault.codes is None else fault.codes | (usual if 2 in fault.codes or usual == {2} else frozenset())
    return Step(
        words,
        codes=codes,
        outputs=(ANYWHERE,),
        wants_json=False if fault.unseen or fault.codes is not None and 0 not in fault.codes else None,
        # One a photo that fails, and one for a stream that takes nothing.
        # Where a stream fails, that is said too.
        most_errors=(3 if command == "several" else 1) + fault.unseen,
        quiet_refusal=fault.unseen,
        memory_mb=2500,
        tiny=False,
    )


def _one(trial: Trial, fault: Fault, step: Step, arranged: Arranged) -> None:
    before = trial.remember(step)
    outcome = process.run(step, trial.root, trial.setting.base, arranged)
    ends_early = outcome.code in (130, 143, 129) or outcome.code < 0
    if ends_early or fault.unseen:
        step = replace(step, wants_json=False, quiet_refusal=True)
    if _before_the_command(outcome):
        outcome = replace(outcome, err=b"", code=130)
    if outcome.code < 0:
        # Nothing can be swept after some signals.
        trial.judged(step, outcome, before, protect=False, check_results=True)
        return
    changed = {path for path in ("work/photo.jpg",) if "meanwhile" in trial.kind or "grows" in trial.kind}
    if outcome.err.startswith(b"OpenBLAS"):
        # The library ends the process itself where it gets no memory.
        trial.count("given up by OpenBLAS")
        return
    trial.judged(
        replace(step, owned=(*step.owned, *changed, "work/gone")), outcome, before, protect="renamed" not in trial.kind
    )


def _before_the_command(outcome: Outcome) -> bool:
    """Say whether Python itself was interrupted, before it came to anything of ours."""
    alone = b"KeyboardInterrupt" in outcome.err and b"/mfh/" not in outcome.err
    return alone or (outcome.code == -signal.SIGINT and not outcome.err and not outcome.out)


def _two(trial: Trial, step: Step) -> None:
    """Run the same twice at once, with two focal lengths, and see that nothing of the two is mixed."""
    before = trial.remember(step)
    trees = [trial.root / "streams", Path(f"{trial.root}-two")]
    engine.make_root(trees[1])
    steps = [step, replace(step, words=(*step.words, *(("--focal-px", "150") if "evaluate" not in step.words else ())))]
    base = trial.setting.base
    running = []
    begin = time.monotonic()
    # Streams of their own, in one working folder.
    for number, one in enumerate(steps):
        root = trial.root if number == 0 else trees[1]
        if number == 1:
            shutil.rmtree(trees[1] / "work")
            (trees[1] / "work").symlink_to(trial.root / "work")
        running.append((root, one, process.start(one, root, base, Arranged())))
    try:
        outcomes = [process.finish(started, root, begin) for root, _, started in running]
        # Judged when both are done: what one has begun is no leftover of the other.
        for (_, one, _), outcome in zip(running, outcomes, strict=True):
            trial.judged(one, outcome, before)
            if "--json" in one.words and outcome.code == 0:
                _own_result(trial, one, outcome)
    finally:
        for _, _, started in running:
            process.stop(started)
        shutil.rmtree(trees[1], ignore_errors=True)


def _own_result(trial: Trial, step: Step, outcome: Outcome) -> None:
    """See that a run that says it is done has said where, and that a receipt lies there."""
    for photo in json.loads(outcome.out).get("photos", []):
        folder = photo.get("folder")
        if folder and not (trial.root / "work" / folder / "receipt.json").is_file():
            trial.fail(Failure("lost", f"{folder} was said to be done, and has no receipt"))
