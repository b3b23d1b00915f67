"""A store as version 0.1 laid it out: one chunk for each point and output, a mark and a traceback for each point."""

import zlib

import numpy as np
import zarr

from crossbar.sweeps.provenance import config_json, specification_sha256


def write_old_store(path, sweep, dataset, *, failed=None, started=None):
    """Write `dataset`, the result of `sweep`; point `failed` has failed there, and `started` was running."""
    specification, config = sweep.to_json(), config_json(None)
    origin = {name: dataset.attrs[name] for name in ("seed", "versions", "point_source_sha256")}
    identity = {"specification_sha256": specification_sha256(specification, config)}
    attributes = {"specification": specification, "config": config, **identity, **origin}
    group = zarr.open_group(path, mode="a", zarr_format=3, attributes=attributes)
    points = sweep.shape[:-1]
    ones = tuple(1 for _ in points)
    mark = group.create_array("jobs/mark", shape=points, chunks=ones, dtype="int64", fill_value=0, compressors=None)
    failure = group.create_array("jobs/failure", shape=points, chunks=ones, dtype="string", fill_value="")
    for output in dataset.data_vars:
        chunks = (*ones, sweep.trials)
        group.create_array(
            output, shape=sweep.shape, chunks=chunks, dtype="float64", fill_value=np.nan, compressors=None
        )
    for index in np.ndindex(points):
        if index == failed:
            mark[index], failure[index] = -2, "Traceback: ArithmeticError: no luck"
        elif index == started:
            mark[index] = -1
        else:
            numbers = np.stack([dataset[output].values[index] for output in dataset.data_vars])
            for output, values in zip(dataset.data_vars, numbers, strict=True):
                group[output][index] = values
            mark[index] = 1 + zlib.crc32(numbers.astype("<f8").tobytes())
