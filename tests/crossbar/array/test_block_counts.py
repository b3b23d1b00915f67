from dataclasses import replace

import pytest
import torch

import crossbar as xb
from crossbar.array.block_counts import count_blocks
from crossbar.array.drive import block_pulses

MAPPING = xb.MappingConfig(weight_bits=5, cell_bits=2, rows=16, cols=16)
INPUTS = {
    "bit by bit": xb.InputConfig(bits=6, dac_bits=1),
    "two bits, two phases": xb.InputConfig(bits=6, dac_bits=2, negative="two_phase"),
    "bipolar, bit by bit": xb.InputConfig(bits=6, dac_bits=1, negative="bipolar"),
    "bipolar, at once": xb.InputConfig(bits=8, negative="bipolar"),
    "offset": xb.InputConfig(bits=6, dac_bits=1, negative="offset"),
    "eight bits at once": xb.InputConfig(bits=8),
    "eight bits of sixteen": xb.InputConfig(bits=16, dac_bits=8),
    "twelve bits at once": xb.InputConfig(bits=12),
    "not quantised": xb.InputConfig(bits=None),
}


def programmed(inputs, **changes):
    config = xb.CrossbarConfig(mapping=replace(MAPPING, **changes.pop("mapping", {})), inputs=inputs, **changes)
    layer = xb.convert_to_analog(torch.nn.Sequential(torch.nn.Linear(37, 9)), config)[0].eval()
    xb.program_analog_weights(layer, generator=torch.Generator().manual_seed(0))
    return layer


def check(layer, x):
    """Against all pulses of every block side by side."""
    array, codes = layer.array, layer.input_codes(x)
    counts = count_blocks(array, codes[:3], moments=True)
    count_blocks(array, codes[3:], counts)
    plain = count_blocks(array, codes)
    placement, found = array.read_placement, array.conversions()
    for block, tile in enumerate(found.block_tile.tolist()):
        parts = [
            drive.double()
            for part in (codes[:3], codes[3:])  # phases are those of a call
            for drive in block_pulses(part.t(), placement, array.config.inputs, tile)
        ]
        drive = torch.cat([part.flatten(1) for part in parts], 1)  # (rows, cycles of all calls)
        assert int(counts.cycles[block]) == drive.shape[1]
        assert int(counts.active[block]) == int(plain.active[block]) == int(drive.any(0).sum())
        assert int(counts.pulses[block]) == int(plain.pulses[block]) == int((drive != 0).sum())
        expected = drive @ drive.T
        assert float((counts.moments[block] - expected).abs().max()) <= 1e-12 * float(expected.abs().max())
    assert counts.vectors == len(codes)


@pytest.mark.parametrize("sign", ["positive", "both"])
@pytest.mark.parametrize("name", INPUTS)
def test_counts_are_those_of_the_drive(name, sign):
    x = torch.randn(11, 37, generator=torch.Generator().manual_seed(1)) * (torch.rand(11, 37) < 0.5)
    x[4] = 0
    check(programmed(INPUTS[name]), x if sign == "both" else x.abs())


@pytest.mark.parametrize(
    "changes",
    [
        {"mapping": {"squeezed_planes": 2, "cell_bits": 1}},
        {"parallel_rows": 5},
        {"parallel_rows": 5, "undriven": "open"},
        {"mapping": {"encoding": "offset"}},
    ],
)
def test_shifts_units_and_encodings(changes):
    x = torch.randn(7, 37, generator=torch.Generator().manual_seed(2)).relu()
    check(programmed(INPUTS["bit by bit"], **changes), x)
