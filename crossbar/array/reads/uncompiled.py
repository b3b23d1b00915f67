"""Reads that a compiler leaves alone."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from torch._compile import _disable_dynamo

Function = TypeVar("Function", bound=Callable[..., Any])


def uncompiled(function: Function) -> Function:
    """Return a function that `torch.compile` calls as it is, as `torch.compiler.disable` does.

    That one loads the compiler where it decorates, three seconds of every import of the package; this one, which torch
    decorates its own optimisers with, when the function is called.
    """
    return cast(Function, _disable_dynamo(function))
