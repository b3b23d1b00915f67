"""ResNets for images of 224 pixels (He et al., CVPR 2016, table 1), with random weights."""

from torch import nn

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Blocks of each stage, by depth."""


def resnet(depth: int, classes: int = 1000) -> nn.Sequential:
    """Return ResNet-18, -34 (basic blocks) or -50 (bottlenecks)."""
    layers = [*convolution(3, 64, 7, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
    channels = 64
    for number, blocks in enumerate(STAGES[depth]):
        for block in range(blocks):
            layers.append(Residual(channels, 64 << number, stride=2 if number and not block else 1, wide=depth >= 50))
            channels = (64 << number) * (4 if depth >= 50 else 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Residual(nn.Module):
    """A basic block, or a bottleneck where it is `wide`; figure 5 of the paper."""

    def __init__(self, inputs: int, width: int, *, stride: int, wide: bool) -> None:
        super().__init__()
        outputs = 4 * width if wide else width
        if wide:
            path = [*convolution(inputs, width, 1), nn.ReLU(), *convolution(width, width, 3, stride=stride), nn.ReLU()]
            path += convolution(width, outputs, 1)
        else:
            path = [*convolution(inputs, width, 3, stride=stride), nn.ReLU(), *convolution(width, outputs, 3)]
        self.path = nn.Sequential(*path)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(inputs, outputs, 1, stride=stride))

    def forward(self, x):
        """Return (batch, outputs, height, width)."""
        return (self.shortcut(x) + self.path(x)).relu()


def convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    """Return a convolution and its batch norm."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [layer, nn.BatchNorm2d(outputs)]
