"""Random configs, valid and invalid, for the fuzz test."""

from dataclasses import replace

from hypothesis import strategies as st

import crossbar as xb
import devices

PRESETS = tuple(devices.find_presets().values())
LAWS = (
    devices.Sinh(v0=0.2),
    devices.Tabulated(
        voltages=(0.0, 0.1, 0.3),
        conductances=(1e-6, 1e-4),
        currents=((0.0, 1e-7, 4e-7), (0.0, 1e-5, 3e-5)),
    ),
)
resistance = st.sampled_from([0.0, 0.5, 5.0, 200.0])


@st.composite
def devices_(draw):
    """Return a preset, with single effects exchanged."""
    device = replace(draw(st.sampled_from(PRESETS)), validity=None)
    if draw(st.booleans()):
        device = replace(
            device,
            read_noise=draw(
                st.sampled_from(
                    [
                        None,
                        devices.RelativeReadNoise(ratio=0.1, draw="programming"),
                        devices.RelativeReadNoise(ratio=0.1),
                        devices.AffineReadNoise(slope=0.03, offset=1e-7),
                    ]
                )
            ),
        )
    if draw(st.booleans()):
        device = replace(device, stuck=devices.StuckCells(at_g_min=0.05, at_g_max=0.02, open=0.02))
    if draw(st.booleans()):
        device = replace(device, drift=devices.PowerLawDrift(nu=0.05, nu_spread=draw(st.sampled_from([0.0, 0.02]))))
    if draw(st.integers(0, 3)) == 0:
        device = replace(device, current_voltage=draw(st.sampled_from(LAWS)))
    return device


@st.composite
def mappings(draw, levels):
    """Return a mapping that a device with so many levels can hold."""
    weight_bits = draw(st.integers(2, 9))
    most = min(weight_bits, 6 if levels is None else levels.bit_length() - 1)
    mapping = xb.MappingConfig(
        weight_bits=weight_bits,
        cell_bits=draw(st.integers(1, most)),
        rows=draw(st.integers(1, 24)),
        cols=draw(st.integers(4, 24)),
        encoding=draw(st.sampled_from(["differential", "offset", "twos_complement"])),
        slicing=draw(st.sampled_from(["inter", "intra"])),
        granularity=draw(st.sampled_from(["tensor", "output"])),
        row_order=draw(st.sampled_from(["given", "sorted"])),
        release_empty=draw(st.booleans()),
        merge_columns=draw(st.booleans()),
    )
    if mapping.slicing == "inter":
        mapping = replace(mapping, squeezed_planes=draw(st.sampled_from(mapping.squeezable_planes())))
    if mapping.encoding == "differential" and mapping.rows > 1 and not mapping.merge_columns:
        mapping = replace(mapping, pairs=draw(st.sampled_from(["arrays", "bit_lines", "word_lines"])))
    mapping = replace(mapping, group_packing=draw(st.sampled_from(["none", "absent", "g_min"])))
    sparse = mapping.merge_columns or mapping.release_empty or mapping.squeezed_planes
    if mapping.encoding == "offset" and not sparse and mapping.group_packing == "none":
        mapping = replace(mapping, reference_column=draw(st.booleans()))
    return mapping


@st.composite
def inputs(draw):
    """Return input converters."""
    bits = draw(st.sampled_from([None, 2, 4, 8]))
    range_ = draw(st.sampled_from(["vector", "batch", "static"]))
    return xb.InputConfig(
        bits=bits,
        dac_bits=None if bits is None else draw(st.sampled_from([None, 1, bits])),
        range=range_,
        maximum=draw(st.sampled_from([None, 3.0])) if range_ == "static" else None,
        negative=draw(
            st.sampled_from(["two_phase", "bipolar"] if bits is None else ["two_phase", "bipolar", "offset"])
        ),
    )


@st.composite
def adcs(draw):
    """Return output converters, or none."""
    if draw(st.booleans()):
        return None
    errors = draw(st.booleans())
    return xb.ADC(
        bits=draw(st.integers(2, 10)),
        range=draw(st.sampled_from(["full", "column", "calibrated"])),
        fraction=draw(st.sampled_from([0.25, 1.0])),
        subtraction=draw(st.sampled_from(["digital", "analog"])),
        gain_spread=0.01 * errors,
        offset_spread=0.3 * errors,
        nonlinearity_spread=0.3 * errors,
    )


@st.composite
def fields(draw):
    """Return the fields of a config whose parts are valid each; together they may be refused."""
    device = draw(devices_())
    return {
        "device": device,
        "wires": draw(st.builds(xb.Wires, row=resistance, column=resistance, driver=resistance, sense=resistance)),
        "mapping": draw(mappings(device.levels)),
        "inputs": draw(inputs()),
        "adc": draw(adcs()),
        "plan": draw(st.sampled_from(["auto", "auto", "collapsed", "tiled"])),
        "parallel_rows": draw(st.sampled_from([None, None, 1, 4])),
        "undriven": draw(st.sampled_from(["grounded", "open"])),
        "chunk": draw(st.sampled_from([1, 1000, 2**19])),
    }


BAD_FIELDS = (
    ("wires.row", (-1.0, float("nan"), float("inf"), "5", None, True)),
    ("wires.sense", (-1e-9, float("nan"), [1.0])),
    ("mapping.weight_bits", (1, 0, -3, 2.5, 99, "8", None, True)),
    ("mapping.cell_bits", (0, -1, 17, 1.5, None)),
    ("mapping.rows", (0, -64, 3.5, "64", None)),
    ("mapping.cols", (0, -1, None)),
    ("mapping.encoding", ("sign", None, 3)),
    ("mapping.slicing", ("both", 1)),
    ("mapping.pairs", ("cells", None)),
    ("mapping.granularity", ("row", None)),
    ("mapping.row_order", ("random", None)),
    ("mapping.squeezed_planes", (-1, 99, 1.5, None)),
    ("mapping.quantizer", ("uniform", 3)),
    ("mapping.release_empty", ("yes", 2, None)),
    ("mapping.merge_columns", ("yes", 2, None)),
    ("mapping.reference_column", ("yes", 2, None)),
    ("inputs.bits", (0, 17, 4.5, "8")),
    ("inputs.dac_bits", (0, -1, 99, 1.5)),
    ("inputs.read_voltage", (0.0, -0.2, float("nan"), "0.2", None)),
    ("inputs.range", ("global", None)),
    ("inputs.maximum", (0.0, -1.0, float("inf"), "1")),
    ("inputs.negative", ("clip", None)),
    ("adc", (8, "ideal")),
    ("plan", ("fast", None, 1)),
    ("parallel_rows", (0, -4, 2.5, "8")),
    ("undriven", ("floating", None)),
    ("chunk", (0, -1, 1.5, None)),
    ("device", (None, "RRAM", 3)),
    ("device.g_min", (-1e-6, float("nan"), 1.0, None, "0")),
    ("device.g_max", (0.0, -1e-6, float("inf"), None)),
    ("device.levels", (0, 1, -2, 2.5, "16")),
    ("device.programming", (None, "exact", 0.1)),
    ("device.read_noise", ("gaussian", 0.1)),
    ("device.drift", (0.05, "power law")),
    ("device.stuck", (0.1, "none")),
)
"""Values that no config may have, by dotted field."""
