"""Scikit-learn's handwritten digits, and a small batch-norm network trained on them in seconds."""

import torch
import torch.nn.functional as F
from torch import nn

from crossbar.examples.evaluation import Split

_TEST_IMAGES = 540


def load_digits(*, seed: int = 0) -> tuple[Split, Split]:
    """Return 1257 training and 540 test images of 8x8 handwritten digits (UCI, as shipped by scikit-learn).

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError('The digits need scikit-learn: pip install "aimc-crossbar[demo]".') from error
    bunch = datasets.load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    test, train = order[:_TEST_IMAGES], order[_TEST_IMAGES:]
    return Split(images[train], labels[train]), Split(images[test], labels[test])


def digits_network() -> nn.Sequential:
    """Return an untrained network of three convolutions with batch norm and one linear layer, for (1, 8, 8) images."""
    return nn.Sequential(
        *_block(1, 16, stride=1),
        *_block(16, 32, stride=2),
        *_block(32, 32, stride=2),
        nn.Flatten(),
        nn.Linear(32 * 4, 10),
    )


def train_digits(model: nn.Module, data: Split, *, epochs: int = 12, seed: int = 0) -> None:
    """Train with Adam and cross-entropy on images shifted by up to one pixel; the same seed gives the same network."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    model.train()
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(data.labels), generator=generator), 64):
            down, right = torch.randint(-1, 2, (2,), generator=generator).tolist()
            images = torch.roll(data.images[chosen], (down, right), (2, 3))
            optimizer.zero_grad()
            F.cross_entropy(model(images), data.labels[chosen]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def _block(inputs: int, outputs: int, *, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
