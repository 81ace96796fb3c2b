"""What a row of a table waits for, and the command that fills it."""

from dataclasses import dataclass
from importlib.util import find_spec

from mfh.config import Config
from mfh.errors import MfhError, one_line
from mfh.models.needs import needs_of, split_installed
from mfh.weights.catalog import catalog_model
from mfh_lab.paper.grid import Grid


@dataclass(frozen=True)
class Missing:
    """One reason why a row has no number.

    Attributes:
        waits_for: in a few words.
        first: command to run before the table's own; empty where none is needed.
        options: to add to the table's own command; empty where none is needed.
        never: whether no command fills it, as an oracle's row that is about a published model.
    """

    waits_for: str
    first: str = ""
    options: str = ""
    never: bool = False


Waits = tuple[Missing, ...]
"""Everything that a row waits for."""


def waits_for(waits: Waits) -> str:
    """Return what a row waits for in one line.

    Args:
        waits: of the row.
    """
    return "; ".join(one.waits_for for one in waits)


def filling_command(waits: Waits, again: str) -> str:
    """Return the command that fills a row; empty where none does.

    Args:
        waits: of the row.
        again: the table's own.
    """
    if any(one.never for one in waits):
        return ""
    own = " ".join([again, *(one.options for one in waits if one.options)]).strip()
    return " && ".join([*dict.fromkeys(one.first for one in waits if one.first), *([own] if own else [])])


def missing_models(config: Config, error: MfhError | None = None) -> Missing | None:
    """Return what the models of a configuration wait for; None where everything seems to be here.

    Args:
        config: names the models.
        error: what happened when they were loaded, for models that are here and do not load.
    """
    try:
        needs = needs_of(config)
    except MfhError as unknown:
        return Missing(one_line(unknown))
    packages, _ = split_installed(tuple(needs.packages))
    packages += [module for module in needs.modules if find_spec(module) is None]
    files = [name for name in needs.missing if name not in needs.optional]
    if not (packages or files):
        return Missing(one_line(error)) if error is not None else None
    installs = dict.fromkeys({**needs.packages, **needs.modules}[one] for one in packages)
    by_user = [name for name in files if catalog_model(name).only_by_user]
    waits = [f"package {', '.join(packages)}"] if packages else []
    waits += [f"weights of {', '.join(files)}"] if files else []
    if by_user:
        waits.append(f"only you can get {' and '.join(by_user)}, as mfh doctor describes; then run")
    fetch = [f"mfh weights fetch {name}" for name in files if name not in by_user]
    return Missing("; ".join(waits), " && ".join([*installs, *fetch]))


def all_missing(grid: Grid, base: Config, dataset: Missing | None) -> dict[tuple[str, ...], Waits]:
    """Return what every cell of a grid waits for where none could run.

    Args:
        grid: the cells.
        base: preset that they change.
        dataset: what the dataset waits for; None where it is there.
    """
    found: dict[tuple[str, ...], Waits] = {}
    for cell in grid.cells:
        models = Missing(cell.absent, never=True) if cell.absent else missing_models(cell.configured(base))
        found[cell.label] = tuple(one for one in (dataset, models) if one is not None)
    return found


def dataset_folder(name: str) -> Missing:
    """Return that the folder of a dataset was not given.

    Args:
        name: of the dataset.
    """
    return Missing(f"the folder of dataset {name}", options=f"--root {name}=DIR")
