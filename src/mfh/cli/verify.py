"""``mfh verify``: whether results are still what was written."""

from pathlib import Path
from typing import Annotated

import typer

from mfh.cli.exits import EXIT_DONE, EXIT_INPUT
from mfh.cli.flags import AsJson
from mfh.cli.json_answer import print_json
from mfh.errors import InputError


def verify(
    out: Annotated[Path, typer.Argument(help="A folder of results, or of folders of results.", show_default=False)],
    as_json: AsJson = False,
) -> int:
    """Say whether results are whole: every file that a receipt lists is there, byte for byte."""
    from mfh.io.results import check_results, result_folders

    try:
        if not out.is_dir():
            raise InputError(f"no such folder: {out}; expected one that mfh predict or mfh refit wrote to")
        checked = [check_results(folder) for folder in result_folders(out)]
        if not checked:
            raise InputError(f"{out} holds no results: expected a folder that mfh predict or mfh refit wrote to")
    except InputError as error:
        if as_json:
            print_json({"results": [], "error": str(error)})
        raise
    if as_json:
        print_json(
            {"results": [{"folder": str(o.folder), "files": o.files, "problems": list(o.problems)} for o in checked]}
        )
    else:
        for one in checked:
            for problem in one.problems or (f"whole: {one.folder} ({one.files} files)",):
                print(problem)
    broken = sum(bool(one.problems) for one in checked)
    if broken and not as_json:
        raise InputError(f"{broken} of {len(checked)} results in {out} {'is' if broken == 1 else 'are'} not whole")
    return EXIT_INPUT if broken else EXIT_DONE
