"""Fit the small layers of a range head (``models.relative_depth.range_head``) to features and known log ranges."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import nn

COMPONENTS = 3
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
    """Fit layers to a mixture of Gaussians over the log range by maximum likelihood (Bishop 1994).

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
    mean, std = x.mean(0), x.std(0) + 1e-3
    x = (x - mean) / std
    sizes = [x.shape[1], *widths, 3 * COMPONENTS]
    layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
    modules = [nn.Dropout(dropout), layers[0]]
    for layer in layers[1:]:
        modules += [nn.ReLU(), nn.Dropout(dropout), layer]
    network = nn.Sequential(*modules)
    with torch.no_grad():
        # Near, middle and far to begin with.
        layers[-1].bias[COMPONENTS:-COMPONENTS] = torch.quantile(labels, torch.linspace(0.2, 0.8, COMPONENTS))
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(_BATCH):
            logit, guess, log_sigma = network(x[chosen]).chunk(3, 1)
            log_sigma = log_sigma.clamp(-3, 1)
            z = (labels[chosen, None] - guess) / log_sigma.exp()
            loss = -(logit.log_softmax(1) - 0.5 * z * z - log_sigma).logsumexp(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        fall.step()
    with torch.no_grad():
        # The normalisation of the features goes into the first layer.
        weights = [layers[0].weight / std, *(layer.weight for layer in layers[1:])]
        biases = [layers[0].bias - weights[0] @ mean, *(layer.bias for layer in layers[1:])]
        # Large layers in half precision: their rounding is far below what they are sure of.
        stored = {f"weight_{k}": weight.T.contiguous().half() for k, weight in enumerate(weights)}
        stored |= {f"bias_{k}": bias.clone() for k, bias in enumerate(biases)}
    return {name: value.numpy() for name, value in stored.items()}
