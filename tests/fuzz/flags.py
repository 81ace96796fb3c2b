"""Flags: random words for every command there is, found by asking the command itself."""

import shutil
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fuzz import engine
from tests.fuzz.case import Report, Setting, Step
from tests.fuzz.corpus import clips, evaluations, maps, models, results
from tests.fuzz.corpus.photos import MAKES, ODD_NAMES, example, image
from tests.fuzz.guard import ANYWHERE
from tests.fuzz.trial import Trial

CORPUS = "flags"
NASTY = (
    *("", " ", "nan", "inf", "-inf", "1e999", "-1", "-0", "0", "1e-300", "1e300", "9" * 400, "9" * 5000, "0x10", "1_0"),
    *("99999999999999999999", "\N{FULLWIDTH DIGIT ONE}", "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT FIVE}", "1,5"),
    *("true", "None", "-", "--", "--json", "-x", "--help", "--no-such", "photo.jpg", ".", "..", "out", "nowhere/x"),
    *("/dev/null", "/dev/full", "/proc/self/nothing", "~", "~nobody/x", "a\nb", "\x1b[31mred", "\udcff", "x" * 300),
    *("x" * 5000, "\N{SNOWMAN}" * 300, "%s%n", "{}", "$HOME", "1,2", "1,2:3,4", "1,2:3,4=5", "5=1.8", "0=1.80", "="),
    *(
        "a=b",
        "=b",
        "a=",
        "hf:",
        "hf:a",
        "hf:a/b",
        "hf:../../x/y",
        "hf:a/b@c",
        "1/0",
        "1e5m",
        "nanm",
        "1/256",
        "m",
        "()",
    ),
    *("notes.txt", "evidence.npz", "data", "empty", "1e99999999", "0/0", "\N{NO-BREAK SPACE}", "10%", "1;2", "'", '"'),
)
"""Values that no flag expects."""
LIKELY: dict[str, tuple[str, ...]] = {
    "--out": ("out", "out/deep/er", "data", "notes.txt", ".", "evidence.npz", "photos", "out/photo"),
    "--preset": ("pocket", "pocket", "standard", "paper"),
    "--people": ("paint", "only", "auto", "own", "none"),
    "--painter": ("sprite", "sprite", "sd2", "hf:a/b", "data"),
    "--relative-depth-model": ("pocket", "pocket", "marigold", "data", "./nowhere"),
    "--person-segmenter": ("blazepose", "blazepose", "mask_rcnn"),
    "--human-mesh": ("blazepose", "blazepose", "hmr2", "hmar", "token-hmr", "multi-hmr2", "sam-3d-body"),
    "--fov-from": ("depth-pro", "moge"),
    "--paintings": ("1", "2", "1,2", "0"),
    "--attempts": ("1", "3"),
    "--budget": ("1s", "0.5s", "1m"),
    "--until-interval": ("0.5", "0.1"),
    "--evidence": ("body", "contact", "either", "auto"),
    "--head": ("consensus", "silog"),
    "--focal-px": ("150", "60", "18", "1e6", "0.001"),
    "--fov-x-deg": ("60", "40", "0.5", "179.9", "0.9"),
    "--focal-35mm": ("28", "50", "4.25", "5000"),
    "--intrinsics": ("sized.json", "plain.json", "nerfstudio.json", "photo.jpg"),
    "--person-height": ("1.80", "0=1.80", "180cm", "7=1.8"),
    "--known-distance": ("20,30=3m", "60,40=4m", "0,0=1e9m", "63,47=0.001m", "64,48=2m", "20,30=300cm"),
    "--known-size": ("10,10:10,40=2m", "5,5:50,5=1m", "1,1:1,1=2m", "0,0:63,47=1e9m"),
    "--known-length": ("10,10:10,40=2m", "5,5:50,5=1m", "1,1:1,1=2m", "0,0:63,47=1e9m"),
    "--region": ("3,3:40,40", "0,0:63,47", "40,40:3,3", "5,5:5,5"),
    "--measure": ("1,1:40,40", "2,2:60,40", "0,0:0,0", "-1,0:3,3"),
    "--relative-depth": ("f4.npy", "larger.npy", "grey.png", "photo.jpg"),
    "--format": ("npz,npy", "png256,camera", "exr", "glb,mesh-glb", "ply,mesh-ply", "normals,normals-npy", "jpg", ","),
    "--max-points": ("100", "1", "1000000", "0"),
    "--space": ("depth", "disparity"),
    "--max-megapixels": ("1", "50", "0.001", "1e9"),
    "--exclude": ("0", "1", "0,0", "7", "0,1,2,3"),
    "--seed": ("0", "3", "-1"),
    "--root": ("data", "data", "folder=data", "empty", "data/garden"),
    "--split": ("list.txt", "list.txt", "notes.txt"),
    "--protocol": ("paper", "authors_code"),
    "--method": ("mfh", "mfh", "hf:a/b", "data", "x=hf:a/b"),
    "--predictions": ("npy", "npz", "ours=ours", "rival=rival", "ours=npy", "data", "empty"),
    "--unit": ("m", "mm", "1/256", "0.5", "1e308"),
    "--limit": ("1", "5", "0", "-1"),
    "--dataset": ("folder", "folder", "pocket", "nyu"),
    "--photos": ("photos", "photos/hall.png", "photo.jpg", "empty"),
    "--key": ("out/key.json", "key.json", "made/key.json", "out"),
    "--bars": ("bars.csv", "notes.txt"),
    "--max-m": ("10", "80", "0"),
    "--note": ("hello", "</script><script>"),
    "--scores": ("near=near", "far=far/scores.csv", "near"),
    "--shots": ("shots.csv",),
    "--training": ("photos", "photo.jpg"),
    "--features": ("data", "hf:a/b"),
    "--photo": ("photo.jpg", "plain.png", "evidence.npz"),
    "--samples": ("garden", "1"),
    "--count": ("1", "0", "2"),
    "--error-cap": ("0.5", "0", "-1"),
    "--data": ("data", "empty"),
    "--bank": ("evidence.npz", "nowhere.npz"),
    "--workers": ("1", "0"),
    "--shard": ("1/2", "2/2", "3/2", "0/1"),
    "--max-failure-rate": ("0", "0.5", "1", "2"),
    "--width": ("40", "0"),
    "--height": ("32", "1"),
    "--scenes": ("1", "0"),
    "--seeds": ("1", "0"),
    "--models": ("oracle", "trained", "both"),
    "--noise": ("clean", "clean,noisy"),
    "--first-seed": ("7000000", "-1"),
    "--steps": ("1",),
    "--batch": ("1", "0"),
    "--start": ("notes.txt", "tiny.safetensors"),
    "--port": ("0", "1", "70000", "-1"),
    "--from": ("0", "0.1", "0.3", "5"),
    "--to": ("0.4", "1", "0.1", "0"),
    "--every": ("1", "2", "0", "1000000"),
    "--size": ("64", "1280", "96", "63", "8193"),
    "--people-every": ("0.1", "0.5", "0", "1e6"),
}
"""Values that a flag may have, some of them wrong."""
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "photos": ("photo.jpg", "plain.png", "turned.tif", "absent.jpg", "evidence.npz", "./photo.jpg", *ODD_NAMES[:3]),
    "evidence": ("evidence.npz", "notes.txt", "absent.npz"),
    "answers": ("anna.json", "bela.json", "notes.txt"),
    "model": ("hmr2", "hmar", "smpl"),
    "checkpoint": ("notes.txt", "evidence.npz"),
    "name": ("blazepose", "smpl", "hf:a/b", "table4", "table1", "fig5", "sd2", "pocket-depth"),
    "results": ("measured", "measured/photo", "measured/photo/depth.npz", "photo.jpg", "empty", "evidence.npz"),
    "names": ("smpl", "blazepose", "hf:a/b"),
    "out": ("out", "made", "photos", "notes.txt"),
    "inputs": ("photo.jpg", "photos", "list.txt", "bars.csv", "absent.jpg", "status", "out", "empty", "*.tif"),
    "clip": ("walk.mkv", "walk", "photos", "photo.jpg", "empty", "absent.mp4", "notes.txt", "evidence.npz"),
    "folder": ("carried/org--name", "out", "carried", "data", "notes.txt", "out/photo"),
}
_BY_COMMAND: dict[str, dict[str, tuple[str, ...]]] = {
    "study make": {"--predictions": ("ours=ours", "rival=rival"), "--photos": ("photos", "photos")},
    "video": {
        "--relative-depth": ("clip.npy", "clip.npy", "f4.npy", "walk", "empty"),
        "--person-height": ("1.80", "180cm", "0=1.80", "7=1.8"),
        "--out": ("out", "out", "walk", "notes.txt"),
    },
    "reproduce": {"--predictions": ("a=npy", "b=npz"), "--samples": ("garden", "garden"), "--out": ("out", "fig")},
}
"""Start of a command -> flag -> values that are right for it alone."""
# What is said with a flag, and what is not, by somebody who read the manual.
_TOGETHER = {
    "--predictions": ("--unit", "m"),
    "--relative-depth": ("--space", "depth"),
    "--dataset": ("--root", "data"),
}
_ONE_OF = (
    ("--focal-px", "--fov-x-deg", "--focal-35mm", "--intrinsics", "--fov-from"),
    ("--max-m", "--bars"),
    ("--predictions", "--method", "--preset", "--people", "--painter", "--relative-depth-model", "--person-segmenter"),
    ("--relative-depth", "--relative-depth-model"),
)
# Seconds after which a command that may go on for hours is interrupted, as a user would.
_PATIENCE_S = {"batch": 4.0, "annotate": 1.5, "pocket": 2.0, "reproduce": 4.0, "evaluate pocket": 2.0, "demo": 8.0}
_PATIENCE_S |= {"video": 12.0}
_WEIGHTS = {"predict": 14.0, "refit": 7.0, "video": 3.0, "evaluate folder": 4.0, "study make": 3.0}
_WEIGHTS |= {"demo": 0.3, "doctor": 0.3}


@dataclass(frozen=True)
class Command:
    """One command as it describes itself.

    Attributes:
        path: its words.
        options: name -> whether it takes a value; of a pair --a/--no-a, both.
        arguments: names, and whether each takes several.
    """

    path: tuple[str, ...]
    options: dict[str, bool]
    arguments: dict[str, bool]

    @property
    def name(self) -> str:
        """Its words together."""
        return " ".join(self.path)


def commands() -> dict[str, Command]:
    """Return every command there is."""
    import typer

    from mfh.cli.app import app

    return {one.name: one for one in _below(typer.main.get_command(app), ())}


def _below(command: Any, path: tuple[str, ...]) -> list[Command]:
    inside = getattr(command, "commands", None)
    if inside:
        return [one for name, sub in inside.items() for one in _below(sub, (*path, name))]
    options: dict[str, bool] = {}
    arguments: dict[str, bool] = {}
    for one in command.params:
        if one.param_type_name == "option":
            options |= {name: not one.is_flag for name in (*one.opts, *one.secondary_opts)}
        else:
            arguments[one.name] = one.nargs == -1
    return [Command(path, options, arguments)]


def keys(count: int) -> list[str]:
    """Return keys of sets of flags, the commands by weight and each at least once.

    Args:
        count: how many keys.
    """
    found = commands()
    weights = {name: _WEIGHTS.get(name, 1.0) for name in found}
    total = sum(weights.values())
    return [
        f"flags:{name}:{number}"
        for name, weight in weights.items()
        for number in range(max(1, round(count * weight / total)))
    ]


def build(setting: Setting) -> None:
    """Write a folder with something for every flag.

    Args:
        setting: where.
    """
    root = setting.corpus / CORPUS
    engine.make_root(root)
    work = root / "work"

    def run(step: Step):
        return engine.run(step, root, setting.base, deadline_s=300)

    for build_part in (maps.build_maps, maps.build_intrinsics, evaluations.build_answers, evaluations.build_study):
        build_part(root, run)
    results.build_evidence(root, run)
    models.build_weights(root, run)
    (work / "seen.npz").rename(work / "evidence.npz")
    example().save(work / "photo.jpg", quality=92)
    image().save(work / "plain.png")
    (work / "turned.tif").write_bytes(MAKES["turned.tif"]())
    for name in ODD_NAMES[:3]:
        image().save(work / name, "JPEG")
    (work / "notes.txt").write_text("of the user\n")
    (work / "list.txt").write_text("garden\n")
    (work / "shots.csv").write_text("photo,angle,distance\ngarden,level,wide\n")
    clips.build_clip(work)
    (work / "empty").mkdir()
    for label in ("near", "far"):
        (work / label).mkdir()
        (work / label / "scores.csv").write_text("name,answered,delta1,abs_rel\ngarden,1,0.9,0.1\n")
    shutil.rmtree(work / "painted", ignore_errors=True)
    (work / "seen").rename(work / "measured")


def draw(command: Command, rng: Random) -> Step:
    """Draw words for a command.

    Args:
        command: whose.
        rng: numbers to draw from.
    """
    words = list(command.path)
    # Half of them could come from somebody who read the manual, to get past the first check.
    mild = rng.random() < 0.5
    asks_json = "--json" in command.options and rng.random() < 0.5
    if asks_json:
        words.append("--json")
    parts: list[list[str]] = []
    counted = 0
    for name, several in command.arguments.items():
        likely = _ARGUMENTS.get(name, NASTY)
        likely = likely[:2] if mild else likely
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3)) if several and not mild else mild or rng.random() < 0.9):
            parts.append([rng.choice(likely if mild or rng.random() < 0.85 else NASTY)])
            counted += 1
    required = {"--root", "--photos", "--predictions", "--out", "--key", "--scores", "--shots", "--photo", "--data"}
    names = [name for name in command.options if name != "--json"]
    chosen = rng.sample(names, min(len(names), rng.choice((0, 1, 1, 2, 2, 3, 5))))
    chosen += [name for name in names if name in required and name not in chosen and (mild or rng.random() < 0.85)]
    if mild:
        chosen = _sensible(command, chosen)
    for name in chosen:
        if mild and command.name == "study make" and name == "--predictions":
            parts += [[name, "ours=ours"], [name, "rival=rival"]]
            continue
        for _ in range(1 if mild else rng.choices((1, 2), (12, 1))[0]):
            parts.append(_option(command, name, rng, mild=mild))
    if "--browser" in command.options:
        parts = [part for part in parts if part[0] != "--browser"] + [["--no-browser"]]
    rng.shuffle(parts)
    if not mild and rng.random() < 0.05:
        parts.insert(rng.randrange(len(parts) + 1), [rng.choice(("--no-such", "-z", "--", "surplus", ""))])
    words += [word for part in parts for word in part]
    asks_help = any(word in ("--help", "--version") for word in words)
    return Step(
        tuple(words),
        outputs=(ANYWHERE,),
        named=tuple(part[-1].removeprefix("--out=") for part in parts if part[0].startswith(("--out", "-o", "--key"))),
        owned=("home",),
        wants_json=asks_json and not asks_help,
        most_errors=20 if command.path[0] == "weights" else max(1, counted, 2 * (command.name == "evaluate pocket")),
        quiet_refusal="--check" in words,
        codes=frozenset({0, 2, 3, 130}),
        # Models may be named by where they are on the hub.
        connects=True,
    )


def _sensible(command: Command, chosen: list[str]) -> list[str]:
    """Leave out what contradicts, and add what belongs together."""
    kept: list[str] = []
    for name in chosen:
        rivals = {one for group in _ONE_OF if name in group for one in group} - {name}
        if not rivals & set(kept) or "evaluate" not in command.path and name == "--preset":
            kept.append(name)
    more = [partner for name, (partner, _) in _TOGETHER.items() if name in kept and partner in command.options]
    more = [partner for partner in more if partner not in kept]
    without = [name for name, (partner, _) in _TOGETHER.items() if partner in kept and name in command.options]
    alone = {_TOGETHER[name][0] for name in without if name not in kept} - {"--root"}
    return [name for name in (*kept, *more) if name not in alone]


def _option(command: Command, name: str, rng: Random, *, mild: bool) -> list[str]:
    if not command.options[name]:
        return [name]
    likely = LIKELY.get(name, NASTY)
    own = next((values for start, values in _BY_COMMAND.items() if command.name.startswith(start)), {})
    if mild:
        return [name, rng.choice(own.get(name, likely[:2]))]
    value = rng.choice(likely if rng.random() < 0.65 else NASTY)
    which = rng.random()
    if which < 0.03:
        return [name]
    return [f"{name}={value}"] if which < 0.2 else [name, value]


def run_case(setting: Setting, key: str) -> Report:
    """Try one set of flags.

    Args:
        setting: of the run.
        key: "flags:COMMAND:NUMBER".
    """
    _, name, _ = key.split(":", 2)
    command = commands()[name]
    step = draw(command, setting.rng(key))
    with Trial(setting, key, f"flags {command.path[0]}") as trial:
        for part in ("work", "weights"):
            shutil.copytree(setting.corpus / CORPUS / part, trial.root / part, dirs_exist_ok=True, symlinks=True)
        patience = next((seconds for start, seconds in _PATIENCE_S.items() if name.startswith(start)), None)
        trial.run(step, interrupt_s=patience)
    return trial.report()
