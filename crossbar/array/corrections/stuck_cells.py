"""Known stuck cells, corrected beside the arrays."""

from typing import Any, ClassVar, final

import torch
from torch import Tensor

from crossbar.array.corrections.base import AbstractCorrection
from crossbar.array.wiring import Wiring


@final
class StuckCellPath(AbstractCorrection):
    """What stuck cells keep from single weights, times the inputs, added digitally: one multiplication a weight.

    The known deviation of a cell is what NIA (He et al., "Noise injection adaption", DAC 2019) corrects digitally too.
    """

    fitted_to_chip: ClassVar[bool] = True

    place: Tensor | None
    value: Tensor | None
    size: Tensor | None

    _shape: tuple[int, int] = (0, 0)
    """Outputs and inputs per group: `size` as plain numbers, for which no read has to wait."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("place", "value", "size"):
            self.register_buffer(name, None)
        self.register_load_state_dict_post_hook(_look_at_size)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, and look at a new size."""
        super().__setattr__(name, value)
        if name == "size":
            _look_at_size(self)

    def hold(self, missing: Tensor) -> None:
        """Keep the weights (outputs, inputs per group) that are not 0."""
        self.place = torch.nonzero(missing.flatten())[:, 0]
        self.value = missing.flatten()[self.place]
        self.size = torch.tensor(missing.shape, device=missing.device)

    def side_path(self, x: Tensor, wiring: Wiring) -> Tensor | None:
        """Return what the stuck cells keep from the outputs."""
        if self.place is None or self.value is None or self.size is None:
            return None
        outputs, inputs = self._shape
        missing = self.value.new_zeros(outputs * inputs).index_put_((self.place,), self.value)
        return wiring.linear_map(x, wiring.shape_weight(missing.view(outputs, inputs).to(x.dtype)))


def _look_at_size(path: StuckCellPath, incompatible: Any = None) -> None:
    """Take the size of a path over as plain numbers."""
    if path.size is not None and not path.size.is_meta:
        outputs, inputs = path.size.tolist()
        path._shape = (outputs, inputs)
