"""``mfh weights``: model files, where they are, under which licence, and whether they are the right ones."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mfh.cli.exits import EXIT_DONE, EXIT_INPUT, error_line
from mfh.cli.progress import progress_line
from mfh.errors import InputError, MfhError, WeightsError, shown

app = typer.Typer(
    help="Model files: list them, fetch them, verify them, carry them to another machine.", rich_markup_mode=None
)

CommercialOk = Annotated[
    bool, typer.Option("--commercial-ok", help="Only what may be used commercially; says what is left out and why.")
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace", help="Move aside, under another name, what is in the way and is not known to be a model's file."
    ),
]
Preset = Annotated[str | None, typer.Option(help="All that a preset needs.", show_default=False)]
Fetched = Annotated[
    str | None, typer.Option(help="All that a preset needs; pocket where no name is given.", show_default=False)
]


@app.command("list")
def list_files(preset: Preset = None, commercial_ok: CommercialOk = False) -> int:
    """List the model files, where they are, and under which licence."""
    from mfh.weights import store as weights

    cache = weights.cache_folder()
    names = _names(preset)
    chosen, blocked = _permitted(names, preset) if commercial_ok else (names, {})
    for row in status_rows(chosen):
        print(row)
    for name, reason in blocked.items():
        print(f"  {name:<24} left out: {reason}")
    print(f"\nfetched files are kept in {shown(cache)} (MFH_WEIGHTS chooses another folder)")
    return EXIT_DONE


@app.command()
def fetch(
    name: Annotated[
        str | None,
        typer.Argument(
            help="As mfh weights list calls it, or hf:org/name; without it, all of a preset.", show_default=False
        ),
    ] = None,
    preset: Fetched = None,
    commercial_ok: CommercialOk = False,
    replace: Replace = False,
) -> int:
    """Get model files, check their digests and put them in place; nothing is done where they are there already."""
    from mfh.weights.hub import PREFIX

    if name is not None and preset is not None:
        raise InputError("expected one name or --preset NAME: see mfh weights fetch --help")
    if name is None:
        preset = preset or "pocket"
    if name is not None and name.startswith(PREFIX):
        if commercial_ok:
            raise InputError(
                f"the licence of {name} is not known here: read it on the hub, and leave out --commercial-ok"
            )
        names = [name]
    else:
        names = [name] if name is not None else _names(preset)
    names, blocked = _permitted(names, preset) if commercial_ok else (names, {})
    for one, reason in blocked.items():
        print(f"mfh: {one} is left out: {reason}", file=sys.stderr)
    if preset is None:
        for one in names:
            _fetch_one(one, replace=replace)
        return EXIT_INPUT if blocked else EXIT_DONE
    # Of a preset, what is permitted is whole: something takes the place of what is left out.
    return _fetch_all(names, preset, replace=replace)


def _fetch_all(names: list[str], preset: str, *, replace: bool) -> int:
    """Fetch what can be fetched of a preset's models, after saying all that cannot."""
    from mfh.weights import store as weights
    from mfh.weights.absent import absent_of, fetch_line, obstacle_lines

    optional = _optional(preset)
    absent = absent_of([one for one in names if not _is_good(one)])
    for line in obstacle_lines(absent):
        print(f"mfh: {line}", file=sys.stderr)
    if line := fetch_line(absent):
        print(f"fetching {line}")
    still = [one for one in (*absent.by_user, *absent.out_of_reach) if one not in optional]
    for one in names:
        if one in absent.by_user or one in absent.out_of_reach:
            continue
        try:
            _fetch_one(one, replace=replace)
        except MfhError as error:
            if one in optional:
                print(f"mfh: {error_line(error)}; until then {weights.CATALOG[one].without}", file=sys.stderr)
                continue
            print(f"mfh: {error_line(error)}", file=sys.stderr)
            still.append(one)
    if not still:
        return EXIT_DONE
    again = [one for one in still if one not in absent.by_user]
    then = f"run 'mfh weights fetch --preset {preset}' again" if again else "'mfh doctor' says when all of it is here"
    print(f"mfh: preset {preset} still needs {', '.join(still)} (see above): {then}", file=sys.stderr)
    return EXIT_INPUT


def _is_good(name: str) -> bool:
    """Return whether there is nothing to fetch: what the user supplied and is damaged is no matter of fetching."""
    from mfh.weights import store as weights

    return weights.is_here(name) if weights.catalog_model(name).only_by_user else weights.intact(name)


def _fetch_one(name: str, *, replace: bool) -> None:
    """Fetch one model, and say where it is and in which form."""
    from mfh.models.fetching import fetch_model
    from mfh.weights import store as weights
    from mfh.weights.hub import PREFIX

    there = not name.startswith(PREFIX) and weights.intact(name)
    with progress_line(prefix=f"{name}: ") as progress:
        folder = fetch_model(name, replace=replace, progress=progress.update)
    form = _form(folder)
    print(f"{name}: {'already ' if there else ''}in {shown(folder)}{f' ({form})' if form else ''}")
    if not there:
        _note_sizes(name, folder)


def _form(folder: Path) -> str:
    """Return the form of a fetched model's weights, and what it was converted from."""
    from mfh.weights.forms import form_of
    from mfh.weights.manifest import MANIFEST, read_manifest

    if not (folder / MANIFEST).is_file():
        return ""
    manifest = read_manifest(folder)
    sources = [f"converted from {one.name}, sha256 {one.sha256[:12]}..." for one in manifest.converted_from]
    return "; ".join([form_of(one.name for one in manifest.files), *sources])


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="One of them; without it, all that are here.")] = None,
) -> int:
    """Read model files whole and compare their digests with the ones expected."""
    from mfh.weights import store as weights

    code = EXIT_DONE
    # What is fetched on demand is no fault where it is not here; what the default preset needs is.
    names = [name] if name is not None else [*_required("pocket"), *_here_besides("pocket")]
    for one in names:
        try:
            compared = weights.verify(one)
        except WeightsError as error:
            # Every file is checked before the command ends.
            print(f"mfh: {error_line(error)}", file=sys.stderr)
            code = EXIT_INPUT
        else:
            print(f"{one}: {'as expected' if compared else 'here, with no digest to compare with'}")
    return code


@app.command("export")
def export_files(
    folder: Annotated[Path, typer.Argument(help="Folder to copy to.")],
    names: Annotated[list[str] | None, typer.Argument(help="What; without it, all that is here.")] = None,
    preset: Preset = None,
    replace: Replace = False,
) -> int:
    """Copy model files into a folder that can be carried to a machine without a network."""
    from mfh.weights.transfer import carried_names, export_weights

    if names and preset:
        raise InputError("expected names or --preset, not both")
    here = carried_names()
    chosen = names or here
    if preset is not None:
        needed = [one for one in _names(preset) if one in here]
        absent = [one for one in _names(preset) if not _in_package(one) and one not in here]
        if absent:
            print(f"mfh: not exported, not here or gated: {', '.join(absent)}", file=sys.stderr)
        chosen = needed
    if not chosen:
        raise InputError("there are no model files here to export: run 'mfh weights fetch' first")
    with progress_line(prefix="export: ") as progress:
        folders = export_weights(chosen, folder, replace=replace, progress=progress.update)
    for name, place in zip(chosen, folders, strict=True):
        print(f"{name}: in {shown(place)}")
    return EXIT_DONE


@app.command("import")
def import_files(
    folder: Annotated[Path, typer.Argument(help="Folder made by mfh weights export.")], replace: Replace = False
) -> int:
    """Put exported model files into the weights cache, after comparing every digest."""
    from mfh.weights import store as weights
    from mfh.weights.transfer import import_weights

    with progress_line(prefix="import: ") as progress:
        names = import_weights(folder, replace=replace, progress=progress.update)
    print(f"{', '.join(names)}: in {shown(weights.cache_folder())}")
    return EXIT_DONE


def status_rows(names: list[str] | None = None) -> list[str]:
    """Return two lines for each set of model files: state, size, licence and purpose; place and source.

    Args:
        names: which; None for all.
    """
    from mfh.weights import store as weights
    from mfh.weights.absent import way_to
    from mfh.weights.forms import form_of

    rows = []
    for name in names if names is not None else list(weights.CATALOG):
        one = weights.CATALOG[name]
        try:
            state, fix = ("ok", "") if weights.installed(name) else ("missing", way_to(name))
        except WeightsError as error:
            state, fix = "damaged", error_line(error)
        size = weights.size_on_disk(name) if state == "ok" else one.size_bytes
        about = "~" if state != "ok" and one.about_bytes else ""
        megabytes = f"{about}{size / 1e6:.1f} MB" if size is not None else "? MB"
        licence = (
            f"{one.licence}{' (not commercial)' if one.blocks_commercial else ''}{' (gated)' if one.gated else ''}"
        )
        rows.append(f"  {name:<24} {state:<8} {megabytes:>10}  {licence}; {one.used_by}")
        form = form_of(file.name for file in weights.files_of(name)) if state == "ok" and one.from_hub else ""
        about = ", ".join(
            [one.source, *([weights.version_of(name)] if state == "ok" else [one.version]), *[form] * bool(form)]
        )
        rows.append(f"  {'':<33} {fix or shown(weights.path(name))} ({about})")
    return rows


def _permitted(names: list[str], preset: str | None) -> tuple[list[str], dict[str, str]]:
    """Return the models that may be used commercially, and those left out with the reason.

    Of a preset, this includes what takes the place of those.
    """
    from mfh.config import preset as preset_of
    from mfh.models.needs import needs_of, permitted
    from mfh.weights.store import blocked_commercially

    blocked = blocked_commercially(names)
    if preset is None:
        return [name for name in names if name not in blocked], blocked
    config, sentences = permitted(preset_of(preset))
    for sentence in sentences:
        print(f"mfh: {sentence}", file=sys.stderr)
    return list(needs_of(config).models), blocked


def _names(preset: str | None) -> list[str]:
    """Return the models of a preset, or all."""
    from mfh.config import preset as preset_of
    from mfh.models.needs import needs_of
    from mfh.weights.store import CATALOG

    return list(CATALOG) if preset is None else list(needs_of(preset_of(preset)).models)


def _optional(preset: str) -> list[str]:
    """Return the models that a preset can run without."""
    from mfh.config import preset as preset_of
    from mfh.models.needs import needs_of

    return list(needs_of(preset_of(preset)).optional)


def _required(preset: str) -> list[str]:
    optional = _optional(preset)
    return [name for name in _names(preset) if name not in optional]


def _here_besides(preset: str) -> list[str]:
    from mfh.weights import store as weights

    needed = _required(preset)
    return [name for name in weights.CATALOG if name not in needed and os.path.exists(weights.path(name))]


def _in_package(name: str) -> bool:
    from mfh.weights.store import catalog_model

    return catalog_model(name).kind == "package"


MODELS = ("hmr2", "hmar")


@app.command()
def convert(
    model: Annotated[str, typer.Argument(help=f"Which model: {' or '.join(MODELS)}.")],
    checkpoint: Annotated[
        Path,
        typer.Argument(help="The checkpoint as published; of hmr2 also the archive it is in, or a folder with either."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write it; without it, where the model looks for it.")
    ] = None,
    means: Annotated[
        Path | None,
        typer.Option(
            "--means", help="Of hmar: smpl_mean_params.npz, where the checkpoint has no means and it is not beside it."
        ),
    ] = None,
) -> int:
    """Convert a published checkpoint to safetensors; nothing in the checkpoint is run."""
    if model not in MODELS:
        raise InputError(f"nothing to convert for {model!r}: expected one of {', '.join(MODELS)}")
    if means is not None and model != "hmar":
        raise InputError(f"--means is of hmar: leave it out for {model}")
    from mfh.models.human_mesh import hmar, hmr2
    from mfh.models.human_mesh.hmar_checkpoint import convert_hmar_checkpoint
    from mfh.models.human_mesh.hmr2_source import check_packages, convert_source

    check_packages(model)
    with progress_line(prefix="convert: ") as progress:
        if model == "hmar":
            written = convert_hmar_checkpoint(checkpoint, out or hmar.converted_path(), means=means)
        else:
            written = convert_source(checkpoint, out or hmr2.converted_path(), report=progress.update)
    print(f"{model}: in {shown(written)}")
    _note_sizes(model, written)
    return EXIT_DONE


def _note_sizes(model: str, place: Path) -> None:
    """Say where a converted network is not of the published sizes."""
    from mfh.models.human_mesh.hmr2 import FILE_NAME

    file = place if place.is_file() else place / FILE_NAME
    if model != "hmr2" or not file.is_file():
        return
    from mfh.models.human_mesh.hmr2_checkpoint import sizes_of
    from mfh.models.human_mesh.hmr2_network import PUBLISHED

    sizes = sizes_of(file)
    if sizes != PUBLISHED:
        print(
            f"mfh: {model} is not the published network: its checkpoint states sizes of its own "
            f"({sizes.backbone_depth} blocks of {sizes.backbone_dim}, published {PUBLISHED.backbone_depth} of "
            f"{PUBLISHED.backbone_dim})",
            file=sys.stderr,
        )
