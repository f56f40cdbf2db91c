"""The published method in plain PyTorch: what cmvq-keras is timed against.

Written from docs/method.md, Section 6, in the layout and with the formulations of the
published code: channels first, nearest codes from the full distances, the codes as a
product with the one-hot matrix, the moving sums as another one; eager, Adam.
"""

import dataclasses
import functools

import torch
from torch import nn
from torch.nn import functional


class Residual(nn.Module):
    """x + [BN, ReLU, conv 3x3, BN, ReLU, conv 1x1](x)."""

    def __init__(self, channels, inner):
        super().__init__()
        self.block = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, channels, 1, bias=False),
        )

    def forward(self, x):
        """Of the input's shape."""
        return x + self.block(x)


def _stack(channels, inner, layers):
    blocks = [Residual(channels, inner) for _ in range(layers)]
    return nn.Sequential(*blocks, nn.BatchNorm2d(channels), nn.ReLU())


def _encoder(channels, settings, stages):
    hidden = settings.hidden_channels
    made = []
    for width in [hidden] if stages == 1 else [hidden // 2, hidden]:
        convolution = nn.Conv2d(channels, width, 4, stride=2, padding=1)
        made += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    made.append(nn.Conv2d(hidden, hidden, 3, padding=1))
    made += [nn.MaxPool2d(3, stride=2, padding=1) for _ in range(stages - 2)]
    made.append(_stack(hidden, settings.residual_channels, settings.residual_layers))
    return nn.Sequential(*made, nn.Conv2d(hidden, settings.embedding_dim, 1))


def _decoder(channels, settings, stages):
    hidden = settings.hidden_channels
    made = [
        nn.Conv2d(settings.embedding_dim, hidden, 3, padding=1),
        _stack(hidden, settings.residual_channels, settings.residual_layers),
    ]
    transposed = functools.partial(nn.ConvTranspose2d, stride=2, padding=1)
    for stage in range(1, stages):
        width = hidden // 2**stage
        made += [transposed(2 * width, width, 4), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*made, transposed(hidden // 2 ** (stages - 1), channels, 4))


class Quantizer(nn.Module):
    """The quantizer with moving averages, by the one-hot matrix."""

    def __init__(self, codes, depth, beta=0.25, decay=0.99, epsilon=1e-5):
        super().__init__()
        self.beta, self.decay, self.epsilon = beta, decay, epsilon
        self.register_buffer("codebook", torch.randn(codes, depth))
        self.register_buffer("size", torch.zeros(codes))
        self.register_buffer("total", torch.randn(codes, depth))

    def forward(self, inputs):
        """Quantized `(batch, depth, height, width)`, loss, perplexity."""
        inputs = inputs.permute(0, 2, 3, 1).contiguous()
        flat = inputs.view(-1, inputs.shape[-1])
        distances = (
            flat.square().sum(1, keepdim=True)
            + self.codebook.square().sum(1)
            - 2 * flat @ self.codebook.t()
        )
        indices = distances.argmin(1, keepdim=True)
        chosen = flat.new_zeros(len(flat), len(self.codebook))
        chosen.scatter_(1, indices, 1)
        quantized = (chosen @ self.codebook).view(inputs.shape)
        if self.training:
            self._move(chosen, flat.detach())
        loss = self.beta * functional.mse_loss(quantized.detach(), inputs)
        quantized = inputs + (quantized - inputs).detach()
        shares = chosen.mean(0)
        perplexity = torch.exp(-(shares * torch.log(shares + 1e-10)).sum())
        return quantized.permute(0, 3, 1, 2).contiguous(), loss, perplexity

    @torch.no_grad()
    def _move(self, chosen, flat):
        codes = len(self.codebook)
        size = self.size * self.decay + (1 - self.decay) * chosen.sum(0)
        n = size.sum()
        self.size = (size + self.epsilon) / (n + codes * self.epsilon) * n
        self.total = self.total * self.decay + (1 - self.decay) * (chosen.t() @ flat)
        self.codebook = self.total / self.size[:, None]


@dataclasses.dataclass
class Output:
    """What a pass gives: logits, reconstructions, losses of the quantizers."""

    logits: torch.Tensor
    rebuilt: dict
    quantizer_losses: list


class Published(nn.Module):
    """The whole network of a recipe.

    Args:
        recipe: a `cmvq_keras.recipe.Recipe` for classification on images.
    """

    def __init__(self, recipe):
        super().__init__()
        settings, stages = recipe.model, {}
        self.settings = settings
        for name, modality in recipe.modalities.items():
            stages[name] = (modality.shape[0] // settings.grid).bit_length() - 1
        self.encoders = nn.ModuleDict(
            {
                name: _encoder(modality.shape[-1], settings, stages[name])
                for name, modality in recipe.modalities.items()
            }
        )
        self.decoders = nn.ModuleDict(
            {
                name: _decoder(modality.shape[-1], settings, stages[name])
                for name, modality in recipe.modalities.items()
            }
        )
        depth = settings.embedding_dim
        self.quantizers = nn.ModuleDict(
            {name: Quantizer(settings.num_embeddings, depth) for name in stages}
        )
        channels = depth * len(stages)
        self.mask = nn.Parameter(torch.full((channels,), settings.mask_start))
        self.solver = self._solver(channels, len(recipe.classes))

    def _solver(self, channels, classes):
        settings = self.settings
        width, side = settings.embedding_dim // 2, settings.grid // 4
        inner = max(1, settings.residual_channels // 4)
        return nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.Dropout(settings.dropout),
            _stack(width, inner, settings.residual_layers),
            nn.Flatten(),
            nn.Linear(width * side * side, settings.solver_units),
            nn.BatchNorm1d(settings.solver_units),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.solver_units, classes),
        )

    def forward(self, x, decode=True):
        """An `Output` from inputs `(batch, channels, height, width)` by modality."""
        quantized, losses = {}, []
        for name, encoder in self.encoders.items():
            quantized[name], loss, _ = self.quantizers[name](encoder(x[name]).float())
            losses.append(loss)
        rebuilt = {}
        if decode:
            rebuilt = {name: self.decoders[name](quantized[name]) for name in quantized}
        hard = (self.mask > self.settings.threshold).float()
        mask = self.mask + (hard - self.mask).detach()
        masked = torch.cat(list(quantized.values()), 1) * mask[:, None, None]
        return Output(self.solver(masked), rebuilt, losses)

    def loss(self, x, y, output):
        """The published sum of all terms."""
        rebuilt = [
            functional.mse_loss(output.rebuilt[name].float(), x[name]) for name in x
        ]
        task = functional.cross_entropy(output.logits.float(), y)
        penalty = self.settings.penalty_weight * self.mask.sum()
        return task + penalty + sum(rebuilt) + sum(output.quantizer_losses)
