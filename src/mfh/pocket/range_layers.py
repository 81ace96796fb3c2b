"""Fit the small layers of a range head (``models.relative_depth.range_head``) to features and known log ranges."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import nn

_BATCH = 256
_RATE = 2e-3
_WEIGHT_DECAY = 0.01


def fit_layers(
    features: Float[ndarray, "n f"],
    log_range: Float[ndarray, "n"],
    *,
    widths: Sequence[int],
    epochs: int,
    dropout: float,
    seed: int,
) -> dict[str, ndarray]:
    """Fit layers to mean and deviation of the log range by maximum likelihood.

    Args:
        features: of the train split.
        log_range: of each.
        widths: of the hidden layers.
        epochs: times everything is seen; the learning rate falls to zero over them.
        dropout: share of inputs and of hidden values left out in training.
        seed: of weights and order.

    Returns:
        The arrays :func:`mfh.models.relative_depth.range_head.load_range_head` reads.
    """
    torch.manual_seed(seed)
    x, labels = torch.from_numpy(features), torch.from_numpy(log_range)
    mean, deviation = x.mean(0), x.std(0) + 1e-3
    x = (x - mean) / deviation
    sizes = [x.shape[1], *widths, 2]
    layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
    modules = [nn.Dropout(dropout), layers[0]]
    for layer in layers[1:]:
        modules += [nn.ReLU(), nn.Dropout(dropout), layer]
    network = nn.Sequential(*modules)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(_BATCH):
            guess, log_sigma = network(x[chosen]).unbind(1)
            log_sigma = log_sigma.clamp(-3, 1)
            loss = (0.5 * ((guess - labels[chosen]) / log_sigma.exp()) ** 2 + log_sigma).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        fall.step()
    with torch.no_grad():
        # The normalisation of the features goes into the first layer.
        weights = [layers[0].weight / deviation, *(layer.weight for layer in layers[1:])]
        biases = [layers[0].bias - weights[0] @ mean, *(layer.bias for layer in layers[1:])]
        # Large layers in half precision: their rounding is far below what they are sure of.
        stored = {f"weight_{k}": weight.T.contiguous().half() for k, weight in enumerate(weights)}
        stored |= {f"bias_{k}": bias.clone() for k, bias in enumerate(biases)}
    return {name: value.numpy() for name, value in stored.items()}
