"""Restricted loading of models by the packages they were published with.

Some of these packages unpickle without restriction and download code while they load. Inside the contexts of this
module ``torch.load`` reads tensors only, whatever the package requests, and ``torch.hub`` and the model hub's library
use their caches without network access. All are restored afterwards.
"""

import os
import pickle
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.error import URLError

from mfh.errors import BackendError, MfhError, WeightsError, kind_and_message
from mfh.weights.torch_files import check_torch_file, check_torch_folder

RESTRICT = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
UNRESTRICT = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_ONE_AT_A_TIME = threading.RLock()
"""The restrictions are of the whole process: two loaders at once would restore each other's."""
_REPOSITORY = re.compile(r"github\.com/(?:repos/)?([\w.-]+)/([\w.-]+)")


class NetworkRefused(URLError):
    """A package tried to download something while a model was loaded."""

    def __init__(self, url: str) -> None:
        """Keep the address for the message."""
        super().__init__(f"{url} is not fetched while a model is loaded")
        self.url = url


@contextmanager
def weights_only() -> Iterator[None]:
    """Force ``weights_only=True`` on every ``torch.load``, even where the package passes False.

    Torch reads the variable at each call and gives it precedence over the argument.
    """
    before = {name: os.environ.get(name) for name in (RESTRICT, UNRESTRICT)}
    os.environ[RESTRICT] = "1"
    # Torch refuses to load anything where both are set.
    os.environ.pop(UNRESTRICT, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def hub_cache_only() -> Iterator[None]:
    """Restrict ``torch.hub`` to its cache.

    Raises:
        NetworkRefused: inside, where torch.hub opens a connection; where its cache then has nothing, torch.hub raises
            an error of its own with this one as the cause.
    """
    import torch.hub

    hub: Any = torch.hub
    before = hub.urlopen
    hub.urlopen = _refuse
    try:
        yield
    finally:
        hub.urlopen = before


@contextmanager
def answering(contents: Mapping[Path, Any]) -> Iterator[None]:
    """Answer every ``torch.load`` of these files (absolute paths) with contents that were read in a safer way."""
    import torch

    before = torch.load

    def load(place: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(place, str | Path) and Path(place).absolute() in contents:
            return contents[Path(place).absolute()]
        return before(place, *arguments, **options)

    torch.load = load
    try:
        yield
    finally:
        torch.load = before


@contextmanager
def hub_library_offline() -> Iterator[None]:
    """Restrict the model hub's library to its cache, where it is installed."""
    try:
        from huggingface_hub import constants
    except ModuleNotFoundError:
        yield
        return
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def loading_restricted(place: Path, what: str) -> Iterator[None]:
    """Run a package's loader under the restrictions of this module; its output goes to stderr.

    ``place`` is the file or folder of the model; ``what`` names the model in messages.

    Raises:
        WeightsError: where the file holds more than tensors, code is missing from torch.hub's cache, or the package
            cannot load the file; with the fix.
        BackendError: where memory does not suffice.
    """
    import torch

    check = check_torch_file if place.is_file() else check_torch_folder
    check(place, expected=f"the file of {what}; get it from its publisher again")
    try:
        with _ONE_AT_A_TIME, redirect_stdout(sys.stderr), weights_only(), hub_cache_only(), hub_library_offline():
            yield
    except torch.OutOfMemoryError as error:
        raise BackendError(f"{what} does not fit the GPU's memory: take a smaller model") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{place} holds more than numbers, and reading that could run anything: refused ({_named(error)}); get the "
            f"file of {what} from its publisher, or save its tensors alone with torch.save"
        ) from error
    except (MfhError, ModuleNotFoundError):
        # The registry reports missing packages.
        raise
    except Exception as error:
        refused = _refused(error)
        if refused is not None:
            raise WeightsError(_how_to_get(refused.url, what)) from error
        if _left_offline(error):
            raise WeightsError(
                f"{what} wants more of the hub than {place}, and nothing is fetched while a model is loaded "
                f"({kind_and_message(error)}): fetch that first"
            ) from error
        raise WeightsError(f"{what} cannot be loaded from {place} ({kind_and_message(error)}): get it again") from error


@contextmanager
def computing(what: str) -> Iterator[None]:
    """Run a package's inference: its output goes to stderr, and any error becomes one line.

    Raises:
        BackendError: where the package fails.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except MfhError:
        raise
    except Exception as error:
        raise BackendError(
            f"{what} failed in its own package ({kind_and_message(error)}): expected the version that "
            "docs/reference/models.md names, and the device it was written for (CUDA)"
        ) from error


def _refuse(request: Any, *_arguments: Any, **_options: Any) -> Any:
    raise NetworkRefused(request if isinstance(request, str) else request.full_url)


def _refused(error: BaseException | None) -> NetworkRefused | None:
    """Return the refusal in an error's chain of causes, if any."""
    while error is not None and not isinstance(error, NetworkRefused):
        error = error.__cause__ or error.__context__
    return error


def _left_offline(error: BaseException | None) -> bool:
    """Return whether the hub's library was asked for what its cache does not have."""
    while error is not None:
        if type(error).__name__ in ("OfflineModeIsEnabled", "LocalEntryNotFoundError"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _named(error: pickle.UnpicklingError) -> str:
    """Return the global that the file asks for, as torch names it."""
    found = re.search(r"GLOBAL ([\w.]+)", str(error)) or re.search(
        r"Unsupported (?:class|operand) ([\w.]+)", str(error)
    )
    return f"it asks for {found[1]}" if found else kind_and_message(error)


def _how_to_get(url: str, what: str) -> str:
    import torch.hub

    found = _REPOSITORY.search(url)
    cache = Path(torch.hub.get_dir())
    if found is None:
        return f"{what} wants {url}, and nothing is fetched while a model is loaded: put the file below {cache}"
    owner, name = found[1], found[2]
    return (
        f"{what} wants code of github.com/{owner}/{name}, and nothing is fetched while a model is loaded: run "
        f"'git clone https://github.com/{owner}/{name} {cache / f'{owner}_{name}_main'}'"
    )
