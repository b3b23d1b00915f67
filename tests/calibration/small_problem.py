"""Forty vectors in four batches, and the digital network that tells the largest of three numbers by layer norms."""

import torch
from torch import nn

X = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
Y = X[:, :3].argmax(1)
BATCHES = list(zip(X.split(10), Y.split(10), strict=True))


def network(*, norm=nn.LayerNorm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), norm(8), nn.GELU(), nn.Linear(8, 3)).eval()
