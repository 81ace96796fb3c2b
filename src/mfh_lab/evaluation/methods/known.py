"""What is known of the methods that can be named: output, camera, licences, packages and weights.

Facts are those of the projects' own pages, read in November 2026. A licence that its project does not state is
named as such; ``commercial`` is no advice.
"""

from dataclasses import dataclass
from typing import Literal

from mfh.types import Space

Output = Literal["depth", "points"]
CameraUse = Literal["needed", "optional", "none"]
Commercial = Literal["yes", "no", "unclear"]
Way = Literal["own", "hub", "package", "files", "published"]
HUB_PACKAGES = ("torch", "transformers")
HUB_INSTALL = "pip install 'metric-from-human[hub]'"
_NC = "CC-BY-NC-4.0"
_APPLE = "Apple ML Research Model (research only)"
_DA2 = f"{_NC} (repository); Apache-2.0 (card of the original files)"


@dataclass(frozen=True)
class PublishedDepth:
    """Errors of metric depth that a publication states, nothing aligned.

    Attributes:
        dataset: they were measured on.
        abs_rel: AbsRel.
        delta1: δ1.
        source: where they stand.
    """

    dataset: str
    abs_rel: float
    delta1: float
    source: str

    @property
    def text(self) -> str:
        """The numbers in one line."""
        return f"{self.dataset}: AbsRel {self.abs_rel:g}, δ1 {self.delta1:g} ({self.source})"


@dataclass(frozen=True)
class KnownMethod:
    """A method with a name.

    Attributes:
        name: for ``--method``.
        title: model and size.
        way: "own", this project's; "hub", by transformers; "package", by its own package; "files", by predictions that
            its own program writes; "published", numbers alone.
        output: metric depth, or metric points whose z is taken.
        camera: whether intrinsics are an input: "optional" ones replace the method's own estimate with "?focal=given".
        space: where its network's output is affine to its answer, and shape is aligned.
        code_licence: of its code.
        weights_licence: of its weights.
        commercial: whether both permit commercial use.
        paper: citation.
        weights: "hf:org/name", or where they come from; empty where there are none to load.
        markers: files of which one identifies the folder of the weights.
        fetch: command that gets the weights.
        module: import name of its package.
        install: command, or what to do, to get the package.
        target: "module:Class" that runs it, constructed with the folder of the weights and ``camera_given``.
        files: for "files": what is expected in the folder of predictions.
        published: numbers of its publication.
    """

    name: str
    title: str
    way: Way
    output: Output
    camera: CameraUse
    space: Space
    code_licence: str
    weights_licence: str
    commercial: Commercial
    paper: str
    weights: str = ""
    markers: tuple[str, ...] = ("config.json",)
    fetch: str = ""
    module: str = ""
    install: str = ""
    target: str = ""
    files: str = ""
    published: tuple[PublishedDepth, ...] = ()


_HERE = "mfh_lab.evaluation.methods"
_MOGE = "pip install git+https://github.com/microsoft/MoGe.git"
_UNIDEPTH = "pip install git+https://github.com/lpiccinelli-eth/UniDepth.git"
_UNIDEPTH_PAPER = "Piccinelli et al., UniDepth: Universal Monocular Metric Depth Estimation, CVPR 2024"
_DA2_PAPER = "Yang et al., Depth Anything V2, NeurIPS 2024"
_DEPTH_PRO_PAPER = "Bochkovskii et al., Depth Pro: Sharp Monocular Metric Depth in Less Than a Second, ICLR 2025"
_MADE_BY_FILES = "DIR/<photo>.npy, z in metres at the photo's shape, any size; also npz, 16-bit png, tiff, pfm, exr"


def _hub(
    name: str, title: str, repo: str, weights_licence: str, commercial: Commercial, paper: str, *, fetch: str = "",
    camera: CameraUse = "none", space: Space = "depth", code_licence: str = "Apache-2.0 (transformers)",
) -> KnownMethod:  # fmt: skip
    return KnownMethod(
        name, title, "hub", "depth", camera, space, code_licence, weights_licence, commercial, paper, f"hf:{repo}",
        fetch=f"mfh weights fetch {fetch or f'hf:{repo}'}", install=HUB_INSTALL,
    )  # fmt: skip


_ALL = (
    KnownMethod(
        "mfh", "Metric from Human, --preset", "own", "depth", "needed", "disparity", "Apache-2.0",
        "Apache-2.0 (preset pocket; others: mfh weights list)", "yes",
        "Zhao et al., Metric from Human: Zero-shot Monocular Metric Depth Estimation via Test-time Adaptation, "
        "NeurIPS 2024, and this project",
    ),
    KnownMethod(
        "moge-2", "MoGe-2 ViT-L", "package", "points", "optional", "depth", "MIT", "MIT", "yes",
        "Wang et al., MoGe-2: Accurate Monocular Geometry with Metric Scale and Sharp Details, 2025",
        "hf:Ruicheng/moge-2-vitl", ("model.pt",), "mfh weights fetch moge", "moge", _MOGE, f"{_HERE}.moge:Moge",
    ),
    KnownMethod(
        "moge-3", "MoGe-3 ViT-L", "package", "points", "optional", "depth", "MIT", "MIT", "yes",
        "Kong et al., MoGe-3, 2026", "hf:Ruicheng/moge-3-vitl", ("model.pt",),
        "hf download Ruicheng/moge-3-vitl model.pt", "moge", _MOGE, f"{_HERE}.moge:Moge",
    ),
    _hub(
        "depth-pro", "Depth Pro, by transformers", "apple/DepthPro-hf", _APPLE, "no", _DEPTH_PRO_PAPER,
        fetch="depth-pro", camera="optional", space="disparity",
    ),
    KnownMethod(
        "depth-pro-apple", "Depth Pro, by Apple's package", "package", "depth", "optional", "disparity",
        "Apple Sample Code", _APPLE, "no", _DEPTH_PRO_PAPER, "hf:apple/DepthPro", ("depth_pro.pt",),
        "hf download apple/DepthPro depth_pro.pt", "depth_pro",
        "pip install git+https://github.com/apple/ml-depth-pro.git", f"{_HERE}.depth_pro:DepthPro",
    ),
    KnownMethod(
        "unidepth-v1", "UniDepth V1 ViT-L", "package", "depth", "optional", "depth", _NC, _NC, "no", _UNIDEPTH_PAPER,
        "hf:lpiccinelli/unidepth-v1-vitl14", fetch="mfh weights fetch hf:lpiccinelli/unidepth-v1-vitl14",
        module="unidepth", install=_UNIDEPTH, target=f"{_HERE}.unidepth:UniDepthV1",
    ),
    KnownMethod(
        "unidepth-v2", "UniDepth V2 ViT-L", "package", "depth", "optional", "depth", _NC, f"{_NC} (its code's)", "no",
        "Piccinelli et al., UniDepthV2: Universal Monocular Metric Depth Estimation Made Simpler, 2025",
        "hf:lpiccinelli/unidepth-v2-vitl14", fetch="mfh weights fetch hf:lpiccinelli/unidepth-v2-vitl14",
        module="unidepth", install=_UNIDEPTH, target=f"{_HERE}.unidepth:UniDepthV2",
    ),
    KnownMethod(
        "metric3d-v2", "Metric3D v2 ViT-L", "package", "depth", "needed", "depth", "BSD-2-Clause",
        "none stated (code: BSD-2-Clause)", "unclear",
        "Hu et al., Metric3D v2: A Versatile Monocular Geometric Foundation Model, TPAMI 2024",
        "hf:JUGGHM/Metric3D", ("metric_depth_vit_large_800k.pth",),
        "hf download JUGGHM/Metric3D metric_depth_vit_large_800k.pth", "mono",
        "git clone https://github.com/YvanYin/Metric3D, pip install mmengine, and put the folder on PYTHONPATH",
        f"{_HERE}.metric3d:Metric3d",
    ),
    _hub(
        "zoedepth", "ZoeDepth NK", "Intel/zoedepth-nyu-kitti", "MIT", "yes",
        "Bhat et al., ZoeDepth: Zero-shot Transfer by Combining Relative and Metric Depth, 2023", fetch="zoedepth",
    ),
    _hub(
        "depth-anything-v2-indoor", "Depth Anything V2 metric indoor, Large",
        "depth-anything/Depth-Anything-V2-Metric-Indoor-Large-hf", _DA2, "unclear", _DA2_PAPER,
    ),
    _hub(
        "depth-anything-v2-outdoor", "Depth Anything V2 metric outdoor, Large",
        "depth-anything/Depth-Anything-V2-Metric-Outdoor-Large-hf", _DA2, "unclear", _DA2_PAPER,
    ),
    KnownMethod(
        "depth-anything-3", "Depth Anything 3 metric, Large", "package", "depth", "needed", "depth", "Apache-2.0",
        "Apache-2.0", "yes", "Lin et al., Depth Anything 3: Recovering the Visual Space from Any Views, 2025",
        "hf:depth-anything/DA3METRIC-LARGE", fetch="mfh weights fetch hf:depth-anything/DA3METRIC-LARGE",
        module="depth_anything_3",
        install="pip install git+https://github.com/ByteDance-Seed/Depth-Anything-3.git",
        target=f"{_HERE}.depth_anything_3:DepthAnything3",
    ),
    KnownMethod(
        "unik3d", "UniK3D ViT-L", "package", "points", "optional", "depth", _NC, f"{_NC} (its code's)", "no",
        "Piccinelli et al., UniK3D: Universal Camera Monocular 3D Estimation, CVPR 2025",
        "hf:lpiccinelli/unik3d-vitl", fetch="mfh weights fetch hf:lpiccinelli/unik3d-vitl", module="unik3d",
        install="pip install git+https://github.com/lpiccinelli-eth/UniK3D.git", target=f"{_HERE}.unik3d:UniK3d",
    ),
    KnownMethod(
        "zerodepth", "ZeroDepth", "files", "depth", "needed", "depth", _NC, f"{_NC} (its code's)", "no",
        "Guizilini et al., Towards Zero-Shot Scale-Aware Monocular Depth Estimation, ICCV 2023",
        "github.com/TRI-ML/vidar", files=_MADE_BY_FILES,
        install="git clone --recurse-submodules https://github.com/TRI-ML/vidar; its model takes photo and intrinsics",
    ),
    KnownMethod(
        "depth-pro-2", "Depth Pro 2", "files", "depth", "optional", "disparity", "its repository's", _APPLE, "no",
        "Hu et al., Depth Pro 2: Sharp and Temporally Consistent Metric Monocular Depth, 2026", "hf:apple/DepthPro2-H",
        files=_MADE_BY_FILES, install="pip install git+https://github.com/apple-aiml-research/ml-depth-pro-2",
    ),
    KnownMethod(
        "metrichmsr", "MetricHMSR", "published", "depth", "optional", "depth", "none found", "none found", "unclear",
        "Song et al., MetricHMSR: Metric Human Mesh and Scene Recovery from Monocular Images, CVPR 2026",
        published=(
            PublishedDepth("PROX", 0.13, 0.91, "its Metric Depth table; arXiv 2506.09919"),
        ),
    ),
)  # fmt: skip

KNOWN: dict[str, KnownMethod] = {one.name: one for one in _ALL}
"""Name -> method."""
