"""A mistake in a study file."""


class FieldError(ValueError):
    """A field of a study that cannot be used.

    Parameters
    ----------
    field
        Dotted name of the field in the file.
    message
        What is wrong with it, in one sentence.
    """

    def __init__(self, field: str, message: str) -> None:
        """Keep both, for the line to be found."""
        super().__init__(f"`{field}`: {message}")
        self.field = field
        self.message = message
