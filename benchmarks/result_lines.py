"""The file of a study's results, one line each, so that an interrupted study goes on where it stopped."""

import json
from pathlib import Path
from typing import Any


class ResultLines:
    """The lines of a JSON-lines file; each is written when it is added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def find(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the lines that have all of the values wanted."""
        return [line for line in self.lines if wanted.items() <= line.items()]

    def add(self, **line: Any) -> None:
        """Keep a line."""
        self.lines.append(line)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
