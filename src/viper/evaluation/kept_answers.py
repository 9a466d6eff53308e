"""What a model has answered so far, on disk, so that an evaluation that was ended goes on from there.

One file a benchmark: a line that says what the answers are of, then one a question. Lines are appended batch by batch;
the last one may be cut off where a job was killed.
"""

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path

_log = logging.getLogger(__name__)


class KeptAnswers:
    """The answers to the questions of one benchmark, by the number of the question.

    Args:
        path: the file. about: what they are answers of: model, questions, way of asking; a file about something else
            is begun anew.
    """

    def __init__(self, path: Path, about: str):
        self._path, self._head = path, {"about": about}
        self.found: dict[int, str] = self._read()
        if self.found:
            _log.info("%s: goes on behind %d answers of an earlier attempt", path.stem, len(self.found))

    def add(self, answers: Iterable[tuple[int, str]]) -> None:
        """Keep some more answers; when this returns they are on disk."""
        lines = [[number, said] for number, said in answers]
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        self.found |= dict(lines)

    def _read(self) -> dict[int, str]:
        """What is there of these answers; from the first line on that is none of them, the file is cut off."""
        head = json.dumps(self._head).encode() + b"\n"
        content = self._path.read_bytes() if self._path.is_file() else b""
        kept, found = [head], {}
        for line in content.removeprefix(head).splitlines(keepends=True) if content.startswith(head) else []:
            if not line.endswith(b"\n") or (answer := _answer(line)) is None:
                break
            kept.append(line)
            found[answer[0]] = answer[1]
        if (whole := b"".join(kept)) != content:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(whole)
        return found


def _answer(line: bytes) -> tuple[int, str] | None:
    try:
        number, said = json.loads(line)
    except ValueError:  # no JSON, or no pair
        return None
    return (number, said) if isinstance(number, int) and isinstance(said, str) else None
