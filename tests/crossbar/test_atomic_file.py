import pytest

from crossbar.atomic_file import write_atomically


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("old")

    def torn(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, torn)
    assert path.read_text() == "old"
    write_atomically(path, lambda partial: partial.write_text("new"))
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing does not exist"):
        write_atomically(tmp_path / "missing" / "file", lambda partial: partial.touch())
