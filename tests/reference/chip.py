"""What the referee takes over from a layer: its random conductances and converters, and what was fitted to data."""

import numpy as np

_LINE = ("column_index", "column_plane", "column_significance", "column_bits")


class Chip:
    """The programmed chip of a layer, looked up by the referee's own arrays; where they differ, a lookup fails."""

    def __init__(self, array, conductance):
        """Take the `array` of a layer, and the conductances of its cells (tiles, rows, cols) [S]."""
        placement = array.placement
        self._used = placement.used.numpy()
        self._levels = placement.levels.numpy().astype(np.int64)
        self._conductance = conductance.double().numpy()
        self._tile = {self._signature(placement, tile): tile for tile in range(len(self._used))}
        corrections = array.corrections
        self._errors = None if array.converter_errors is None else array.converter_errors.double().numpy()
        steps = corrections.converter_steps()
        self._steps = None if steps is None else steps.double().numpy()
        bounds = corrections.input_range()
        self.input_range = None if bounds is None else [float(bound) for bound in bounds]
        self.array_gain = _numbers(corrections.array_gain(), np.ones(placement.outputs))
        affine = corrections["output_affine"]
        self.output_gain = _numbers(affine.scale, np.ones(placement.outputs))
        self.output_offset = _numbers(affine.offset, np.zeros(placement.outputs))
        word_lines = (placement.row_index >= 0).sum(1).numpy()
        self._first_unit = self._count_units(word_lines, array.config.parallel_rows)

    @staticmethod
    def _count_units(word_lines, parallel_rows):
        """Return the position of the first operation unit of each tile in a table of all units.

        A unit of a shared array may have word lines without a weight, those of a group whose bit lines are empty.
        """
        units = np.ones_like(word_lines) if parallel_rows is None else -(-word_lines // parallel_rows)
        return np.concatenate([[0], units.cumsum()])

    @staticmethod
    def _signature(placement, tile):
        """Describe a tile by what its lines carry."""
        row, column = placement.row_index[tile], placement.column_index[tile]
        drives = (row, placement.row_sign[tile], placement.row_shift[tile])
        rows = [line for line in zip(*(drive.tolist() for drive in drives), strict=True) if line[0] >= 0]
        values = [getattr(placement, name)[tile].tolist() for name in _LINE]
        lines = [line for line in zip(*values, strict=True) if line[0] >= 0]
        packed = bool((row[len(row) - len(rows) :] >= 0).all()) and bool((column[: len(lines)] >= 0).all())
        if not packed:
            raise AssertionError(f"Tile {tile} is not packed towards its drivers and its sense end.")
        return tuple(rows), tuple(lines)

    def _find(self, array):
        rows = array.word_lines
        lines = tuple((line.output, line.plane, line.significance, line.bits) for line in array.lines)
        if (rows, lines) not in self._tile:
            raise AssertionError(f"The layer has no tile with rows {rows} and lines {lines}.")
        tile = self._tile[rows, lines]
        used = np.zeros(self._used.shape[1:], dtype=bool)
        used[len(used) - len(rows) :, : len(lines)] = array.weights
        if not np.array_equal(self._used[tile], used):
            raise AssertionError(f"Tile {tile} has cells where it should have none, or none where it should.")
        return tile

    def conductance(self, array):
        """Return the conductances of an array [S], (rows, cols), after a look at its levels."""
        tile = self._find(array)
        own = (slice(self._used.shape[1] - len(array.inputs), None), slice(len(array.lines)))
        if not np.array_equal(self._levels[tile][own], array.levels):
            raise AssertionError(f"Tile {tile} stores {self._levels[tile][own]} instead of {array.levels}.")
        if self._conductance[tile][own][~array.cells].any():
            raise AssertionError(f"Tile {tile} conducts where there is no cell.")
        return self._conductance[tile][own]

    def converter_errors(self, array):
        """Return gain error, offset and bow [codes] of the converters of an array, (3, cols)."""
        if self._errors is None:
            return np.zeros((3, len(array.lines)))
        return self._errors[:, self._find(array), : len(array.lines)]

    def calibrated_steps(self, array, unit):
        """Return the calibrated currents of one code, (cols,), or None.

        A unit is numbered from the sense end of its array.
        """
        if self._steps is None:
            return None
        return self._steps[self._first_unit[self._find(array) + 1] - 1 - unit, : len(array.lines)]


def _numbers(values, default):
    """Return values as float64, of the shape of `default` where there are none or one for all outputs."""
    return default if values is None else values.double().numpy() * np.ones_like(default)
