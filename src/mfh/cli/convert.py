"""``mfh convert``: depth that is there already in other formats, without any model."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.exits import EXIT_DONE, failure_line
from mfh.cli.flags import AsJson, FormatOptions
from mfh.cli.groups import grouped
from mfh.cli.json_answer import print_json
from mfh.errors import InputError, shown

if TYPE_CHECKING:
    from mfh.io.convert import Converted
    from mfh.io.formats import Formats


@grouped
def convert(
    form: FormatOptions,
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of results, or of folders of results; or one file of depth, with --out.", show_default=False
        ),
    ],
    photo: Annotated[
        Path | None,
        typer.Option(
            help="The photo, for formats with colours, where it has moved; of one result.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the files of one result; beside the depth where not given."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Write depth that was measured before in other formats: point cloud, mesh, EXR, normals, camera."""
    try:
        if not form.formats:
            raise InputError("no format given: expected at least one, as in mfh convert out/photo --format glb")
        formats = form.chosen()
        sources = list(dict.fromkeys(_sources(results)))
        for flag, path in (("--photo", photo), ("--out", out)):
            if path is not None and len(sources) > 1:
                raise InputError(f"{flag} {shown(path)} is for one result, and there are {len(sources)}: name that one")
    except InputError as error:
        if as_json:
            print_json({"results": [], "error": str(error)})
        raise
    done: list[dict[str, object]] = []
    codes = []
    for source in sources:
        try:
            converted = _convert(source, formats, photo, out)
            if not as_json:
                print(*_lines(source, converted), sep="\n", flush=True)
            done.append(
                {
                    "source": str(source),
                    "folder": str(converted.folder),
                    "files": list(converted.files),
                    "warnings": list(converted.notes),
                }
            )
        except Exception as error:
            line, code = failure_line(error, about=str(source))
            print(f"mfh: {line}", file=sys.stderr)
            done.append({"source": str(source), "error": line})
            codes.append(code)
    if as_json:
        print_json({"results": done})
    return min(codes, default=EXIT_DONE)


def _sources(results: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders of single results, and files."""
    from mfh.io.results import result_folders

    for path in results:
        if not os.path.exists(path):
            raise InputError(
                f"no such file or folder: {shown(path)}; expected results of mfh predict, or a file of depth"
            )
        if not os.path.isdir(path):
            yield path
            continue
        found = result_folders(path)
        if not found:
            raise InputError(
                f"{shown(path)} holds no results: expected a folder that mfh predict or mfh refit wrote to"
            )
        yield from found


def _convert(source: Path, formats: "Formats", photo: Path | None, out: Path | None) -> "Converted":
    from mfh.io.convert import convert_file, convert_results

    if os.path.isdir(source) and out is None:
        return convert_results(source, formats, photo=photo)
    if out is None:
        raise InputError(f"{shown(source)} is a file: say where to, with --out FOLDER")
    return convert_file(source, out, formats, photo=photo)


def _lines(source: Path, converted: "Converted") -> list[str]:
    rows = [("files", f"{converted.folder}/ ({', '.join(converted.files)})")]
    rows += [("note", note) for note in converted.notes]
    return [shown(line) for line in (str(source), *(f"  {name:<13} {text}" for name, text in rows))]
