"""Progress bars, the one place that knows tqdm."""

from collections.abc import Iterable
from typing import Any, TypeVar

_Item = TypeVar("_Item")


def progress_over(items: Iterable[_Item], *, show: bool, description: str, unit: str = "it") -> Iterable[_Item]:
    """Return the items, behind a progress bar where one is asked for.

    Raises
    ------
    ImportError
        If it is asked for and tqdm is not installed.
    """
    return _tqdm()(items, desc=description, unit=unit, leave=False) if show else items


def progress_bar(*, description: str, unit: str, total: int | None = None, done: int = 0) -> Any:
    """Return a progress bar to be moved by hand: a context manager with `update` and `set_postfix`.

    Raises
    ------
    ImportError
        If tqdm is not installed.
    """
    return _tqdm()(desc=description, unit=unit, total=total, initial=done)


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError('progress=True needs tqdm: pip install "aimc-crossbar[demo]".') from error
    return tqdm
