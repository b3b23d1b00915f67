"""ISAAC-CE: Shafiee et al., "ISAAC", ISCA 2016, table I. 32 nm, simulated."""

from crossbar.cost.adc_laws import IsaacScalingADC
from crossbar.cost.architecture import Architecture
from crossbar.cost.component import Component, Level, counted_in, not_modelled

_NODE = 32e-9
_CYCLE = 100e-9
_ARRAYS = 8  # of an IMA
_ROWS = _COLS = 128
_INPUT_BITS = 16
_SLICES = 8
_OUTPUTS = 12 * _ARRAYS * _COLS / _SLICES / _INPUT_BITS  # of a busy tile in a cycle
_TILE_BITS = 8 * 1024.0
_TABLE = "ISAAC, ISCA 2016, table I"


def _busy(power: float, events: float, area: float, level: Level, what: str) -> Component:
    """Return a part from its power [W] when it acts `events` times a cycle, and its area [mm2]."""
    return Component(
        energy=power * _CYCLE / events, area=area * 1e-6, level=level, node=_NODE, source=f"{_TABLE}: {what}"
    )


_UNKNOWN_WRITE = not_modelled("ISAAC gives no energy of programming")

ISAAC_2016 = Architecture(
    name="ISAAC 2016",
    source="Shafiee et al., ISAAC, ISCA 2016 (ISAAC-CE), simulated at 32 nm",
    node=_NODE,
    rows=_ROWS,
    cols=_COLS,
    cells_per_weight=_SLICES,
    input_bits=_INPUT_BITS,
    pulse_bits=1,
    arrays_per_core=_ARRAYS,
    cores_per_tile=12,
    tiles=168,
    columns_per_adc=128,
    tile_bits_per_cycle=_TILE_BITS,
    read_time=_CYCLE,
    overlapped=True,
    pipeline_stages=22,  # section VI: a layer's 16 cycles and what follows them up to the eDRAM
    array=Component(
        energy=2.4e-3 * _CYCLE / (_ARRAYS * _ROWS * _COLS),
        area=0.0002e-6 / (_ARRAYS * _ROWS * _COLS),
        level="cell",
        node=_NODE,
        source=f"{_TABLE}: 2.4 mW and 0.0002 mm2 for 8 arrays of 128 x 128",
    ),
    word_line=counted_in("the DAC"),
    dac=_busy(
        4e-3, _ARRAYS * _ROWS, 0.00017 / (_ARRAYS * _ROWS), "row", "4 mW, 0.00017 mm2 for 8 x 128, whatever the bit"
    ),
    sample_hold=_busy(10e-6, _ARRAYS * _COLS, 0.00004 / (_ARRAYS * _COLS), "column", "10 uW, 0.00004 mm2 for 8 x 128"),
    integrator=counted_in("the array"),
    adc=IsaacScalingADC(),
    shift_add=_busy(0.2e-3, _ARRAYS * _COLS, 0.00024, "core", "0.2 mW, 0.00024 mm2 for 4"),
    input_register=_busy(1.24e-3, _ARRAYS * _ROWS, 0.0021, "core", "2 KB, 1.24 mW, 0.0021 mm2"),
    output_register=_busy(0.23e-3, _ARRAYS * _COLS, 0.00077, "core", "256 B, 0.23 mW, 0.00077 mm2"),
    core_control=counted_in("the parts of the IMA", level="core"),
    buffer=_busy(20.7e-3, _TILE_BITS, 0.083, "tile", "eDRAM 64 KB, 20.7 mW, 0.083 mm2, at 1 KB in 100 ns"),
    bus=_busy(7e-3, _TILE_BITS, 0.090, "tile", "384 wires, 7 mW, 0.090 mm2, at 1 KB in 100 ns"),
    router=_busy(42e-3 / 4, _TILE_BITS, 0.151 / 4, "tile", "42 mW, 0.151 mm2 for 4 tiles, at 1 KB in 100 ns and tile"),
    accumulator=_busy(0.05e-3 + 1.68e-3, _OUTPUTS, 0.00006 + 0.0032, "tile", "S+A 0.05 mW and OR 3 KB 1.68 mW"),
    activation=_busy(0.52e-3, _OUTPUTS, 0.0006, "tile", "2 sigmoid units, 0.52 mW, 0.0006 mm2"),
    pooling=_busy(0.4e-3, _OUTPUTS, 0.00024, "tile", "max pool 0.4 mW, 0.00024 mm2"),
    tile_control=counted_in("the parts of the tile", level="tile"),
    digital_mac=not_modelled("ISAAC has no digital multipliers"),
    link=_busy(10.4, 1, 22.88, "chip", "4 HyperTransport links, 10.4 W, 22.88 mm2"),
    write_pulse=_UNKNOWN_WRITE,
    write_verify=_UNKNOWN_WRITE,
)
