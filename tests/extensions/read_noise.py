"""A read noise that goes with the square root of the conductance, as CONTRIBUTING says one is added."""

FILES = {
    "devices/read_noise/square_root.py": '''
"""Read noise that grows with the square root of the conductance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.randomness import standard_normal
from devices.read_noise.base import AbstractReadNoise, Draw, check_draw
from devices.validation import check_nonnegative
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class SquareRootReadNoise(AbstractReadNoise):
    """Normal, `sigma = sqrt(scale * G)`."""

    scale: float
    """Variance over conductance [S]."""
    draw: Draw = "read"
    """Fresh at every `"read"`, or once per `"programming"`."""

    def __post_init__(self) -> None:
        """Refuse a scale that cannot be."""
        check_nonnegative("scale", self.scale)
        check_draw(self.draw)

    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S], in the shape of `conductance`."""
        return (self.scale * conductance).sqrt()

    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return standard normals in the shape of `like`."""
        return standard_normal(like, generator=generator)
''',
}
ROWS = (
    (
        "devices/read_noise/__init__.py",
        "from devices.read_noise.telegraph",
        "from devices.read_noise.square_root import SquareRootReadNoise as SquareRootReadNoise\n",
    ),
    (
        "devices/__init__.py",
        "from devices.read_noise import TelegraphReadNoise",
        "from devices.read_noise import SquareRootReadNoise as SquareRootReadNoise\n",
    ),
    (
        "tests/devices/device_tables.py",
        '    "telegraph": devices.Tele',
        '    "square root": devices.SquareRootReadNoise(scale=1e-8),\n',
    ),
)
SUITES = ("tests/devices/test_effects_contract.py", "-k", "square or SquareRoot")
CONFIG = """
device = {preset = "RRAM", read_noise = {type = "SquareRootReadNoise", scale = 1e-9}}
"""
CHECK = """
noisy = programmed(xb.CrossbarConfig(device=dataclasses.replace(
    xb.devices.Ideal, read_noise=xb.devices.SquareRootReadNoise(scale=1e-8))), nn.Linear(6, 3))
assert not torch.equal(noisy(x), noisy(x))
assert xb.config_from_json(xb.config_to_json(noisy.array.config)) == noisy.array.config
"""
