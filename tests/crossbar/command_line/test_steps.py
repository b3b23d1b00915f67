import pytest

from calibration import REMEDIES
from crossbar.command_line.study.steps import parse_steps


def test_steps_are_remedies_by_either_name():
    assert parse_steps("none") == ()
    expected = (REMEDIES["drift"], REMEDIES["exact statistics"])
    assert parse_steps("compensate_drift + adapt_batchnorm") == expected
    assert parse_steps("drift+exact statistics") == expected
    for name, remedy in REMEDIES.items():
        assert parse_steps(f"{name} + {remedy.step}") == (remedy, remedy)


def test_unknown_steps_are_named():
    with pytest.raises(ValueError, match=r"must be none, or names joined by \+, of .*low rank\. Got 'prayer', ''\."):
        parse_steps("drift + prayer +")
