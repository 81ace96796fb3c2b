"""``mfh batch``: many photos, in several processes, to be resumed."""

import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import FormatOptions, check_number
from mfh.cli.groups import grouped
from mfh.cli.options import MethodOptions, ModelOptions, parse_megapixels
from mfh.cli.progress import progress_line
from mfh.errors import InputError, shown
from mfh.io.json_text import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfh.batch.columns import Photos
    from mfh.batch.ledger import Ledger
    from mfh.batch.run import Engine, Progress
    from mfh.batch.worker import Job

_STATUS = "status"
_MOST_WORKERS = 256
_PRINTED_EVERY_S = 60.0


@dataclass(frozen=True)
class BatchOptions:
    """Where results go, who measures, and when to stop."""

    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", help="Folder of the run, or its address, as s3://bucket/run; the same one resumes it."
        ),
    ] = "batch"
    workers: Annotated[int, typer.Option(help="Processes, each with its own models.")] = 1
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="local: processes of this machine; ray: actors of a Ray cluster.")
    ] = "local"
    address: Annotated[
        str | None,
        typer.Option(help="With --engine ray: of the cluster, or auto; none starts one here.", show_default=False),
    ] = None
    cpus: Annotated[int, typer.Option(help="With --engine ray: cores that each worker holds.")] = 1
    gpus: Annotated[
        float, typer.Option(help="With --engine ray: GPUs that each worker holds; 0.25 lets four share one.")
    ] = 0.0
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Every N-th photo, from the I-th on: one part of many.", show_default=False),
    ] = None
    retry: Annotated[bool, typer.Option("--retry", help="Try photos without depth again.")] = False
    max_failure_rate: Annotated[
        float, typer.Option(help="Stop where a larger share of the photos, of 20 or more, has no depth.")
    ] = 1.0
    save_evidence: Annotated[bool, typer.Option("--save-evidence", help="Also write evidence.npz, for mfh refit.")] = (
        False
    )
    tar: Annotated[
        bool, typer.Option("--tar", help="At the end, put the files of every 1000 photos into one tar file.")
    ] = False
    preview: Annotated[bool, typer.Option("--preview", help="Also write preview.png.")] = False
    max_megapixels: Annotated[float, typer.Option(help="Refuse larger photos before decoding them.")] = 100.0
    json: Annotated[bool, typer.Option("--json", help="With status: print it as JSON.")] = False
    price_per_hour: Annotated[
        float | None,
        typer.Option(
            help="With status: of the machines of the last run; gives the cost of 1000 photos.", show_default=False
        ),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False

    def check(self) -> None:
        """Refuse numbers that no run can have.

        Raises:
            InputError: for such a number.
        """
        check_number("--workers", self.workers, 1, _MOST_WORKERS)
        check_number("--cpus", self.cpus, 1, 1024)
        check_number("--gpus", self.gpus, 0, 64)
        if self.engine != "ray" and (self.address is not None or self.gpus):
            raise InputError("--address and --gpus are of --engine ray: expected it with them")
        if self.tar and "://" in self.out:
            raise InputError(
                f"--tar packs a folder, and --out is {self.out}: leave one out; at an address files stay single"
            )
        if self.price_per_hour is not None:
            check_number("--price-per-hour", self.price_per_hour, 0, 1e6)
        check_number("--max-failure-rate", self.max_failure_rate, 0, 1)

    def starter(self, job: "Job") -> "Callable[[], Engine]":
        """Return what starts the engine."""
        if self.engine == "ray":
            from mfh.batch.ray_engine import RayEngine

            return lambda: RayEngine(job, self.workers, address=self.address, cpus=self.cpus, gpus=self.gpus)
        from mfh.batch.local import LocalEngine

        return lambda: LocalEngine(job, self.workers)


@grouped
def batch(
    options: BatchOptions,
    method: MethodOptions,
    models: ModelOptions,
    form: FormatOptions,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Photos, folders, patterns, lists (.txt) or tables (.csv, .jsonl, .parquet) with a column path; or "
            "status and the folder of a run.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Measure many photos: files in OUT/photos, a row for each in OUT/rows.parquet; the same command resumes it."""
    options.check()
    from mfh.batch.tables import need_tables

    need_tables()
    if inputs and inputs[0] == _STATUS:
        return _status(inputs[1:], options)
    if options.json or options.price_per_hour is not None:
        raise InputError("--json and --price-per-hour are of mfh batch status: expected it with them")
    if not inputs:
        raise InputError("no photo given: expected photos, a folder or a table, as in mfh batch photos/ --out run")
    from mfh.batch.address import Address, is_address, own_copy
    from mfh.batch.ledger import ASKED, PARTS, ROWS, SETTINGS, note_asked, open_ledger
    from mfh.batch.manifest import read_inputs, shard_of
    from mfh.batch.worker import Job
    from mfh.pipeline.settings import settings_of, version_of_models

    config, formats = models.apply(method.config()), form.chosen()
    max_pixels = parse_megapixels(options.max_megapixels)
    items = shard_of(read_inputs(inputs), options.shard)
    settings = {
        **settings_of(config),
        **version_of_models(),
        "formats": list(formats.names),
        "max_points": formats.max_points,
        "evidence": options.save_evidence,
        "preview": options.preview,
        "max_pixels": max_pixels,
    }
    address = Address(options.out.rstrip("/")) if is_address(options.out) else None
    with nullcontext(Path(options.out)) if address is None else own_copy(address, options.shard) as folder:
        if address is not None:
            address.fetch(folder, (SETTINGS, ASKED, ROWS), (PARTS,))
        ledger = open_ledger(folder, settings, address=address, apart=address is not None and options.shard is not None)
        note_asked(ledger, len(items))
        job = Job(
            config, folder, ledger.mark, formats, options.save_evidence, options.preview, max_pixels, address=address
        )
        summary = _run(items, ledger, job, options)
    if not options.quiet:
        print(summary)
    return EXIT_DONE


def _run(items: "Photos", ledger: "Ledger", job: "Job", options: BatchOptions) -> str:
    """Measure photos, and return what was done in a line."""
    from mfh.batch.ledger import ROWS
    from mfh.batch.run import TooManyFailures, run
    from mfh.batch.status import note_last
    from mfh.batch.tars import pack

    with progress_line(quiet=options.quiet) as line:
        printed = time.monotonic()

        def report(progress: "Progress") -> None:
            nonlocal printed
            line.update(progress.line(), progress.done / max(progress.total, 1))
            if not (options.quiet or sys.stderr.isatty()) and time.monotonic() - printed > _PRINTED_EVERY_S:
                printed = time.monotonic()
                print(f"mfh: {progress.line()}", file=sys.stderr, flush=True)

        try:
            progress = run(
                items,
                ledger,
                options.starter(job),
                retry=options.retry,
                max_failure_rate=options.max_failure_rate,
                report=report,
            )
        except TooManyFailures as stopped:
            raise InputError(
                f"{stopped.progress.unmeasured} of {stopped.progress.measured} photos have no depth, and "
                f"--max-failure-rate is {options.max_failure_rate:g}: see mfh batch status {options.out}; the same "
                "command goes on"
            ) from None
    note_last(ledger, progress, options.workers)
    if options.tar:
        pack(ledger.folder)
    rows = (
        "rows in parts, which the same command without --shard merges"
        if ledger.apart
        else f"rows in {options.out.rstrip('/')}/{ROWS}"
    )
    return f"{options.out}: {progress.summary()}; {rows}"


def _status(places: list[str], options: BatchOptions) -> int:
    """Print what is in the folders of runs, or at their addresses."""
    from mfh.batch.status import standing, status_lines

    if not places:
        raise InputError("status of what: expected the folder of a run, as in mfh batch status run")
    for place in places:
        found = standing(place, price_per_hour=options.price_per_hour)
        for line in [json_text(found)] if options.json else status_lines(found):
            print(line if options.json else shown(line))
    return EXIT_DONE
