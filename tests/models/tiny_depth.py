"""Tiny random-weight copies of published depth networks and of the picture network in them."""

import json
from pathlib import Path


def depth_anything(folder: Path, *, metric: bool = False) -> None:
    """Write a Depth Anything."""
    import torch
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTImageProcessorPil,
    )

    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    kind = {"depth_estimation_type": "metric", "max_depth": 20} if metric else {}
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=4,
        patch_size=14,
        **kind,
    )
    model = DepthAnythingForDepthEstimation(config)
    _enliven(model.head, model.neck)
    model.save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": 56, "width": 56},
        keep_aspect_ratio=True,
        ensure_multiple_of=14,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
        resample=3,
    ).save_pretrained(folder)


def glpn(folder: Path) -> None:
    """Write a GLPN, metric up to 10 m."""
    import torch
    from transformers import GLPNConfig, GLPNForDepthEstimation, GLPNImageProcessorPil

    torch.manual_seed(0)
    config = GLPNConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=8,
        max_depth=10,
    )
    GLPNForDepthEstimation(config).save_pretrained(folder)
    GLPNImageProcessorPil(size_divisor=32).save_pretrained(folder)


def dpt(folder: Path) -> None:
    """Write a DPT; its configuration does not say whether it predicts metres."""
    import torch
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessorPil

    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=64,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
        readout_type="ignore",
        reassemble_factors=[4, 2, 1, 0.5],
    )
    model = DPTForDepthEstimation(config)
    # A bias keeps the last rectifier open.
    torch.nn.init.normal_(model.head.head[-2].weight, std=0.5)
    torch.nn.init.constant_(model.head.head[-2].bias, 5.0)
    model.save_pretrained(folder)
    DPTImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)


def zoedepth(folder: Path) -> None:
    """Write a ZoeDepth."""
    import torch
    from transformers import BeitConfig, ZoeDepthConfig, ZoeDepthForDepthEstimation, ZoeDepthImageProcessorPil

    torch.manual_seed(0)
    backbone = BeitConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=37,
        image_size=64,
        patch_size=16,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        use_relative_position_bias=True,
    )
    config = ZoeDepthConfig(
        backbone_config=backbone,
        backbone_hidden_size=32,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        bottleneck_features=8,
        num_relative_features=4,
        num_attractors=[4, 2, 2, 1],
        bin_configurations=[{"name": "nyu", "n_bins": 8, "min_depth": 1e-3, "max_depth": 10.0}],
        bin_embedding_dim=8,
        patch_size=16,
    )
    model = ZoeDepthForDepthEstimation(config)
    _enliven(model.relative_head, model.neck)
    model.save_pretrained(folder)
    ZoeDepthImageProcessorPil(
        size={"height": 64, "width": 64}, keep_aspect_ratio=True, ensure_multiple_of=32
    ).save_pretrained(folder)


def depth_pro(folder: Path) -> None:
    """Write a Depth Pro that sees a field of view of about 50 degrees."""
    import torch
    from transformers import DepthProConfig, DepthProForDepthEstimation

    torch.manual_seed(0)
    encoder = {
        "model_type": "dinov2",
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    config = DepthProConfig(
        fusion_hidden_size=16,
        patch_size=32,
        intermediate_hook_ids=[1, 0],
        intermediate_feature_dims=[8, 8],
        scaled_images_feature_dims=[16, 16, 8],
        merge_padding_value=0,
        use_fov_model=True,
        num_fov_head_layers=1,
        image_model_config=dict(encoder),
        patch_model_config=dict(encoder),
        fov_model_config=dict(encoder),
    )
    model = DepthProForDepthEstimation(config)
    for layer in model.fov_model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=1 / layer.weight[0].numel() ** 0.5)
    torch.nn.init.constant_(model.fov_model.head.layers[-1].bias, 50.0)
    model.save_pretrained(folder)
    # Its image processor cannot be made without torchvision; this is what it writes.
    processor = {
        "image_processor_type": "DepthProImageProcessor",
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "size": {"height": 128, "width": 128},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def dinov2(folder: Path, *, seed: int = 0) -> None:
    """Write a DINOv2 with the processor its repositories have."""
    import torch
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    torch.manual_seed(seed)
    config = Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=56, patch_size=14
    )
    model = Dinov2Model(config)
    # Freshly made, it hardly looks at the picture.
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=2 / layer.weight[0].numel() ** 0.5)
    for scale in (one for name, one in model.named_parameters() if "lambda1" in name):
        torch.nn.init.ones_(scale)
    model.save_pretrained(folder)
    BitImageProcessor(
        size={"shortest_edge": 64},
        crop_size={"height": 56, "width": 56},
        do_convert_rgb=True,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)


def _enliven(*parts) -> None:
    """Make the output of random weights vary: as they are made, the last rectifier may be shut everywhere."""
    import torch

    for part in parts:
        for layer in part.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                torch.nn.init.normal_(layer.weight, std=1 / layer.weight[0].numel() ** 0.5)
    torch.nn.init.constant_(parts[0].conv3.bias, 5.0)
