"""Checks of what layers are made with."""

from collections.abc import Sequence

from torch import Tensor

from devices.arguments import check_argument
from devices.validation import FieldTypeError, FieldValueError


def check_settings(*, bias: object, **counts: object) -> None:
    """Raise unless a layer is made as `torch.nn` makes its layers.

    Raises
    ------
    TypeError
        If `bias` is not a bool, or a number of features, channels or groups is not an integer.
    ValueError
        If one of these numbers is less than 1.
    """
    for name, count in counts.items():
        if isinstance(count, Tensor):
            raise FieldTypeError(
                f"`{name}` must be a number, as in torch.nn. Got a tensor. For existing parameters, use "
                "`from_digital(module, config)`.",
                name,
            )
        _check_size(name, count, int, at_least=1)
    if not isinstance(bias, bool):
        raise FieldTypeError(f"`bias` must be True or False, as in torch.nn. Got {type(bias).__name__}.", "bias")


def check_geometry(dimensions: int, *, at_least: int, **sizes: object) -> None:
    """Raise unless every size of a convolution is one integer, or one for each of its spatial dimensions.

    Raises
    ------
    TypeError
        If one is something else.
    ValueError
        If it holds another number of integers, or one less than `at_least`.
    """
    for name, size in sizes.items():
        _check_size(name, size, int | Sequence[int], at_least=at_least)
        if isinstance(size, Sequence) and len(size) != dimensions:
            raise FieldValueError(f"`{name}` must be one number or {dimensions}. Got {size!r}.", name)


def _check_size(name: str, size: object, hint: object, *, at_least: int) -> None:
    check_argument(name, size, hint)
    for number in size if isinstance(size, Sequence) else [size]:
        if isinstance(number, int) and number < at_least:
            raise FieldValueError(f"`{name}` must be >= {at_least}. Got {size!r}.", name)
