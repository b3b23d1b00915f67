"""What a function says of an argument of a wrong type."""

import pytest

from devices.arguments import checked


@checked
def take(several: tuple[int, ...] = (), names: list[str] = ()) -> None:  # type: ignore[assignment]
    """Take arguments."""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"several": ("a",)}, "`several` must be a tuple of an integer"),
        ({"names": 3}, "`names` must be a list of a str"),
    ],
)
def test_it_says_what_a_container_must_hold(given, said):
    with pytest.raises(TypeError, match=said):
        take(**given)
