"""TOML files as users write them: in another encoding, nested without end, cut short."""

import tomllib
from pathlib import Path
from typing import Any


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return the tables of a file, and its text for lines to be found in.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If it is no TOML in UTF-8.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing.")
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}. Save the file as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not valid TOML: {error}.") from error
    except RecursionError as error:
        raise ValueError(f"{path}: nested too deeply to be read. A study needs three levels.") from error
