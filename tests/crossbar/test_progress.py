import sys

import pytest

from crossbar.progress import progress_bar, progress_over


def test_bars_are_shown_where_asked_for(capsys):
    assert list(progress_over(range(3), show=False, description="chips")) == [0, 1, 2]
    assert not capsys.readouterr().err
    assert list(progress_over(range(3), show=True, description="chips", unit="chip")) == [0, 1, 2]
    assert "chips" in capsys.readouterr().err
    with progress_bar(description="points", unit="point", total=4, done=1) as bar:
        bar.update(1)
    assert "2/4" in capsys.readouterr().err


def test_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="needs tqdm: pip install"):
        progress_over([], show=True, description="")
    assert progress_over([1], show=False, description="") == [1]
