"""Refusing an argument of the wrong type by its name, before it fails somewhere inside."""

import collections.abc
import functools
import inspect
import math
import numbers
import reprlib
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar

import torch
from torch import nn

from devices.validation import FieldTypeError, FieldValueError, check_choice

P = ParamSpec("P")
R = TypeVar("R")
_NUMBERS: dict[type, type] = {float: numbers.Real, int: numbers.Integral, complex: numbers.Complex}
_MAKE: dict[type, str] = {
    torch.Generator: " Make one with `torch.Generator().manual_seed(0)`.",
    nn.Parameter: " To convert a digital layer, use `from_digital(layer, config)`.",
}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of a public function against its annotations, whenever it is called.

    The decorated function raises `FieldTypeError` where an argument is not what the annotation says, and
    `FieldValueError` where a number is NaN. Annotations are read at the first call. A call costs some microseconds, so
    it belongs on what is called once per model or study, and not on what every read calls.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        signature, hints = annotations(function)
        try:
            arguments = signature.bind(*args, **kwargs).arguments
        except TypeError:  # Python's own words for missing and unknown arguments
            return function(*args, **kwargs)
        for name, value in arguments.items():
            if name in hints:
                check_argument(name, value, hints[name])
        return function(*args, **kwargs)

    return call


def check_argument(name: str, value: object, hint: Any) -> None:
    """Raise unless `value` is what the annotation `hint` says, and no NaN."""
    if typing.get_origin(hint) is Literal:
        check_choice(name, value, typing.get_args(hint))
    for part in (hint, *typing.get_args(hint)):
        if typing.get_origin(part) is collections.abc.Mapping and isinstance(value, collections.abc.Mapping):
            _check_items(name, value, part)
    if not matches(value, hint):
        raise FieldTypeError(f"`{name}` must be {_say(hint)}. Got {_short(value)}.{_suggestion(hint)}", name)
    if isinstance(value, float) and math.isnan(value):
        raise FieldValueError(f"`{name}` must be a number. Got nan.", name)


def _check_items(name: str, value: collections.abc.Mapping[Any, Any], hint: Any) -> None:
    """Name the key whose value is wrong, where all others may be right."""
    for key, item in value.items():
        if not matches(item, typing.get_args(hint)[1]):
            wanted = _say(typing.get_args(hint)[1])
            raise FieldTypeError(f"`{name}`: the value of {_short(key)} must be {wanted}. Got {_short(item)}.", name)


def check_fields(config: object) -> None:
    """Check every field of a dataclass against its annotation; call it first in `__post_init__`."""
    make: Callable[..., Any] = type(config)
    _, hints = annotations(make)
    for name, hint in hints.items():
        check_argument(name, getattr(config, name), hint)


def matches(value: object, hint: Any) -> bool:
    """Return whether `value` is what the annotation `hint` says; annotations that say nothing match everything."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(matches(value, part) for part in parts)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in parts)
    if hint is None or hint is types.NoneType:
        return value is None
    if isinstance(hint, type) and hint in _NUMBERS:
        return isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool)
    if isinstance(hint, TypeVar):
        return hint.__bound__ is None or matches(value, hint.__bound__)
    kind: Any = hint if origin is None else origin
    if kind is collections.abc.Callable:
        return callable(value)
    if kind is Any or not isinstance(kind, type):
        return True
    if issubclass(kind, collections.abc.Iterable) and kind not in (str, bytes) and isinstance(value, str | bytes):
        return False  # text is no list of words, though Python counts it as one
    return isinstance(value, kind) and _items_match(value, kind, parts)


def _items_match(value: Any, kind: type, parts: tuple[Any, ...]) -> bool:
    if kind is tuple and parts:
        if len(parts) == 2 and parts[1] is Ellipsis:
            return all(matches(item, parts[0]) for item in value)
        return len(value) == len(parts) and all(map(matches, value, parts))
    if issubclass(kind, collections.abc.Mapping) and len(parts) == 2:
        return all(matches(key, parts[0]) and matches(item, parts[1]) for key, item in value.items())
    if issubclass(kind, collections.abc.Collection) and len(parts) == 1:
        return all(matches(item, parts[0]) for item in value)
    return True


@functools.cache
def annotations(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """Return the signature and the annotations of parameters; names that exist for type checkers only say nothing."""
    signature = inspect.signature(function)
    names = {**vars(typing), **getattr(function, "__globals__", {})}
    hints: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        hint = parameter.annotation
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or hint is parameter.empty:
            continue
        try:
            hints[name] = eval(hint, names) if isinstance(hint, str) else hint
        except NameError:
            continue
    return signature, hints


def _say(hint: Any) -> str:
    """Return an annotation in words."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        words = [_say(part) for part in parts]
        return (", or " if any(" or " in word for word in words) else " or ").join(words)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if hint is types.NoneType:
        return "None"
    if hint is float:
        return "a number"
    if hint is int:
        return "an integer"
    if origin is collections.abc.Callable:
        return "a function"
    if origin is collections.abc.Mapping and Any not in parts:
        return f"a mapping from {' to '.join(map(_say, parts))}"
    if parts and parts != (Any,) and issubclass(origin, collections.abc.Iterable):
        return f"a {origin.__name__.lower()} of {' and '.join(_say(part) for part in parts if part is not Ellipsis)}"
    name = str(getattr(origin or hint, "__name__", hint))
    return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"


def _short(value: object) -> str:
    """Return a short text for a value of any size."""
    if value is None or isinstance(value, str | int | float | complex | list | tuple | dict | set):
        return reprlib.repr(value)
    return value.__name__ if isinstance(value, type) else f"an object of {type(value).__name__}"


def _suggestion(hint: Any) -> str:
    return next(
        (_MAKE[kind] for kind in (hint, *typing.get_args(hint)) if isinstance(kind, type) and kind in _MAKE), ""
    )
