"""Small random Mask2Former and MaskFormer models, written as their publishers write them."""

from pathlib import Path

import torch
import transformers

LABELS = {0: "cat", 1: "person", 2: "dog"}
_BACKBONE = dict(
    embed_dim=16,
    depths=[1, 1, 1, 1],
    num_heads=[1, 1, 2, 2],
    window_size=2,
    image_size=64,
    patch_size=4,
    out_features=["stage1", "stage2", "stage3", "stage4"],
)
STYLES = {
    "squeezed": dict(size={"height": 128, "width": 128}),
    "padded": dict(size={"shortest_edge": 108, "longest_edge": 160}, size_divisor=32),
}


def write(folder: Path, kind: str = "mask2former", style: str = "padded", labels: dict[int, str] = LABELS) -> str:
    """Write a small random model as its publishers do."""
    torch.manual_seed(0)
    names = dict(id2label=labels, label2id={name: k for k, name in labels.items()})
    swin = transformers.SwinConfig(**_BACKBONE)
    if kind == "mask2former":
        config = transformers.Mask2FormerConfig(
            backbone_config=swin,
            hidden_dim=32,
            feature_size=32,
            mask_feature_size=32,
            encoder_layers=1,
            decoder_layers=2,
            num_attention_heads=2,
            encoder_feedforward_dim=32,
            dim_feedforward=32,
            num_queries=8,
            **names,
        )
        model = transformers.Mask2FormerForUniversalSegmentation(config)
        processor = transformers.Mask2FormerImageProcessor(**STYLES[style])
    else:
        decoder = transformers.DetrConfig(
            d_model=32,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            num_queries=8,
            use_timm_backbone=False,
            backbone_config=transformers.ResNetConfig(
                embedding_size=8,
                hidden_sizes=[8, 8, 8, 8],
                depths=[1, 1, 1, 1],
                layer_type="basic",
                out_features=["stage4"],
            ),
        )
        config = transformers.MaskFormerConfig(
            backbone_config=swin, decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32, **names
        )
        model = transformers.MaskFormerForInstanceSegmentation(config)
        processor = transformers.MaskFormerImageProcessor(**STYLES[style])
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)
