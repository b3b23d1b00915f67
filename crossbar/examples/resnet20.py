"""ResNet-20 for CIFAR-10 (He et al., CVPR 2016, section 4.2), with 1x1-convolution shortcuts."""

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.examples.weights import load_weights


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to (batch, inputs, height, width)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        output: Tensor = self.relu2(y + self.downsample(x))
        return output


class ResNet20(nn.Module):
    """Three stages of three blocks with 16, 32 and 64 channels, and one linear layer."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16, eps=1e-3)
        self.relu = nn.ReLU()
        self.layer1 = _stage(16, 16, stride=1)
        self.layer2 = _stage(16, 32, stride=2)
        self.layer3 = _stage(32, 64, stride=2)
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores, (batch, classes), of images (batch, 3, 32, 32)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        scores: Tensor = self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return scores


def load_resnet20(folder: str | Path) -> ResNet20:
    """Return a ResNet-20 with the weights of `resnet20_cifar10.safetensors` in `folder`, in eval mode."""
    model = ResNet20()
    model.load_state_dict(load_weights(Path(folder) / "resnet20_cifar10.safetensors", model))
    return model.eval()


def _stage(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(inputs, outputs, stride=stride),
        BasicBlock(outputs, outputs, stride=1),
        BasicBlock(outputs, outputs, stride=1),
    )
