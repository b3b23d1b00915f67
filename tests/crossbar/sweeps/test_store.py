"""What a store refuses, and what it survives."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import xarray as xr

from crossbar.sweeps import StorageError, Sweep, SweepError, load_sweep, sweep_failures, sweep_status
from tests.crossbar.sweeps import sweep_points


def calls(folder):
    return (folder / "log").read_text().splitlines()


@pytest.mark.parametrize(
    "other",
    [
        {"axes": {"sigma": [0.0, 0.1], "bits": [4, 6]}},
        {"axes": {"bits": [4, 6], "sigma": [0.0, 0.1, 0.2]}},
        {"axes": {"sigma": [0.2, 0.1, 0.0], "bits": [4, 6]}},
        {"outputs": {"accuracy": {"units": "1"}, "energy": {"units": "pJ"}}},
        {"trials": 4},
        {"seed": 12},
        {"config": {"rows": 128}},
    ],
    ids=str,
)
def test_two_sweeps_never_mix(other, sweep, tmp_path):
    before = sweep.run(sweep_points.noisy, tmp_path / "s.zarr", config={"rows": 64})
    config = other.get("config", {"rows": 64})
    axes = {"sigma": {"values": [0, 0.1, 0.2], "units": "S"}, "bits": [4, 6]}
    arguments = {"axes": axes, "outputs": sweep_points.OUTPUTS, "trials": 3, "seed": 11}
    arguments.update({key: value for key, value in other.items() if key != "config"})
    with pytest.raises(ValueError, match=r"(?s)holds another one:\n--- there\n.*\n-.*\n\+"):
        Sweep(**arguments).run(sweep_points.noisy, tmp_path / "s.zarr", config=config)
    assert load_sweep(tmp_path / "s.zarr").identical(before)


def test_only_missing_points_are_computed(sweep, tmp_path):
    slow = partial(sweep_points.slow, folder=tmp_path, seconds=0)
    whole = sweep.run(slow, tmp_path / "s.zarr")
    assert len(calls(tmp_path)) == 6 * 3
    assert sweep.run(slow, tmp_path / "s.zarr").identical(whole)
    assert len(calls(tmp_path)) == 6 * 3


def journal(folder):
    (file,) = (folder / "s.zarr" / "jobs" / "journal").glob("*.jsonl")
    return file


@pytest.mark.parametrize("damage", ["cut", "flipped", "removed"])
@pytest.mark.parametrize("point", ["0.1,4", "0.2,6"])
def test_a_damaged_record_is_computed_again_and_no_other(point, damage, sweep, tmp_path, caplog):
    """What a power cut leaves behind: lines whose bytes reached the disk in part."""
    slow = partial(sweep_points.slow, folder=tmp_path, seconds=0)
    whole = sweep.run(slow, tmp_path / "s.zarr")
    (tmp_path / "log").unlink()
    lines = journal(tmp_path).read_bytes().splitlines()
    (number,) = (n for n, line in enumerate(lines) if b"values" in line and f"[{point}]".encode() in line)
    damaged = {"cut": lines[number][:-3], "flipped": lines[number].replace(b"values", b"walues")}.get(damage, b"")
    journal(tmp_path).write_bytes(b"\n".join([*lines[:number], damaged, *lines[number + 1 :]]))
    partly = load_sweep(tmp_path / "s.zarr")
    assert partly.accuracy.isnull().sum() == partly.energy.isnull().sum() == 3
    assert sweep.run(slow, tmp_path / "s.zarr").identical(whole)
    assert {",".join(line.split()[:2]) for line in calls(tmp_path)} == {point}
    assert ("1 records of" in caplog.text) == (damage != "removed")


def test_a_line_torn_by_a_full_disk_does_not_spoil_the_next(sweep, tmp_path):
    slow = partial(sweep_points.slow, folder=tmp_path, seconds=0)
    whole = sweep.run(slow, tmp_path / "s.zarr")
    content = journal(tmp_path).read_bytes()
    for end in range(len(content) - 200, len(content), 7):
        journal(tmp_path).write_bytes(content[:end])
        assert sweep.run(slow, tmp_path / "s.zarr").identical(whole)
        for file in (tmp_path / "s.zarr" / "jobs" / "journal").glob("*"):
            file.unlink()
        (tmp_path / "s.zarr" / "jobs" / "journal" / "one.jsonl").write_bytes(content)


@pytest.mark.parametrize("name", ["accuracy/c", "energy/zarr.json", "sigma", "bits/zarr.json", "trial/c"])
@pytest.mark.parametrize("damage", ["absent", "empty", "flipped"])
def test_damaged_arrays_are_written_again_and_nothing_is_computed(name, damage, sweep, tmp_path):
    slow = partial(sweep_points.slow, folder=tmp_path, seconds=0)
    whole = sweep.run(slow, tmp_path / "s.zarr")
    (tmp_path / "log").unlink()
    files = [tmp_path / "s.zarr" / name] if name.endswith("json") else (tmp_path / "s.zarr" / name).rglob("*")
    for file in [file for file in files if file.is_file()]:
        content = file.read_bytes()
        file.unlink()
        if damage != "absent":
            file.write_bytes(b"" if damage == "empty" else bytes([content[0] ^ 1]) + content[1:])
    assert load_sweep(tmp_path / "s.zarr").identical(whole)
    assert sweep.run(slow, tmp_path / "s.zarr").identical(whole)
    with xr.open_zarr(tmp_path / "s.zarr", consolidated=False) as direct:
        xr.testing.assert_equal(direct.load(), whole)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, '{"attributes": 3}', '{"zarr_format": 3}'])
def test_a_damaged_description_is_taken_from_its_copy_or_said(content, sweep, tmp_path):
    whole = sweep.run(sweep_points.noisy, tmp_path / "s.zarr")
    right = (tmp_path / "s.zarr" / "zarr.json").read_text()
    (tmp_path / "s.zarr" / "zarr.json").write_text(content)
    assert load_sweep(tmp_path / "s.zarr").identical(whole)
    assert sweep.run(sweep_points.noisy, tmp_path / "s.zarr").identical(whole)
    assert (tmp_path / "s.zarr" / "zarr.json").read_text() == right
    for folder in (".", "jobs"):
        (tmp_path / "s.zarr" / folder / "zarr.json").write_text(content)
    for read in (load_sweep, sweep_status, partial(sweep.run, never)):
        with pytest.raises(StorageError, match=r"zarr\.json is damaged.*Restore the file"):
            read(tmp_path / "s.zarr")


def test_another_seed_in_the_description_is_found(sweep, tmp_path):
    sweep.run(sweep_points.noisy, tmp_path / "s.zarr")
    for folder in (".", "jobs"):
        file = tmp_path / "s.zarr" / folder / "zarr.json"
        file.write_text(file.read_text().replace('\\"seed\\": 11', '\\"seed\\": 12'))
    with pytest.raises(StorageError, match="its checksum does not hold"):
        load_sweep(tmp_path / "s.zarr")


def test_many_points_need_few_files_and_a_journal_is_put_together(tmp_path):
    def point(parameters, *, generator):
        return {"x": parameters["a"] + 1000 * parameters["b"]}

    sweep = Sweep(axes={"a": range(60), "b": range(50)}, outputs={"x": {"units": "1"}})
    whole = sweep.run(point, tmp_path / "s.zarr")
    assert sum(file.is_file() for file in (tmp_path / "s.zarr").rglob("*")) < 20
    assert len(journal(tmp_path).read_bytes().split()) < 20
    assert load_sweep(tmp_path / "s.zarr").identical(whole)
    assert (whole.x == whole.a + 1000 * whole.b).all()
    assert sweep.run(point, tmp_path / "s.zarr").identical(whole)


def test_an_interrupted_layout_leaves_no_store(sweep, tmp_path, monkeypatch):
    def stop(*arguments, **keywords):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("crossbar.sweeps.layout._move", stop)
        with pytest.raises(KeyboardInterrupt):
            sweep.run(sweep_points.noisy, tmp_path / "s.zarr")
    assert list(tmp_path.iterdir()) == []


def test_two_runs_may_share_a_store(sweep, tmp_path):
    """Two jobs of a cluster started on the same line: work may be done twice, never wrongly."""
    alone = sweep.run(sweep_points.noisy, tmp_path / "alone.zarr")
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(sweep.run, sweep_points.noisy, tmp_path / "s.zarr") for _ in range(4)]
        results = [run.exception() or run.result() for run in runs]
    assert all(isinstance(result, xr.Dataset) for result in results), results
    assert all(result.identical(alone) for result in results)
    assert sweep.run(sweep_points.noisy, tmp_path / "s.zarr").identical(alone)


def never(parameters, *, generator):
    raise AssertionError("A point was computed before the store was found to be unusable.")


def test_a_folder_of_something_else_is_not_touched(sweep, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="Choose an empty or absent folder"):
        sweep.run(never, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    xr.Dataset({"x": ("a", [1.0])}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(StorageError, match="Choose an empty or absent folder"):
        sweep.run(never, tmp_path / "other.zarr")
    with pytest.raises(FileNotFoundError, match="a zarr group of something else"):
        load_sweep(tmp_path / "other.zarr")
    (tmp_path / "empty").mkdir()
    sweep.run(sweep_points.noisy, tmp_path / "empty")


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere/s.zarr"])
def test_an_impossible_place_is_found_before_the_first_point(place, sweep, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be created"):
        sweep.run(never, tmp_path / place)


def test_a_full_disk_is_found_before_the_first_point(sweep, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: usage._replace(free=10_000))
        with pytest.raises(StorageError, match=r"too full: 6 points need about 0\.1 MB, 0\.0 MB are free"):
            sweep.run(never, tmp_path / "s.zarr")
    sweep.run(sweep_points.noisy, tmp_path / "s.zarr")
    sweep.run(sweep_points.noisy, tmp_path / "s.zarr")


def test_a_store_that_turns_read_only_is_found_before_the_first_point(sweep, tmp_path, monkeypatch):
    with pytest.raises(SweepError):
        sweep.run(sweep_points.sometimes_fails, tmp_path / "s.zarr")

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(StorageError, match="No space left on device"):
        sweep.run(sweep_points.sometimes_fails, tmp_path / "s.zarr")
    assert not list((tmp_path / "s.zarr").glob(".probe*"))


def test_a_store_that_vanishes_ends_the_sweep_at_once(sweep, tmp_path):
    computed = []

    def vanish(parameters, *, generator):
        computed.append(parameters)
        shutil.rmtree(tmp_path / "s.zarr", ignore_errors=True)
        return sweep_points.noisy(parameters, generator=generator)

    with pytest.raises(StorageError, match="cannot be written"):
        sweep.run(vanish, tmp_path / "s.zarr")
    assert len(computed) == sweep.trials


@pytest.mark.parametrize("read", [load_sweep, sweep_failures, sweep_status])
def test_reading_where_nothing_is(read, tmp_path):
    with pytest.raises(FileNotFoundError, match="must be the folder of a sweep"):
        read(tmp_path / "nothing.zarr")


def test_addresses_are_not_folders(sweep):
    with pytest.raises(ValueError, match="must be a folder that all workers see"):
        sweep.run(never, "s3://bucket/s.zarr")
