"""Networks of every kind that conversion to spikes has to get right."""

import torch
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    """A shared ReLU, sums in place, a projected shortcut, and pooling called as a function."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.second, self.short = nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.Conv2d(2, 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        y = self.second(self.relu(self.norm(self.first(x))))
        y += self.short(x)
        y = F.max_pool2d(self.relu(y), 2)
        return self.last(F.adaptive_avg_pool2d(y, 1).flatten(1))


class CellLoop(nn.Module):
    """A recurrent cell in a loop of the model's own."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.last = cell, nn.Linear(5, 3)

    def forward(self, x):
        state = None
        for row in x.unbind(1):
            state = self.cell(row, state)
        return self.last(state[0] if isinstance(state, tuple) else state)


class Sequence(nn.Module):
    """A recurrent network and a classifier on its last output."""

    def __init__(self, recurrent):
        super().__init__()
        self.recurrent = recurrent
        width = recurrent.hidden_size * (2 if recurrent.bidirectional else 1)
        self.last = nn.Linear(recurrent.proj_size or width, 3)

    def forward(self, x):
        return self.last(self.recurrent(x)[0][:, -1])


IMAGES, ROWS = (3, 2, 8, 8), (3, 5, 4)
NETWORKS = {
    "multilayer": (
        lambda: nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 3)),
        (3, 4),
    ),
    "convolutional": (
        lambda: nn.Sequential(
            *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(4, 5, 3, bias=False), nn.ReLU6(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(5, 3)),
        ),
        IMAGES,
    ),
    "transposed": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 2, stride=2), nn.ReLU(), nn.ConvTranspose2d(3, 2, 2, stride=2)),
        IMAGES,
    ),
    "residual": (Residual, IMAGES),
    "gru": (lambda: Sequence(nn.GRU(4, 5, batch_first=True)), ROWS),
    "relu rnn": (lambda: Sequence(nn.RNN(4, 5, nonlinearity="relu", batch_first=True)), ROWS),
    "deep two-way lstm": (lambda: Sequence(nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True)), ROWS),
    "projected lstm": (lambda: Sequence(nn.LSTM(4, 5, proj_size=3, batch_first=True)), ROWS),
    "gru cell": (lambda: CellLoop(nn.GRUCell(4, 5)), ROWS),
    "rnn cell": (lambda: CellLoop(nn.RNNCell(4, 5)), ROWS),
}
"""Networks and the shape of their input."""


def exact(model):
    """Return a model in double precision, in eval mode, with weights of few bits, so that sums are exact."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter * 64).round() / 64)
    return model.double().eval()
