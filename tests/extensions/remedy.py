"""A remedy with a correction of its own, one common gain per layer, as CONTRIBUTING says they are added."""

FILES = {
    "crossbar/array/corrections/common_gain.py": '''
"""One factor on all outputs of a layer."""

from typing import ClassVar, final

from torch import Tensor

from crossbar.array.corrections.base import AbstractCorrection


@final
class CommonGain(AbstractCorrection):
    """What brings the outputs of a layer, taken together, back to their size."""

    fitted_to_chip: ClassVar[bool] = True

    gain: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gain", None)

    def output_gain(self) -> Tensor | None:
        """Return the factor, ()."""
        return self.gain
''',
    "calibration/common_gain.py": '''
"""One factor per layer, from the weights that its chip acts as."""

import torch
from torch import nn

from crossbar.conversion import analog_layers


@torch.no_grad()
def fit_common_gain(model: nn.Module) -> None:
    """Scale the outputs of every layer by the least-squares slope of its ideal over its effective weights.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    """
    for layer in analog_layers(model):
        ideal, seen = layer.weight_matrix(), layer.array.effective_weight.t()
        layer.array.corrections["common_gain"].gain = (ideal * seen).sum() / seen.square().sum()
''',
}
ROWS = (
    (
        "crossbar/array/corrections/__init__.py",
        "from crossbar.array.corrections.converter_steps",
        "from crossbar.array.corrections.common_gain import CommonGain as CommonGain\n",
    ),
    ("crossbar/array/corrections/__init__.py", '"drift": DriftFactor', '"common_gain": CommonGain,\n        '),
    (
        "tests/crossbar/array/test_corrections_contract.py",
        '    "drift": {',
        '    "common_gain": {"gain": torch.tensor(1.5)},\n',
    ),
    (
        "calibration/remedies.py",
        "from calibration.drift import",
        "from calibration.common_gain import fit_common_gain\n",
    ),
    (
        "calibration/remedies.py",
        '        "drift": Remedy(',
        '        "common gain": Remedy(lambda model, *_: fit_common_gain(model), step="fit_common_gain"),\n',
    ),
)
SUITES = ("tests/crossbar/array/test_corrections_contract.py", "-k", "common_gain")
CONFIG = """
device = "RRAM"
wires = {row = 5.0, driver = 100.0}
"""
CALIBRATION = "fit_common_gain"
CHECK = """
from calibration import recovery_ladder
config = xb.CrossbarConfig(device=xb.devices.RRAM, wires=xb.Wires(row=20.0, driver=1e3))
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
batches = [(x, torch.zeros(len(x), dtype=torch.int64))]
result = recovery_ladder(model, config, batches, batches, chips=1, ladder=[(), ("common gain",)])
assert result.parameters.sel(remedy="common gain").item() == 2  # a number per layer
"""
