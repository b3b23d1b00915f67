"""The demo's short table."""

import xarray as xr

from crossbar.command_line.demo import DEMO_NOISE


def demo_table(results: xr.Dataset) -> str:
    """Return a few telling points of the sweep as text: mean and spread over chips, and what adaptation recovers."""
    late = float(results.time.max())
    early = float(results.time.min())
    rows = [
        ("8-bit codes, ideal array", 0.0, 0.0, early),
        ("read noise", DEMO_NOISE, 0.0, early),
        ("wires", 0.0, 1.0, early),
        ("drift", 0.0, 0.0, late),
        ("all three", DEMO_NOISE, 1.0, late),
    ]
    digital = float(results.accuracy_digital)
    lines = [
        f"{results.attrs['title']}, {results.sizes['chip']} chips",
        f"digital accuracy {digital:.1%}; read noise sigma/mu {DEMO_NOISE:g}; drift to {late:.0e} s",
        "",
        f"{'array':<26}{'before':>16}{'adapted':>16}{'recovered':>12}",
    ]
    for label, noise, scale, t in rows:
        point = results.sel(read_noise=noise, wire_scale=scale, time=t)
        before, after = point.accuracy_before, point.accuracy_after
        gain = float(after.mean() - before.mean())
        lines.append(f"{label:<26}{_spread(before):>16}{_spread(after):>16}{100 * gain:>+9.1f} pt")
    return "\n".join(lines) + "\n"


def _spread(values: xr.DataArray) -> str:
    return f"{100 * float(values.mean()):.1f} ± {100 * float(values.std()):.1f} %"
