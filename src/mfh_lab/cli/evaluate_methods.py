"""``mfh evaluate methods``: the methods that can be named, what each is, and whether it can run here."""

import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import AsJson
from mfh.cli.json_answer import print_json
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh_lab.evaluation.methods.known import KnownMethod

_CAMERA = {"needed": "input", "optional": "own or ?focal=given", "none": "not used"}
_OUTPUT = {"depth": "metric depth", "points": "metric points"}


def methods(
    name: Annotated[
        str | None, typer.Argument(help="Only this one, with everything known of it.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List the methods that --method takes by name: what each is, its licences, and whether it can run here."""
    from mfh_lab.evaluation.methods.known import KNOWN

    if name is not None and name not in KNOWN:
        raise InputError(f"no method is called {name!r}: expected one of {', '.join(KNOWN)}")
    chosen = [KNOWN[name]] if name is not None else [*KNOWN.values()]
    if as_json:
        print_json({"methods": [_object(one) for one in chosen]})
    elif name is not None:
        print("\n".join(_facts(chosen[0])))
    else:
        print("\n".join(_table(chosen)))
    return EXIT_DONE


def _table(chosen: "list[KnownMethod]") -> list[str]:
    from mfh_lab.evaluation.methods.package import missing
    from mfh_lab.evaluation.side_by_side_report import aligned

    lacks = {one.name: missing(one) for one in chosen}
    cells = [["method", "here", "commercial", "camera", "what", "weights"]]
    for one in chosen:
        here = one.way if one.way in ("files", "published") else "no" if lacks[one.name] else "yes"
        what = f"{one.title}: {_OUTPUT[one.output]}"
        cells.append([one.name, here, one.commercial, _CAMERA[one.camera], what, one.weights_licence])
    lines = aligned(cells, width=shutil.get_terminal_size((160, 24)).columns, left=range(6))
    lines += ["", "To get what is missing:"]
    lines += [f"  {name}: {line}" for name, found in lacks.items() for line in found] or ["  nothing is"]
    lines += ["", "By files (--predictions NAME=DIR --unit m), and published numbers:"]
    lines += [f"  {one.name}: {one.install}; then {one.files}" for one in chosen if one.files]
    lines += [f"  {one.name}: {'; '.join(number.text for number in one.published)}" for one in chosen if one.published]
    return [*lines, "", "mfh evaluate methods NAME has licences of code, citation and commands. No legal advice."]


def _facts(one: "KnownMethod") -> list[str]:
    return [
        f"{key.replace('_', ' '):<16}{_text(value)}" for key, value in _object(one).items() if value not in ("", [])
    ]


def _text(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _object(one: "KnownMethod") -> dict[str, object]:
    from mfh_lab.evaluation.methods.package import missing

    lacks = missing(one)
    return {
        "name": one.name,
        "title": one.title,
        "output": _OUTPUT[one.output],
        "camera": _CAMERA[one.camera],
        "way": one.way,
        "runs_here": "by files" if one.way == "files" else "no" if one.way == "published" or lacks else "yes",
        "missing": lacks,
        "code_licence": one.code_licence,
        "weights_licence": one.weights_licence,
        "commercial": one.commercial,
        "shape_space": one.space,
        "weights": one.weights,
        "get_weights": one.fetch,
        "get_package": one.install,
        "files": one.files,
        "published": [number.text for number in one.published],
        "paper": one.paper,
    }
