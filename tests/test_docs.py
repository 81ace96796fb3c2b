"""The documentation is true: links and anchors resolve, commands parse, Python imports, references match the code."""

import ast
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import typer

import mfh
from mfh.cli.app import app

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
CLI = DOCS / "reference" / "cli.md"

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def fences(path: Path) -> Iterator[tuple[str, str]]:
    return ((match[2], match[3]) for match in _FENCE.finditer(path.read_text(encoding="utf-8")))


def without_fences(path: Path) -> str:
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub, and the site, give to the headings of a page."""
    titles = re.findall(r"^#{1,6} +(.+?) *$", without_fences(path), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one).replace("`", "") for one in titles)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in plain}


def links(path: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "", without_fences(path))
    return [one for one in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", one)]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_and_anchors_resolve(path):
    for link in links(path):
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{name_of(path)} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(file), f"{name_of(path)} links to {link}: {sorted(anchors(file))}"


def command_lines(path: Path) -> Iterator[str]:
    """Lines of fenced blocks that run mfh, without comments, pipes and what is continued."""
    for language, text in fences(path):
        for line in text.replace("\\\n", " ").splitlines():
            line = line.strip()
            if language == "console":
                if not line.startswith("$ "):
                    continue
                line = line[2:]
            if line.startswith("mfh ") and "..." not in line:
                yield re.split(r" (?:\||;|&&|>) ?|\s#|; ", line)[0].strip()


def parse(words: list[str]) -> None:
    """Raise what Typer raises for these arguments; nothing runs."""
    command = typer.main.get_command(app)
    context = command.make_context("mfh", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        _, command, rest = command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(command.name, list(rest), parent=context)


@pytest.mark.parametrize("path", [one for one in PAGES if one != CLI], ids=name_of)
def test_commands_parse(path):
    wrong = {}
    for line in command_lines(path):
        try:
            parse(shlex.split(line)[1:])
        except typer.TyperException as error:
            wrong[line] = error.format_message()
    assert not wrong


@pytest.mark.parametrize("path", [one for one in PAGES if one != CLI], ids=name_of)
def test_commands_within_sentences_parse_but_for_what_is_left_out(path):
    for line in re.findall(r"`(mfh [^`|…]+)`", without_fences(path)):
        try:
            parse(shlex.split(line)[1:])
        except typer.Exit:
            assert line.endswith(("--help", "--version"))
        except typer.TyperException as error:
            message = error.format_message().strip()
            # A group without a command answers with its help.
            assert message.startswith(("Missing", "Usage")), f"{name_of(path)}: {line}: {message}"


def test_a_wrong_command_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ mfh predict a.jpg --no-such | head\nmfh output\n```\n\n```\nmfh nothing  # so\n```\n"
    )
    lines = list(command_lines(page))
    assert lines == ["mfh predict a.jpg --no-such", "mfh nothing"]
    for line in lines:
        with pytest.raises(typer.TyperException):
            parse(shlex.split(line)[1:])


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_python_compiles_and_its_imports_resolve(path):
    for language, text in fences(path):
        if language == "python":
            check_python(text, name_of(path))


@pytest.mark.parametrize(
    "text",
    [
        "from mfh import Nothing",
        "from mfh.pipeline.own_depth import metric_from_relative_depth",
        'from mfh import MetricFromHuman\nMetricFromHuman.from_preset("pocket")("a.jpg", known=None)',
        'from mfh import MetricFromHuman\nrun = MetricFromHuman.from_preset("pocket")\nrun("a.jpg", region=None)',
        "from mfh import refit\nrefit(None, known=None)",
    ],
)
def test_wrong_python_is_found(text):
    with pytest.raises(AssertionError):
        check_python(text, "page")


def named_files(text: str) -> list[str]:
    """Python files of the repository that a text names by their path from its root."""
    return re.findall(r"(?<![\w/.-])((?:tests|src|benchmarks|examples)/[\w/.-]+?\.py)\b", text)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_python_files_that_are_named_exist(path):
    for one in named_files(path.read_text(encoding="utf-8")):
        assert (REPOSITORY / one).is_file(), f"{name_of(path)} names {one}, which is not there"


def test_files_are_found_in_text_links_and_commands():
    text = "`tests/a/b.py`, [x](../tests/c.py) (src/mfh/d.py), `python benchmarks/e_f.py FOLDER`; out/examples/g.py"
    assert named_files(text) == ["tests/a/b.py", "src/mfh/d.py", "benchmarks/e_f.py"]


def calls(tree: ast.AST) -> Iterator[tuple[Callable[..., object], ast.Call]]:
    """Calls of public names, and of a pipeline that a public name gives."""
    pipelines = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("MetricFromHuman")
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        makes_pipeline = re.fullmatch(r"MetricFromHuman(\.from_preset)?\(.*\)", name, re.DOTALL) is not None
        if makes_pipeline or name in pipelines:
            yield mfh.MetricFromHuman.__call__, node
        elif name in mfh.__all__:
            yield getattr(mfh, name), node


def check_python(text: str, where: str) -> None:
    """Public names come from mfh itself, imports resolve, and calls of public names have arguments that exist."""
    tree = ast.parse(text, where)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                importlib.import_module(one.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for one in node.names:
                assert hasattr(module, one.name), f"{where}: no {one.name} in {node.module}"
                assert node.module == "mfh" or one.name not in mfh.__all__, f"{where}: {one.name} is public: from mfh"
    for called, node in calls(tree):
        signature = inspect.signature(called)
        given = {one.arg for one in node.keywords if one.arg}
        known = set(signature.parameters)
        variable = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
        assert variable or given <= known, f"{where}: {ast.unparse(node)}: no {given - known}"


@pytest.mark.slow
def test_python_of_the_first_pages_runs(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from matplotlib import use

    use("agg")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(DOCS)
    (tmp_path / "photo.jpg").symlink_to(DOCS / "images" / "meeting.jpg")
    photo = str(DOCS / "images" / "meeting.jpg")
    (tmp_path / "out" / "meeting").mkdir(parents=True)
    mfh.save_evidence("out/meeting/evidence.npz", mfh.MetricFromHuman.from_preset("pocket").gather(photo))
    mfh.refit(mfh.load_evidence("out/meeting/evidence.npz")).save("out/depth-of-meeting")
    pages = (
        "README.md",
        "docs/tutorial.md",
        "docs/guide/focal.md",
        "docs/guide/point_cloud.md",
        "docs/guide/formats.md",
    )
    for page in pages:
        names: dict[str, object] = {}
        for language, text in fences(REPOSITORY / page):
            if language == "python":
                text = text.replace("out/meeting/depth.npz", "out/depth-of-meeting/depth.npz")
                exec(compile(text, page, "exec"), names)
    assert (tmp_path / "meeting.ply").stat().st_size > 9_000_000
    assert {one.name for one in (tmp_path / "out").iterdir()} >= {"photo", "meeting-again"}


def test_the_readme_is_short_and_begins_with_the_two_commands():
    readme = REPOSITORY / "README.md"
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= 90
    _, first = next(fences(readme))
    assert [line.split("  ")[0] for line in first.splitlines()] == ["make demo", "make test"]
    for link in links(readme):
        if link.endswith((".jpg", ".png")):
            assert (REPOSITORY / link).stat().st_size < 300_000, link


def test_the_command_reference_is_that_of_the_commands():
    made = tool("cli_reference").cli_reference()
    assert CLI.read_text(encoding="utf-8") == made, "docs/reference/cli.md is old: make docs"


def test_the_python_reference_has_every_public_name():
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^::: mfh\.(\w+)$", text, re.MULTILINE)) == set(mfh.__all__)


def test_the_files_reference_lists_what_is_written(tmp_path, metric_depth):
    text = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    folder = metric_depth.save(tmp_path / "photo")
    with np.load(folder / "depth.npz", allow_pickle=False) as arrays:
        names = set(arrays.files)
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    names |= set(receipt) | set(receipt["landmarks"][0]) | set(receipt["head"])
    assert not {one for one in names if f"`{one}`" not in text}


def test_the_pages_on_formats_have_every_format_and_field():
    from mfh.io.formats import FORMATS
    from mfh.io.schema import DepthAbout

    guide = (DOCS / "guide" / "formats.md").read_text(encoding="utf-8")
    reference = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \| `([\w.-]+)` \|", guide, re.MULTILINE) == [
        (name, one.file) for name, one in FORMATS.items()
    ]
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w.-]+)` \| `(\w+)` \|$", reference, re.MULTILINE)
    assert rows == [(name, one.file, one.kind) for name, one in FORMATS.items()]
    assert not [one.name for one in fields(DepthAbout) if f"`{one.name}`" not in guide]


def test_the_map_names_modules_that_exist():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    for one in re.findall(r"`((?:mfh_lab/|examples/|tests/)?[\w/]+\.py)", text):
        roots = (REPOSITORY / "src", REPOSITORY / "src" / "mfh", REPOSITORY)
        assert any((root / one).is_file() for root in roots), one


def test_console_blocks_are_run_again(tmp_path):
    text = "# A\n\n```console\n$ echo one; echo two\nold\n$ mfh --version\n```\n\n```\n$ echo no\n```\n"
    expected = f"# A\n\n```console\n$ echo one; echo two\none\ntwo\n$ mfh --version\nmfh {mfh.__version__}\n```\n"
    assert tool("console_blocks").rerun(text, tmp_path) == expected + "\n```\n$ echo no\n```\n"


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings_handlers.python")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from_preset" in (tmp_path / "reference" / "api.html").read_text(encoding="utf-8")
