"""What is counted, and in which words."""

EVENTS = {
    "row_cycles": "used rows of arrays, once per input cycle: pulses, zero ones included",
    "array_reads": "reads of single arrays or operation units",
    "cell_reads": "cells in reads of arrays",
    "conversions": "conversions of a bit line, or of a pair whose currents are subtracted first",
    "input_bits": "bits of inputs fetched, once per block of rows and vector",
    "output_bits": "bits of outputs stored",
    "partial_sums": "outputs of single blocks of rows",
    "activations": "values through an activation function",
    "pooled": "values that a pooling takes in",
    "digital_macs": "multiply-adds of digital layers, element-wise products and sums included",
}
"""Events by name; all but `row_cycles` are the same for every architecture, which may skip idle ones."""
IDLE_ROWS = ("row_cycles",)
"""Events that are less where idle word lines are not driven."""
DIGITAL = "(digital)"
"""The entry along `layer` for everything that is not on crossbars."""
