"""Relative depth from a hub repository or a folder: transformers or Marigold, by the files that are there."""

from mfh.errors import InputError
from mfh.models.hub import locate, parse_source
from mfh.models.relative_depth import hub_depth, marigold


def from_source(source: str) -> hub_depth.HubRelativeDepth | marigold.Marigold:
    """Return the model in a hub repository or folder.

    Args:
        source: "hf:org/name", "hf:org/name@revision" or a folder; "?space=disparity" or "?space=depth" says what it
            predicts, where its configuration does not.

    Raises:
        InputError: for a source that cannot be used, or a model whose space is not known.
        WeightsError: where the model is not on this machine, with what to do about it.
    """
    parsed = parse_source(source)
    folder = locate(parsed, marker=(hub_depth.MARKER, marigold.MARKER))
    if not (folder / marigold.MARKER).is_file():
        return hub_depth.HubRelativeDepth(folder, name=parsed.text, space=parsed.space)
    model = marigold.Marigold(folder, name=parsed.text)
    if parsed.space not in (None, model.space):
        raise InputError(f"{parsed.text} says itself that it predicts {model.space}: leave out ?space=")
    return model
