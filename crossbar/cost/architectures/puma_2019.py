"""PUMA: Ankit et al., ASPLOS 2019, table 3. 32 nm, simulated."""

from crossbar.cost.adc_laws import LinearInBitsADC
from crossbar.cost.architecture import Architecture
from crossbar.cost.component import Component, Level, counted_in, not_modelled

_NODE = 32e-9
_CYCLE = 128e-9
_STAGES = 18 / 16
"""A read of 16 bits keeps the unit busy for 18 stages, whose energy is dealt out to 16 pulses."""
_ARRAYS = 8  # of an MVMU; a core has two
_ROWS = _COLS = 128
_TABLE = "PUMA, ASPLOS 2019, table 3"
_REPOSITORY = "constants of the PUMA simulator (MIT)"
_TILE_BITS = 2 * 1024 * 8.0


def _busy(power: float, events: float, area: float | None, level: Level, source: str) -> Component:
    """Return a part from its power [W] when it acts `events` times a cycle, and its area [mm2]."""
    area = None if area is None else area * 1e-6
    return Component(energy=power * _CYCLE * _STAGES / events, area=area, level=level, node=_NODE, source=source)


_CORE_AREA = 0.036 - 2 * (8 * 0.0012 + 1024 * 1.67e-7 + 8 * 2.5e-5 + 1024 * 3.90625e-8)
_TILE_POWER = 373.8e-3 - 8 * 42.37e-3 - 17.66e-3 - 7e-3
_UNKNOWN_WRITE = not_modelled("PUMA's paper gives no energy of programming")

PUMA_2019 = Architecture(
    name="PUMA 2019",
    source="Ankit et al., PUMA, ASPLOS 2019, simulated at 32 nm",
    node=_NODE,
    rows=_ROWS,
    cols=_COLS,
    cells_per_weight=8,
    input_bits=16,
    pulse_bits=1,
    arrays_per_core=2 * _ARRAYS,
    cores_per_tile=8,
    tiles=138,
    columns_per_adc=128,
    tile_bits_per_cycle=_TILE_BITS,
    read_time=_CYCLE,
    overlapped=True,
    extra_cycles=2,
    pipeline_stages=2,
    array=Component(
        energy=0.3e-3 * _CYCLE * _STAGES / (_ROWS * _COLS),
        area=2.5e-11 / (_ROWS * _COLS),
        level="cell",
        node=_NODE,
        source=f"{_REPOSITORY}: 0.3 mW, 2.5e-5 mm2 for 128 x 128",
    ),
    word_line=counted_in("the DAC"),
    dac=_busy(
        19.09e-3 - _ARRAYS * (2e-3 + 0.3e-3),
        _ARRAYS * _ROWS,
        1.67e-7,
        "row",
        f"{_TABLE}: what the MVMU's 19.09 mW leave beside converters and arrays, for DACs, S&H, S+A and registers; "
        f"area: {_REPOSITORY}",
    ),
    sample_hold=Component(
        energy=0.0,
        area=3.90625e-14,
        level="column",
        node=_NODE,
        source=f"energy counted in the DAC; area: {_REPOSITORY}",
    ),
    integrator=counted_in("the array"),
    adc=LinearInBitsADC(
        energy_per_bit=0.25e-3 * _CYCLE * _STAGES / _COLS,
        time_per_bit=12.5e-9 / _COLS,
        converter_area=1200e-12,
        highest_bits=16,
        node=_NODE,
        source=f"{_TABLE}: 0.25 mW and 12.5 ns a bit for 128 columns; area: {_REPOSITORY}",
    ),
    shift_add=counted_in("the DAC: what the MVMU's power leaves"),
    input_register=counted_in("the DAC: what the MVMU's power leaves"),
    output_register=counted_in("the DAC: what the MVMU's power leaves"),
    core_control=_busy(
        42.37e-3 - 2 * 19.09e-3,
        1,
        _CORE_AREA,
        "core",
        f"{_TABLE}: core 42.37 mW, 0.036 mm2 less two MVMUs: control, "
        "instruction memory, register file, vector and scalar units",
    ),
    buffer=_busy(17.66e-3, _TILE_BITS, 0.086, "tile", f"{_TABLE}: eDRAM 64 KB, 17.66 mW, 0.086 mm2, at 2 KB in 128 ns"),
    bus=_busy(7e-3, _TILE_BITS, 0.090, "tile", f"{_TABLE}: 384 wires, 7 mW, 0.090 mm2, at 2 KB in 128 ns"),
    router=_busy(0.571 / 138, _TILE_BITS, 1.622 / 138, "tile", f"{_TABLE}: network 0.571 W, 1.622 mm2, same traffic"),
    accumulator=counted_in("the core's vector unit"),
    activation=counted_in("the core's vector unit"),
    pooling=counted_in("the core's vector unit"),
    tile_control=_busy(
        _TILE_POWER,
        1,
        0.479 - 8 * 0.036 - 0.086 - 0.090,
        "tile",
        f"{_TABLE}: tile 373.8 mW, 0.479 mm2 less cores, eDRAM "
        "and bus: attributes, receive buffer, control. The table's parts sum to 1 % more than its total",
    ),
    digital_mac=not_modelled("the vector unit's power is within the core's; an operation is not priced alone"),
    link=_busy(10.4, 1, 22.88, "chip", f"{_TABLE}: off-chip link 10.4 W, 22.88 mm2"),
    write_pulse=_UNKNOWN_WRITE,
    write_verify=_UNKNOWN_WRITE,
)
