"""CIFAR-10 images from an npz file, normalised as the trained example networks expect."""

from pathlib import Path

import numpy as np
import torch

from crossbar.examples.evaluation import Split

_MEAN = (0.485, 0.456, 0.406)
_SPREAD = (0.229, 0.224, 0.225)


def load_cifar10(folder: str | Path, *, train: int = 2000, test: int = 1000) -> tuple[Split, Split]:
    """Return the first `train` training and `test` test images of `cifar10.npz` in `folder`.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If it holds fewer images than asked for.
    """
    path = Path(folder) / "cifar10.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give the folder that holds cifar10.npz.")
    with np.load(path) as file:
        return _split(file, "train", train), _split(file, "test", test)


def _split(file: np.lib.npyio.NpzFile, name: str, number: int) -> Split:
    pixels, labels = file[f"x_{name}"], file[f"y_{name}"]
    if number > len(labels):
        raise ValueError(f"`{name}` must be <= {len(labels)} images. Got {number}.")
    images = torch.from_numpy(pixels[:number]).permute(0, 3, 1, 2).float() / 255
    mean, spread = torch.tensor(_MEAN)[:, None, None], torch.tensor(_SPREAD)[:, None, None]
    return Split((images - mean) / spread, torch.from_numpy(labels[:number]).long().flatten())
