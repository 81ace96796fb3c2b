"""Any metric depth-estimation model of transformers as a method: ZoeDepth, Depth Anything's metric ones, Depth Pro."""

from mfh.errors import BackendError, InputError
from mfh.models.relative_depth.hub_depth import MARKER
from mfh.pipeline.settings import folder_digest
from mfh.weights.hub import locate, parse_source
from mfh_lab.evaluation.methods.hub_metric_depth import FocalUse, kind_of, load_metric_depth
from mfh_lab.evaluation.methods.method import Contender, NetworkMethod

HUB = "pip install 'metric-from-human[hub]'"
FOCAL = "?focal="


def hub_contender(text: str) -> Contender:
    """Return a metric model of the hub or a folder, not loaded yet.

    Args:
        text: "hf:org/name", "hf:org/name@revision" or a folder; "?space=depth" states that a DPT model predicts
            metric depth; "?focal=given" lets Depth Pro go by the camera it is given instead of its own estimate.

    Raises:
        InputError: for a source that cannot be used, or a model that predicts no metric depth.
        WeightsError: where it is not on this machine.
    """
    place, _, chosen = text.partition(FOCAL)
    if chosen not in ("", "given", "estimated"):
        raise InputError(f"--method {text!r} ends in {FOCAL}{chosen}: expected ?focal=given or ?focal=estimated")
    source = parse_source(place)
    folder = locate(source, marker=MARKER)
    kind = kind_of(folder, name=source.text, is_metric=source.space == "depth")
    if chosen and kind.model_type != "depth_pro":
        raise InputError(f"--method {text!r}: {FOCAL}{chosen} is for Depth Pro alone, which goes by a focal length")
    focal: FocalUse = "given" if chosen == "given" else "estimated"
    settings: dict[str, object] = {
        "model": source.text,
        "model_type": kind.model_type,
        "files": folder_digest(folder),
        **({"focal": focal} if kind.model_type == "depth_pro" else {}),
    }

    def load() -> NetworkMethod:
        try:
            model = load_metric_depth(folder, kind, focal=focal)
        except ModuleNotFoundError as error:
            raise BackendError(
                f"{source.text} needs the package {error.name!r}, which is not installed: {HUB}"
            ) from error
        return NetworkMethod(source.text, settings, model, kind.space)

    return Contender(source.text, settings, load)
