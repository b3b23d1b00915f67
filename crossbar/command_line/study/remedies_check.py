"""Whether the model of a study can have the calibrations that are asked for."""

import itertools

from crossbar.command_line.study.mistake import FieldError
from crossbar.command_line.study.point import Loaded
from crossbar.command_line.study.specification import axis_values
from crossbar.command_line.study.steps import parse_steps
from crossbar.conversion import convert_to_analog


def check_remedies(loaded: Loaded, *, every_point: bool) -> None:
    """Raise unless each calibration applies to the converted model: at every point, or at the first that asks for it.

    Raises
    ------
    FieldError
        If one does not, naming what asks for it.
    """
    study = loaded.study
    digital = dict.fromkeys(study.model.get("digital", ()))
    values = [axis_values(given) for name, given in study.axes.items() if name != "time"]
    names = [name for name in study.axes if name != "time"]
    seen: set[str] = set()
    for place in itertools.product(*values):
        parameters = dict(zip(names, place, strict=True))
        asked = {"calibration.after_programming": study.calibration.get("after_programming", "none")}
        if "calibration" in parameters:
            asked["axes.calibration"] = parameters["calibration"]
        else:
            asked["calibration.at_time"] = study.calibration.get("at_time", "none")
        asked = {field: steps for field, steps in asked.items() if every_point or steps not in seen}
        if any(parse_steps(steps) for steps in asked.values()):
            analog = convert_to_analog(loaded.model, study.crossbar(parameters), overrides=digital)
            for field, steps in asked.items():
                for remedy in parse_steps(steps):
                    reason = remedy.reason_against(analog)
                    if reason is not None:
                        where = ", ".join(f"{name}={value}" for name, value in parameters.items()) or "the only point"
                        raise FieldError(field, f"{steps!r} does not apply at {where}: {reason}")
        seen |= set(asked.values())
