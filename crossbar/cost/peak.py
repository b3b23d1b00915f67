"""A published chip with all arrays busy: what its own paper's headline numbers are made of."""

import xarray as xr

from crossbar.cost.architecture import Architecture
from crossbar.cost.area import area_per_array
from crossbar.cost.component_events import PRICED, component_events, energy_of_event
from devices.arguments import checked


@checked
def peak_report(architecture: Architecture, *, adc_bits: int = 8) -> xr.Dataset:
    """Return power, area and throughput of the published chip with every array read in every cycle.

    The energy of the array is the published one. Peak numbers assume full arrays and no waiting: no network reaches
    them.

    Parameters
    ----------
    architecture
        The chip.
    adc_bits
        Resolution of its converters.

    Returns
    -------
    xr.Dataset
        `power` [W] and `area` [m2] over component, NaN where not published; `cycle_time` and `read_time` of a whole input
        [s], `read_energy` of one array for a whole input [J], `operations_per_second` (2 per multiply-add),
        `operations_per_joule`, `operations_per_second_and_area`; what is NaN is listed in the attribute `not_modelled`.
    """
    a = architecture
    chip = a.arrays_per_core * a.cores_per_tile * a.tiles
    magnitude = a.pulse_bits - (1 if a.input_encoding == "width" else 0)
    cycle = a.cycle_time(magnitude_bits=magnitude, adc_bits=adc_bits, cols=a.cols)
    cycles = -(-a.input_bits // a.pulse_bits)
    events = _busy_cycle(a, chip, cycles, magnitude)
    # Parts that wait during extra cycles have their power within the energy of the others.
    duty = cycles / (cycles + a.extra_cycles)
    power = {part: events[part] * energy_of_event(a, part, adc_bits=adc_bits) * duty / cycle for part in PRICED}
    per_array = area_per_array(a, rows=a.rows, cols=a.cols, adc_bits=adc_bits)
    area = {part: per_array[part] * chip for part in PRICED}
    area["link"] = float("nan") if a.link.area is None else a.link.area
    read_time = (cycles + a.extra_cycles) * cycle
    operations = 2 * chip * a.rows * a.cols / a.cells_per_weight / read_time
    data = xr.Dataset(
        {
            "power": ("component", [power[part] for part in PRICED], {"units": "W"}),
            "area": ("component", [area[part] for part in PRICED], {"units": "m2"}),
            "cycle_time": ((), cycle, {"units": "s"}),
            "read_time": ((), read_time, {"units": "s", "long_name": f"time of an input of {a.input_bits} bits"}),
            "operations_per_second": ((), operations, {"units": "1/s", "long_name": "operations, 2 per multiply-add"}),
        },
        coords={"component": list(PRICED)},
        attrs={"title": f"peak of {a.name}", "source": a.source},
    )
    total = data.power.sum()
    data["read_energy"] = (total - data.power.sel(component="link").fillna(0)) * read_time / chip
    data["operations_per_joule"] = data.operations_per_second / total
    data["operations_per_second_and_area"] = data.operations_per_second / data.area.sum()
    units = {"read_energy": "J", "operations_per_joule": "1/J", "operations_per_second_and_area": "1/(s m2)"}
    for name, unit in units.items():
        data[name].attrs["units"] = unit
    data.attrs["not_modelled"] = [part for part in PRICED if bool(data.power.sel(component=part).isnull())]
    return data


def _busy_cycle(a: Architecture, arrays: int, cycles: int, magnitude: int) -> dict[str, float]:
    """Return how often every part acts in one cycle of a busy chip."""
    outputs = arrays * a.cols / a.cells_per_weight / cycles
    events = {
        "row_cycles": float(arrays * a.rows),
        "cell_reads": float(arrays * a.rows * a.cols),
        "array_reads": float(arrays),
        "conversions": float(arrays * a.cols),
        "input_bits": 0.0,
        "output_bits": 0.0,
        "partial_sums": outputs,
        "activations": outputs,
        "pooled": outputs,
        "digital_macs": 0.0,
    }
    acts = component_events(events, a, pulse_bits=a.pulse_bits, magnitude_bits=magnitude)
    moved = a.tile_bits_per_cycle * a.tiles
    return {**acts, "buffer": moved, "bus": moved, "router": moved, "link": 1.0}
