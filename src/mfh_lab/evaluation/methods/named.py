"""A method by its name, a model of the hub, or a folder: what ``--method`` takes."""

from dataclasses import replace

from mfh.errors import InputError
from mfh_lab.evaluation.methods.hub_metric import FOCAL, hub_contender
from mfh_lab.evaluation.methods.known import KNOWN, KnownMethod
from mfh_lab.evaluation.methods.method import Contender
from mfh_lab.evaluation.methods.package import package_contender


def known_method(text: str) -> tuple[KnownMethod | None, str, str]:
    """Return the method of a name, the source of its weights, and its focal length, as far as they are given.

    Args:
        text: "NAME", "NAME:hf:org/name" or "NAME:FOLDER", each with "?focal=given" or none; or anything else, of which
            nothing is known.
    """
    place, _, focal = text.partition(FOCAL)
    name, _, source = place.partition(":")
    known = KNOWN.get(name)
    return (known, source, focal) if known is not None else (None, text, "")


def method_contender(text: str) -> Contender:
    """Return any method but this project's own, not loaded yet.

    Args:
        text: a name of ``mfh evaluate methods``, "hf:org/name" or a folder; see :func:`known_method`.

    Raises:
        InputError: for a method that cannot be used, or that is compared by files or by its published numbers alone.
        WeightsError: where its weights are not on this machine.
    """
    known, source, focal = known_method(text)
    if known is None:
        return hub_contender(text)
    if focal not in ("", "given", "estimated"):
        raise InputError(f"--method {text!r} ends in {FOCAL}{focal}: expected ?focal=given or ?focal=estimated")
    if known.way == "package":
        return package_contender(known, source, focal=focal)
    if known.way == "hub":
        contender = hub_contender((source or known.weights) + (f"{FOCAL}{focal}" if focal else ""))
        return replace(contender, title=text)
    if known.way == "files":
        raise InputError(
            f"{known.name} is compared by files: run it ({known.install}), then --predictions {known.name}=DIR "
            f"--unit m with {known.files}"
        )
    if known.way == "published":
        numbers = "; ".join(one.text for one in known.published)
        raise InputError(f"{known.name} has published numbers alone: {numbers}; nothing of it can be run")
    raise InputError(f"--method {text}: give --method mfh, with --preset for another preset")
