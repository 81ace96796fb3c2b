"""Files: a whole input of some reader, one of its files damaged, and the command that reads it."""

import importlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.fuzz import engine
from tests.fuzz.case import Failure, Report, Setting
from tests.fuzz.corpus import clips, evaluations, maps, models, photos, results
from tests.fuzz.corpus.evaluations import expand
from tests.fuzz.corpus.reader import Plan, Reader
from tests.fuzz.damage import damage_file
from tests.fuzz.trial import Trial

READERS: dict[str, Reader] = {
    reader.name: reader for module in (photos, clips, maps, results, models, evaluations) for reader in module.READERS
}
"""Every kind of file the product reads."""
_BYSTANDERS = {
    "work/out/notes.txt": "of the user",
    "work/out/strip.png": "of the user: no picture",
    "work/out/holiday/evidence.npz": "of the user: no evidence",
    "work/mine.txt": "of the user",
}
"""Files of the user's that lie in the way."""


def readers(*, short: bool) -> list[Reader]:
    """Return the readers of a run.

    Args:
        short: only the quick ones.
    """
    return [reader for reader in READERS.values() if reader.short or not short]


def whole_keys(chosen: Sequence[Reader]) -> list[str]:
    """Return a key for every variant of every reader, to be tried undamaged.

    Args:
        chosen: the readers.
    """
    return [f"whole:{reader.name}:{variant}" for reader in chosen for variant in dict.fromkeys(reader.variants)]


def file_keys(chosen: Sequence[Reader], count: int) -> list[str]:
    """Return keys of damaged files, the readers by their weights and each at least once.

    Args:
        chosen: the readers.
        count: how many keys.
    """
    total = sum(reader.weight for reader in chosen)
    keys: list[str] = []
    for reader in chosen:
        share = max(1, round(count * reader.weight / total))
        keys += [f"files:{reader.name}:{number}" for number in range(share)]
    return keys


def build(setting: Setting, chosen: Sequence[Reader]) -> None:
    """Write the whole inputs of readers, and import what they need, before anything is forked.

    Args:
        setting: where.
        chosen: the readers.
    """
    for reader in chosen:
        for module in reader.modules:
            importlib.import_module(module)
        root = setting.corpus / reader.name
        engine.make_root(root)
        reader.build(root, lambda step, root=root: engine.run(step, root, setting.base, deadline_s=300))


def run_case(setting: Setting, key: str) -> Report:
    """Try one file.

    Args:
        setting: of the run.
        key: "files:READER:NUMBER", or "whole:READER:VARIANT".
    """
    group, name, which = key.split(":", 2)
    reader, rng = READERS[name], setting.rng(key)
    damaged = group == "files"
    variant = rng.choice(list(reader.variants)) if damaged else which
    plan = reader.plan(variant, rng)
    with Trial(setting, key, f"{group} {name}") as trial:
        for part in ("work", "weights"):
            if (setting.corpus / name / part).is_dir():
                shutil.copytree(setting.corpus / name / part, trial.root / part, dirs_exist_ok=True, symlinks=True)
        for step in plan.setup:
            outcome = trial.run(step, protect=False)
            if outcome.code != 0:
                trial.fail(Failure("whole", f"the first run ended with {outcome.code}: {outcome.err[:200]!r}"))
                return trial.report()
        _put_bystanders(trial.root, plan)
        if damaged:
            plan = _renamed(trial, plan, rng) if name == "photo" else plan
            trial.recipe = _damage(trial.root, plan, rng, setting.corpus / name)
        steps = plan.steps if damaged else tuple(replace(step, codes=plan.whole) for step in plan.steps)
        for step in steps:
            trial.run(step, check_results=not plan.setup or damaged)
    return trial.report()


def _damage(root: Path, plan: Plan, rng: Random, corpus: Path) -> str:
    targets = [target for target in expand(root, list(plan.targets)) if (root / target).is_file()]
    if not targets:
        return "nothing to damage"
    done = []
    for target in rng.sample(targets, min(len(targets), rng.choices((1, 2), (9, 1))[0])):
        donors = [path for path in (corpus / "work").rglob("*") if path.is_file()]
        done.append(f"{Path(target).name!r}: {damage_file(root / target, rng, donors=donors)}")
    return "; ".join(done)


def _put_bystanders(root: Path, plan: Plan) -> None:
    for name, content in _BYSTANDERS.items():
        path = root / name
        # What the plan itself made may not be disturbed.
        if not path.exists() and not (plan.setup and name.startswith("work/out")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


def _renamed(trial: Trial, plan: Plan, rng: Random) -> Plan:
    """Give the photo an odd name now and then: another ending, or one that no system likes."""
    if rng.random() < 0.75:
        return plan
    (target,) = plan.targets
    old = Path(target).name
    new = (
        rng.choice(photos.ODD_NAMES)
        if rng.random() < 0.6
        else f"{Path(old).stem}.{rng.choice(('jpg', 'png', 'tif', 'eps', ''))}"
    )
    if (trial.root / "work" / new).exists():
        return plan
    (trial.root / target).rename(trial.root / "work" / new)
    name = f"./{new}" if new.startswith("-") else new
    steps = tuple(
        replace(step, words=tuple(name if word == old else word for word in step.words)) for step in plan.steps
    )
    return replace(plan, steps=steps, targets=[f"work/{new}"])
