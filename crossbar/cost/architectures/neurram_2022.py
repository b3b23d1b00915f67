"""NeuRRAM: Wan et al., Nature 608 (2022) 504. 130 nm, measured."""

from crossbar.cost.adc_laws import LinearInBitsADC
from crossbar.cost.architecture import Architecture
from crossbar.cost.component import Component, counted_in, not_modelled

_NODE = 130e-9
_CORE = 1270e-12 * 256 / 0.28  # [m2]: the 256 neurons are 28 % of a core
_PAPER = "NeuRRAM, Nature 608 (2022) 504"
_NEURON = f"{_PAPER}, figure, as tuned by hwcomponents-library (MIT) to it"
_UNKNOWN = not_modelled("measured cores only: no buffers, sums or movement")

NEURRAM_2022 = Architecture(
    name="NeuRRAM 2022",
    source="Wan et al., NeuRRAM, Nature 608 (2022) 504, measured at 130 nm, cores without data movement",
    node=_NODE,
    rows=256,
    cols=256,
    cells_per_weight=2,
    input_bits=3,
    pulse_bits=3,
    arrays_per_core=1,
    cores_per_tile=1,
    tiles=48,
    columns_per_adc=1,
    input_encoding="binary_train",
    read_time=0.27e-6,
    overlapped=False,
    array_energy="published",
    array=Component(
        energy=3.79e-15,
        area=2.13e-12,
        level="cell",
        node=_NODE,
        source=f"{_PAPER}: 3.79 fJ an operation and magnitude bit, measured; cell of 126 F^2",
    ),
    word_line=Component(
        energy=(48e-15 + 256 * (1.5e-15 + 0.6e-15)) * 1.8**2,
        area=0.21 * _CORE / 256,
        level="row",
        node=_NODE,
        source=f"{_PAPER}, methods: 48 fF + 256 x 2.1 fF at 1.8 V; drivers 21 % of a core",
    ),
    dac=counted_in("the word line"),
    sample_hold=Component(
        energy=1.2e-12,
        area=0.0,
        level="column",
        latency=0.30e-6,
        node=_NODE,
        source=f"{_NEURON}: sample; 0.30 us a read",
    ),
    integrator=Component(energy=0.25e-12, area=0.0, level="column", node=_NODE, source=f"{_NEURON}: integration"),
    adc=LinearInBitsADC(
        energy_per_bit=0.40e-12,
        time_per_bit=0.30e-6,
        converter_area=1270e-12,
        highest_bits=10,
        node=_NODE,
        source=f"{_NEURON}: step 0.30 + register 0.10 pJ, 0.30 us; neuron of 1270 um2",
    ),
    shift_add=_UNKNOWN,
    input_register=_UNKNOWN,
    output_register=counted_in("the converter's steps"),
    core_control=Component(
        energy=None, area=_CORE * (1 - 0.28 - 0.21 - 0.12), level="core", node=_NODE, source=f"{_PAPER}: rest of a core"
    ),
    buffer=_UNKNOWN,
    bus=_UNKNOWN,
    router=_UNKNOWN,
    accumulator=_UNKNOWN,
    activation=_UNKNOWN,
    pooling=_UNKNOWN,
    tile_control=counted_in("the core", level="tile"),
    digital_mac=_UNKNOWN,
    link=_UNKNOWN,
    write_pulse=Component(
        energy=37e-12,
        latency=1e-6,
        node=_NODE,
        source=f"{_PAPER}: 1 us at 1.2 V (set) to 1.5 V (reset) and 20 uS, 29 to 45 pJ",
    ),
    write_verify=Component(
        energy=20e-6 * 0.5**2 * 1e-6,
        latency=1e-6,
        node=_NODE,
        source=f"{_PAPER}: a read of 1 to 10 us at 0.5 V, 20 uS; the shortest",
    ),
    write_pulses_per_cell=8.52,
)
