"""Small networks that apply ReLU in every way that tracing must find."""

import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
import devices
from mapping import MappingConfig


class Shared(nn.Module):
    """One ReLU module at three call sites."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.relu(self.first(x))
        x = self.relu(self.second(x))
        return self.head(self.relu(self.third(x)))


class Functional(nn.Module):
    """Functions and methods."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.layers[0](x))
        x = F.relu(self.layers[1](x))
        x = self.layers[2](x).relu()
        return self.head(F.relu(input=self.layers[3](x)))


class InPlace(nn.Module):
    """ReLUs that overwrite a tensor which is used again."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        y = self.first(x)
        z = self.relu(y) + y
        w = self.second(z)
        torch.relu_(w)
        v = w - 0.5
        u = F.relu(v, inplace=True)
        return self.head(u + v + w)


class Images(nn.Module):
    """A residual block with batch norm for (2, 6, 6) images."""

    def __init__(self, classes=4):
        super().__init__()
        self.conv1, self.bn1, self.relu1 = nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU()
        self.conv2, self.bn2, self.relu2 = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU()
        self.fc = nn.Linear(6, classes)

    def forward(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)) + x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


VECTORS = {"shared module": (Shared, 3), "functions": (Functional, 4), "in place": (InPlace, 3)}

NOISY = xb.CrossbarConfig(
    device=devices.Device(
        g_min=2e-6, g_max=20e-6, read_noise=devices.RelativeReadNoise(ratio=0.05), drift=devices.PowerLawDrift(nu=0.05)
    ),
    wires=xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3),
    mapping=MappingConfig(weight_bits=6, cell_bits=3, rows=16, cols=16),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(kind=Images, seed=0):
    torch.manual_seed(seed)
    model = kind().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
    return model


def images(number=12, seed=1):
    return torch.randn(number, 2, 6, 6, generator=seeded(seed))


def labelled(number=40, batch=10, classes=3, seed=1):
    """Images whose class is told by where they are bright."""
    labels = torch.arange(number) % classes
    x = images(number, seed) * 0.5
    for sample, label in enumerate(labels):
        x[sample, 0, 2 * label] += 2
    return list(zip(x.split(batch), labels.split(batch), strict=True))


def analog(model, config=NOISY, seed=0):
    converted = xb.convert_to_analog(model, config)
    xb.program_analog_weights(converted, generator=seeded(seed))
    return converted.eval()
