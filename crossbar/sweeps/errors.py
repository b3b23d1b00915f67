"""What a sweep raises that a caller may want to catch."""

from collections.abc import Mapping


class SweepError(RuntimeError):
    """Some points of a sweep were not computed; all others are stored.

    Parameters
    ----------
    message
        The summary.
    failures
        In one line the error of each point that has none of its results stored, by the point's label.
    """

    def __init__(self, message: str, failures: Mapping[str, str]) -> None:
        """Keep the summary and the failures."""
        super().__init__(message, dict(failures))
        self.failures = dict(failures)

    def __str__(self) -> str:
        """Return the summary alone."""
        return str(self.args[0])


class StorageError(OSError):
    """The store of a sweep cannot be written: no permission, no space, or no such place."""
