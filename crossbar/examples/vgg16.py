"""VGG16 with batch norm for CIFAR-10 (Simonyan and Zisserman, ICLR 2015, configuration D), one linear layer."""

from pathlib import Path

from torch import nn

from crossbar.examples.weights import load_weights

_CHANNELS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


def vgg16(*, width: float = 1.0) -> nn.Sequential:
    """Return an untrained VGG16 for (3, 32, 32) images and ten classes; convolutions have no bias.

    Parameters
    ----------
    width
        Channels of every layer as a share of the published ones.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for channels in _CHANNELS:
        if channels == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        outputs = round(width * channels)
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(nn.Sequential(*layers), nn.Flatten(), nn.Linear(inputs, 10))


def load_vgg16(folder: str | Path) -> nn.Sequential:
    """Return a VGG16 with the weights of `vgg16_cifar10.safetensors` in `folder`, in eval mode."""
    model = vgg16()
    model.load_state_dict(load_weights(Path(folder) / "vgg16_cifar10.safetensors", model))
    return model.eval()
