"""HERMES core: Khaddam-Aljameh et al., IEEE JSSC 57 (2022) 1027. 14 nm phase-change memory, measured."""

from crossbar.cost.adc_laws import FixedADC
from crossbar.cost.architecture import Architecture
from crossbar.cost.component import Component, counted_in, not_modelled

_NODE = 14e-9
_OPERATIONS = 2 * 256**2  # of a read
_SOURCE = "HERMES core, JSSC 2022: 1.008 TOPS, 10.5 TOPS/W, 1.59 TOPS/mm2"
_LUMP = "the converter: only totals are published"
_UNKNOWN = not_modelled("the core only: no buffers, sums or movement")
_UNKNOWN_WRITE = not_modelled("the core's paper gives no energy of programming")

HERMES_2022 = Architecture(
    name="HERMES 2022",
    source="Khaddam-Aljameh et al., HERMES core, JSSC 57 (2022), measured at 14 nm; only totals are published",
    node=_NODE,
    rows=256,
    cols=256,
    cells_per_weight=1,
    input_bits=8,
    pulse_bits=8,
    arrays_per_core=1,
    cores_per_tile=1,
    tiles=1,
    columns_per_adc=1,
    input_encoding="width",
    read_time=1e-9,
    overlapped=False,
    array_energy="published",
    array=counted_in(_LUMP, level="cell"),
    word_line=counted_in(_LUMP),
    dac=counted_in(_LUMP),
    sample_hold=counted_in(_LUMP),
    integrator=counted_in(_LUMP),
    adc=FixedADC(
        bits=8,
        conversion_energy=_OPERATIONS / 10.5e12 / 256,
        converter_area=1.008 / 1.59 * 1e-6 / 256,
        conversion_time=_OPERATIONS / 1.008e12 - 128e-9,
        node=_NODE,
        source=f"{_SOURCE}, all of it over 256 columns: array, converter, modulator and local digital processing",
    ),
    shift_add=counted_in(_LUMP),
    input_register=counted_in(_LUMP),
    output_register=counted_in(_LUMP),
    core_control=counted_in(_LUMP),
    buffer=_UNKNOWN,
    bus=_UNKNOWN,
    router=_UNKNOWN,
    accumulator=_UNKNOWN,
    activation=_UNKNOWN,
    pooling=_UNKNOWN,
    tile_control=counted_in(_LUMP),
    digital_mac=_UNKNOWN,
    link=Component(energy=None, area=None, level="chip", source="the core only"),
    write_pulse=_UNKNOWN_WRITE,
    write_verify=_UNKNOWN_WRITE,
)
