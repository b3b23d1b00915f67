"""Warnings are errors where they come from these packages, and only there."""

import warnings

import pytest


def warn(message, category, module):
    warnings.warn_explicit(message, category, f"{module}.py", 1, module=module)


@pytest.mark.parametrize(
    "module", ["devices.device", "mapping", "crossbar.array.drive", "calibration", "tests.conftest"]
)
@pytest.mark.parametrize("category", [UserWarning, RuntimeWarning])
def test_a_warning_about_our_lines_is_an_error(module, category):
    with pytest.raises(category, match="odd"):
        warn("odd", category, module)


@pytest.mark.filterwarnings("ignore:odd")
def test_deprecations_of_ours_are_errors():
    with pytest.raises(DeprecationWarning, match="use other"):
        warn("`given` is deprecated: use other.", DeprecationWarning, "elsewhere")


@pytest.mark.parametrize(
    ("category", "module"),
    [(UserWarning, "torch.nn"), (RuntimeWarning, "devicestree"), (FutureWarning, "crossbar.array.drive")],
)
def test_what_dependencies_announce_is_shown_and_no_error(category, module):
    with pytest.warns(category, match="odd"):
        warn("odd", category, module)
    with warnings.catch_warnings():
        warn("odd", category, module)
