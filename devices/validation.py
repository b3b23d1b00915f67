"""The sentences every config uses to refuse a value that cannot be."""

import itertools
import sys
from collections.abc import Collection

_LARGEST = sys.float_info.max


class FieldError(Exception):
    """A value that a field or an argument cannot have: what every refusal of this module is, besides its built-in kind.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    field
        Name of the field or argument.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class FieldValueError(FieldError, ValueError):
    """A value of the right type that cannot be."""


class FieldTypeError(FieldError, TypeError):
    """A value of the wrong type."""


def check_finite(name: str, value: float, *, hint: str = "") -> None:
    """Raise unless `value` is a finite number.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldTypeError(f"`{name}` must be a number. Got {value!r}.{_tail(hint)}", name)
    if not -_LARGEST <= value <= _LARGEST:
        raise FieldValueError(f"`{name}` must be finite. Got {value!r}.{_tail(hint)}", name)


def check_nonnegative(name: str, value: float, *, hint: str = "") -> None:
    """Raise unless `value` is finite and >= 0."""
    check_finite(name, value, hint=hint)
    if value < 0:
        raise FieldValueError(f"`{name}` must be >= 0. Got {value!r}.{_tail(hint)}", name)


def check_positive(name: str, value: float, *, hint: str = "") -> None:
    """Raise unless `value` is finite and > 0."""
    check_finite(name, value, hint=hint)
    if value <= 0:
        raise FieldValueError(f"`{name}` must be > 0. Got {value!r}.{_tail(hint)}", name)


def check_probability(name: str, value: float, *, hint: str = "") -> None:
    """Raise unless `value` lies in [0, 1]."""
    check_finite(name, value, hint=hint)
    if not 0 <= value <= 1:
        raise FieldValueError(f"`{name}` must lie in [0, 1]. Got {value!r}.{_tail(hint)}", name)


def check_integer(name: str, value: int, *, at_least: int, at_most: int | None = None, hint: str = "") -> None:
    """Raise unless `value` is an integer in [at_least, at_most]."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldTypeError(f"`{name}` must be an integer. Got {value!r}.{_tail(hint)}", name)
    if value < at_least or (at_most is not None and value > at_most):
        bound = f">= {at_least}" if at_most is None else f"in [{at_least}, {at_most}]"
        raise FieldValueError(f"`{name}` must be {bound}. Got {value!r}.{_tail(hint)}", name)


def check_choice(name: str, value: object, choices: Collection[object], *, hint: str = "") -> None:
    """Raise unless `value` is one of `choices`."""
    if not any(isinstance(value, type(choice)) and value == choice for choice in choices):
        raise FieldValueError(
            f"`{name}` must be one of {', '.join(map(repr, choices))}. Got {value!r}.{_tail(hint)}", name
        )


def check_boolean(name: str, value: bool, *, hint: str = "") -> None:
    """Raise unless `value` is True or False."""
    if not isinstance(value, bool):
        raise FieldTypeError(f"`{name}` must be True or False. Got {value!r}.{_tail(hint)}", name)


def check_instance(name: str, value: object, kind: type, *, optional: bool = False) -> None:
    """Raise unless `value` is a `kind`, or None where that is an option."""
    if not isinstance(value, kind) and not (optional and value is None):
        raise FieldTypeError(f"`{name}` must be {kind.__name__}{' or None' if optional else ''}. Got {value!r}.", name)


def check_text(name: str, value: str) -> None:
    """Raise unless `value` is text."""
    check_instance(name, value, str)


def check_instances(name: str, values: object, kind: type) -> None:
    """Raise unless `values` is a tuple of objects of one kind."""
    if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
        raise FieldTypeError(f"`{name}` must be a tuple of {kind.__name__}. Got {values!r}.", name)


def check_numbers(
    name: str, values: tuple[float, ...], *, at_least: int = 0, exactly: int | None = None, hint: str = ""
) -> None:
    """Raise unless `values` is a tuple of finite numbers, `at_least` many or `exactly` so many."""
    if not isinstance(values, tuple):
        raise FieldTypeError(f"`{name}` must be a tuple of numbers. Got {values!r}.{_tail(hint)}", name)
    if len(values) < at_least or (exactly is not None and len(values) != exactly):
        wanted = f"at least {at_least}" if exactly is None else f"exactly {exactly}"
        raise FieldValueError(f"`{name}` must hold {wanted} numbers. Got {len(values)}.{_tail(hint)}", name)
    for value in values:
        check_finite(name, value, hint=hint)


def check_increasing(name: str, values: tuple[float, ...], *, hint: str = "") -> None:
    """Raise unless `values` is a tuple of at least two strictly increasing finite numbers."""
    check_numbers(name, values, at_least=2, hint=hint)
    if any(left >= right for left, right in itertools.pairwise(values)):
        raise FieldValueError(f"`{name}` must increase strictly. Got {values!r}.{_tail(hint)}", name)


def _tail(hint: str) -> str:
    return f" {hint}" if hint else ""
