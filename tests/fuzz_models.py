"""Small models for the fuzz test, plain ones and every oddity that conversion has met."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune


def linear():
    """Return two linear layers with batch norm between."""
    return nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)), (7,)


def convolution():
    """Return a convolution, batch norm and a classifier."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3)
    ), (2, 4, 4)


def grouped():
    """Return a grouped and a pointwise convolution."""
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 1), nn.Flatten()
    ), (4, 4, 4)


def depthwise_1d():
    """Return a depthwise, dilated, circularly padded convolution over one dimension."""
    depthwise = nn.Conv1d(3, 6, 3, groups=3, dilation=2, padding=2, padding_mode="circular")
    return nn.Sequential(depthwise, nn.BatchNorm1d(6), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)), (3, 6)


def volume():
    """Return a strided convolution over three dimensions."""
    return nn.Sequential(
        nn.Conv3d(1, 4, 2, stride=2, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)
    ), (1, 2, 2, 2)


class _Upsampled(nn.Module):
    """A transposed convolution whose output size is an argument."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(2, 4, 2, stride=2, groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 25, 3)

    def forward(self, x):
        return self.head(self.norm(self.up(x, output_size=(5, 5))).flatten(1))


def upsampled():
    """Return a transposed convolution and a classifier."""
    return _Upsampled(), (2, 2, 2)


class _Recurrent(nn.Module):
    """A recurrent layer read at its last step, in the way that exported code does."""

    def __init__(self, recurrent):
        super().__init__()
        self.recurrent = recurrent
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        self.recurrent.flatten_parameters()
        return self.head(self.recurrent(x)[0][:, -1])


def lstm():
    """Return a bidirectional LSTM and a classifier."""
    return _Recurrent(nn.LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=True)), (4, 3)


def gru():
    """Return a GRU and a classifier."""
    return _Recurrent(nn.GRU(3, 8, batch_first=True, bias=False)), (4, 3)


class _Encoder(nn.Module):
    """A transformer encoder with a padding mask and a causal one."""

    def __init__(self, *, causal):
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(4, 3)
        self.causal = causal

    def forward(self, x):
        length = x.shape[1]
        if self.causal:
            mask = nn.Transformer.generate_square_subsequent_mask(length, dtype=x.dtype)
            return self.head(self.encoder(x, mask=mask, is_causal=True)[:, -1])
        padding = torch.zeros(len(x), length, dtype=torch.bool)
        padding[:, -1] = True
        return self.head(self.encoder(x, src_key_padding_mask=padding)[:, 0])


def padded_encoder():
    """Return a transformer encoder that ignores the last token."""
    return _Encoder(causal=False), (4, 4)


def causal_encoder():
    """Return a transformer encoder whose tokens see those before them."""
    return _Encoder(causal=True), (4, 4)


class _Twice(nn.Module):
    """One layer called twice, one parameter in two layers, and layers in containers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4, bias=False)])
        self.layers[1].weight = self.layers[0].weight
        self.heads = nn.ModuleDict({"only": nn.Linear(4, 3)})
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        for layer in (self.layers[0], self.layers[1], self.layers[0]):
            x = torch.tanh(self.norm(layer(x)))
        return self.heads["only"](x)


def tied():
    """Return a model of tied layers."""
    return _Twice(), (4,)


def _double(module, arguments):
    return (2 * arguments[0],)


def _shift(module, arguments, output):
    return output + 1


def hooked():
    """Return layers whose hooks change input and output."""
    model, shape = linear()
    model[0].register_forward_pre_hook(_double)
    model[3].register_forward_hook(_shift)
    return model, shape


class _Standardised(nn.Conv2d):
    """A convolution that standardises its weights in `forward`."""

    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight / (weight.std((1, 2, 3), keepdim=True) + 1e-3), self.bias)


class _Scaled(nn.Linear):
    """A linear layer that scales its output in `forward`."""

    def forward(self, x):
        return 3 * super().forward(x)


class _Renamed(nn.Linear):
    """A linear layer of another name."""


def subclassed():
    """Return layers of subclasses that compute something else, and one that does not."""
    return nn.Sequential(_Standardised(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), _Scaled(16, 6), _Renamed(6, 3)), (
        2,
        4,
        4,
    )


class _Functional(nn.Module):
    """A layer whose weight is also used without calling it, and a product with a parameter."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(5, 5)
        self.matrix = nn.Parameter(torch.randn(5, 5) / 3)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        hidden = torch.relu(self.encode(x))
        return self.head(F.linear(hidden, self.encode.weight.t()) + hidden @ self.matrix)


def functional():
    """Return a model that uses a layer's weight apart from the layer."""
    return _Functional(), (5,)


def pruned():
    """Return layers with empty rows, columns, and nothing at all."""
    model = nn.Sequential(nn.Linear(7, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 3))
    with torch.no_grad():
        model[0].weight[:2] = 0
        model[0].weight[:, 3] = 0
        model[3].weight.zero_()
    return model, (7,)


def unparametrised():
    """Return a layer whose parametrisation and pruning were removed again."""
    model, shape = linear()
    parametrizations.weight_norm(model[0])
    parametrize.remove_parametrizations(model[0], "weight")
    prune.l1_unstructured(model[3], "weight", 0.5)
    prune.remove(model[3], "weight")
    return model, shape


def double():
    """Return a model in float64."""
    model, shape = convolution()
    return model.double(), shape


PLAIN = {"linear": linear, "convolution": convolution, "grouped": grouped}
"""Models that the deepest search draws from."""

ODD = {
    builder.__name__: builder
    for builder in (
        depthwise_1d,
        volume,
        upsampled,
        lstm,
        gru,
        padded_encoder,
        causal_encoder,
        tied,
        hooked,
        subclassed,
        functional,
        pruned,
        unparametrised,
        double,
    )
}
"""Models with something that conversion, reads, or files once got wrong."""

MODELS = {**PLAIN, **ODD}


def weight_normalised():
    """Return a model with a parametrised weight."""
    model, shape = linear()
    parametrizations.weight_norm(model[0])
    return model, shape


def orthogonal():
    """Return a model with an orthogonal weight."""
    model, shape = linear()
    parametrizations.orthogonal(model[3])
    return model, shape


def still_pruned():
    """Return a model with a mask over a weight."""
    model, shape = linear()
    prune.l1_unstructured(model[0], "weight", 0.5)
    return model, shape


def lazy():
    """Return a model whose weights are not made yet."""
    return nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.Linear(5, 3)), (7,)


REFUSED = {builder.__name__: builder for builder in (weight_normalised, orthogonal, still_pruned, lazy)}
"""Models whose weights are not parameters of their own."""


def build(name, seed):
    """Return a seeded model in eval mode, and two batches with signed inputs, zero ones too, and labels for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, shape = {**MODELS, **REFUSED}[name]()
        dtype = next((p.dtype for p in model.parameters()), torch.float32)
        batches = [(torch.randn(6, *shape).to(dtype), torch.randint(0, 3, (6,))) for _ in range(2)]
        batches[1][0][0] = 0
    return model.eval(), batches
