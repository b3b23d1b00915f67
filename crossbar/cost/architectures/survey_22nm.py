"""A chip of 22 nm that nobody built: the survey's best converters, exact arrays, ISAAC's digital parts scaled."""

from crossbar.cost.adc_laws import SurveyADC
from crossbar.cost.architecture import Architecture
from crossbar.cost.architectures.isaac_2016 import ISAAC_2016
from crossbar.cost.component import Component, counted_in, not_modelled
from crossbar.cost.node_scaling import scale_to_node

_NODE = 22e-9
_SHARED = 8  # columns of a converter: 8 conversions of 10 ns
_UNKNOWN_WRITE = not_modelled("no chip, no programming")


def _scaled(name: str) -> Component:
    return scale_to_node(getattr(ISAAC_2016, name), _NODE)


SURVEY_22NM = Architecture(
    name="survey, 22 nm",
    source="converters by the ADC survey's regression at 22 nm, digital parts of ISAAC scaled from 32 nm: no real chip",
    node=_NODE,
    rows=128,
    cols=128,
    cells_per_weight=8,
    input_bits=8,
    pulse_bits=1,
    arrays_per_core=8,
    cores_per_tile=12,
    tiles=168,
    columns_per_adc=_SHARED,
    tile_bits_per_cycle=ISAAC_2016.tile_bits_per_cycle,
    read_time=10e-9,  # Xue et al., ISSCC 2020, 22 nm RRAM macro: 9.8 to 18.3 ns an access
    overlapped=True,
    pipeline_stages=ISAAC_2016.pipeline_stages,
    array=Component(
        energy=None,
        area=4 * 12 * _NODE**2,
        level="cell",
        node=_NODE,
        source="energy exact from the conductances; 1T1R cell of 4 F x 12 F (NeuroSim's layout rule)",
    ),
    word_line=counted_in("the DAC"),
    dac=_scaled("dac"),
    sample_hold=_scaled("sample_hold"),
    integrator=counted_in("the array"),
    adc=SurveyADC(node=_NODE, rate=1e8),
    shift_add=_scaled("shift_add"),
    input_register=_scaled("input_register"),
    output_register=_scaled("output_register"),
    core_control=counted_in("the parts of the IMA", level="core"),
    buffer=_scaled("buffer"),
    bus=_scaled("bus"),
    router=_scaled("router"),
    accumulator=_scaled("accumulator"),
    activation=_scaled("activation"),
    pooling=_scaled("pooling"),
    tile_control=counted_in("the parts of the tile", level="tile"),
    digital_mac=not_modelled("ISAAC has no digital multipliers"),
    link=not_modelled("no chip, no link"),
    write_pulse=_UNKNOWN_WRITE,
    write_verify=_UNKNOWN_WRITE,
)
