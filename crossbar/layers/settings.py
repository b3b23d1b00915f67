"""Checks of what layers are made with."""

from torch import Tensor


def check_settings(*, bias: object, **sizes: object) -> None:
    """Raise unless a layer is made as `torch.nn` makes its layers.

    Raises
    ------
    TypeError
        If `bias` is not a bool, or a tensor is given in the place of a size.
    """
    for name, size in sizes.items():
        if isinstance(size, Tensor):
            raise TypeError(
                f"`{name}` must be a number, as in torch.nn. Got a tensor. For existing parameters, use "
                "`from_digital(module, config)`."
            )
    if not isinstance(bias, bool):
        raise TypeError(f"`bias` must be True or False, as in torch.nn. Got {type(bias).__name__}.")
