"""The HMR 2.0 network in plain PyTorch, under the published key names: a ViT and a one-token transformer decoder.

The only module of the backend that imports torch at the top; :mod:`hmr2` imports it when a model is loaded.

Reference: Goel et al., Humans in 4D: Reconstructing and Tracking Humans with Transformers, ICCV 2023; the backbone is
ViTPose's (Xu et al., NeurIPS 2022).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mfh.models.human_mesh.smpl_regression import SmplLayers, SmplReading, rotations_from_6d

PATCH_PX = 16
GRID = (16, 12)
"""Rows and columns of patches: the network's input has 256x192 pixels."""
_NORM_EPS = 1e-6  # the backbone's; the decoder keeps torch's default


@dataclass(frozen=True)
class NetworkSizes:
    """Sizes of the ViT backbone and of the decoder; the defaults are the published model's."""

    backbone_dim: int = 1280
    backbone_depth: int = 32
    backbone_heads: int = 16
    decoder_dim: int = 1024
    decoder_depth: int = 6
    decoder_heads: int = 8
    decoder_head_dim: int = 64
    decoder_mlp_dim: int = 1024


PUBLISHED = NetworkSizes()


class Hmr2Network(nn.Module):
    """The network from a crop to SMPL parameters and a weak-perspective camera."""

    def __init__(self, sizes: NetworkSizes = PUBLISHED) -> None:
        """Build the network with random parameters."""
        super().__init__()
        self.backbone = _Backbone(sizes)
        self.smpl_head = _SmplHead(sizes)

    def forward(self, crops: Float[Tensor, "b 3 256 256"]) -> SmplReading:
        """Return float32 outputs of normalised crops, whose outer 32 columns on both sides are ignored."""
        features = self.backbone(crops[:, :, :, 32:-32])
        # The decoder is cheap, and half precision would limit the distance to two digits.
        with torch.autocast(features.device.type, enabled=False):
            return self.smpl_head(features.flatten(2).transpose(1, 2).float())


class _Backbone(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        dim = sizes.backbone_dim
        self.pos_embed = nn.Parameter(torch.zeros(1, GRID[0] * GRID[1] + 1, dim))
        self.patch_embed = _PatchEmbed(dim)
        self.blocks = nn.ModuleList(_Block(dim, sizes.backbone_heads) for _ in range(sizes.backbone_depth))
        self.last_norm = nn.LayerNorm(dim, eps=_NORM_EPS)

    def forward(self, pixels: Float[Tensor, "b 3 256 192"]) -> Float[Tensor, "b c 16 12"]:
        grid = self.patch_embed.proj(pixels)
        # The first position is that of the pretraining's class token; it is added to every patch.
        tokens = grid.flatten(2).transpose(1, 2) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            tokens = block(tokens)
        return self.last_norm(tokens).transpose(1, 2).reshape(grid.shape)


class _PatchEmbed(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        # The first patch starts two pixels outside the picture.
        self.proj = nn.Conv2d(3, dim, PATCH_PX, stride=PATCH_PX, padding=2)


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.attn = _BackboneAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.mlp = _Mlp(dim)

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class _BackboneAttention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        return self.proj(_attend(*self.qkv(tokens).chunk(3, dim=-1), heads=self.heads))


class _Mlp(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        return self.fc2(functional.gelu(self.fc1(tokens)))


class _SmplHead(SmplLayers):
    """A decoder of a single zero token; its outputs are added to the mean pose, shape and camera."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__(sizes.decoder_dim)
        self.transformer = _Decoder(sizes)

    def forward(self, context: Float[Tensor, "b n c"]) -> SmplReading:
        token = self.transformer(context)
        return SmplReading(
            rotations=rotations_from_6d(self.decpose(token) + self.init_body_pose),
            betas=self.decshape(token) + self.init_betas,
            cam=self.deccam(token) + self.init_cam,
        )


class _Decoder(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.to_token_embedding = nn.Linear(1, sizes.decoder_dim)
        self.pos_embedding = nn.Parameter(torch.zeros(1, 1, sizes.decoder_dim))
        # The published model nests its layers one module deeper.
        self.transformer = _DecoderLayers(sizes)

    def forward(self, context: Float[Tensor, "b n c"]) -> Float[Tensor, "b d"]:
        nothing = context.new_zeros(len(context), 1, 1)
        token = self.to_token_embedding(nothing) + self.pos_embedding
        return self.transformer(token, context).squeeze(1)


class _DecoderLayers(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(
                (
                    _PreNorm(sizes.decoder_dim, _SelfAttention(sizes)),
                    _PreNorm(sizes.decoder_dim, _CrossAttention(sizes)),
                    _PreNorm(sizes.decoder_dim, _FeedForward(sizes)),
                )
            )
            for _ in range(sizes.decoder_depth)
        )

    def forward(self, token: Float[Tensor, "b t d"], context: Float[Tensor, "b n c"]) -> Float[Tensor, "b t d"]:
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            attend_itself, attend_picture, feed_forward = layer
            token = token + attend_itself(token)
            token = token + attend_picture(token, context)
            token = token + feed_forward(token)
        return token


class _PreNorm(nn.Module):
    def __init__(self, dim: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fn = fn

    def forward(self, token: Float[Tensor, "b t d"], *context: Float[Tensor, "b n c"]) -> Float[Tensor, "b t d"]:
        return self.fn(self.norm(token), *context)


class _SelfAttention(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.heads, inner = sizes.decoder_heads, sizes.decoder_heads * sizes.decoder_head_dim
        self.to_qkv = nn.Linear(sizes.decoder_dim, 3 * inner, bias=False)
        # The published names count a dropout after it, which has no weights.
        self.to_out = nn.Sequential(nn.Linear(inner, sizes.decoder_dim))

    def forward(self, token: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.to_out(_attend(*self.to_qkv(token).chunk(3, dim=-1), heads=self.heads))


class _CrossAttention(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.heads, inner = sizes.decoder_heads, sizes.decoder_heads * sizes.decoder_head_dim
        self.to_kv = nn.Linear(sizes.backbone_dim, 2 * inner, bias=False)
        self.to_q = nn.Linear(sizes.decoder_dim, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, sizes.decoder_dim))

    def forward(self, token: Float[Tensor, "b t d"], context: Float[Tensor, "b n c"]) -> Float[Tensor, "b t d"]:
        key, value = self.to_kv(context).chunk(2, dim=-1)
        return self.to_out(_attend(self.to_q(token), key, value, heads=self.heads))


class _FeedForward(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        widen = nn.Linear(sizes.decoder_dim, sizes.decoder_mlp_dim)
        narrow = nn.Linear(sizes.decoder_mlp_dim, sizes.decoder_dim)
        # The published names count a dropout between them.
        self.net = nn.Sequential(widen, nn.GELU(), nn.Identity(), narrow)

    def forward(self, token: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.net(token)


def _attend(
    query: Float[Tensor, "b t i"], key: Float[Tensor, "b n i"], value: Float[Tensor, "b n i"], *, heads: int
) -> Float[Tensor, "b t i"]:
    """Return softmax(q k^T / sqrt(d)) v per head; the heads are concatenated along the channels."""

    def apart(tensor: Tensor) -> Tensor:
        return tensor.unflatten(-1, (heads, -1)).transpose(1, 2)

    mixed = functional.scaled_dot_product_attention(apart(query), apart(key), apart(value))
    return mixed.transpose(1, 2).flatten(2)
