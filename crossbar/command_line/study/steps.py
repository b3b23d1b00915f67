"""Calibration steps of a study: the remedies of `calibration`, by name or by the function that each calls."""

from calibration import REMEDIES, Remedy


def parse_steps(text: str) -> tuple[Remedy, ...]:
    """Return the remedies in `"compensate_drift + adapt_batchnorm"`, or `"drift + exact statistics"`; `"none"` is none.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    by_step = {remedy.step: remedy for remedy in REMEDIES.values() if remedy.step}
    known = {**by_step, **REMEDIES}
    names = () if text.strip() == "none" else tuple(name.strip() for name in text.split("+"))
    unknown = [name for name in names if name not in known]
    if unknown:
        got = ", ".join(map(repr, unknown))
        raise ValueError(f"must be none, or names joined by +, of {', '.join(known)}. Got {got}.")
    return tuple(known[name] for name in names)
