"""dvc.lock: which bytes each file had when it was recorded, now or at any commit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DVC_LOCK = "dvc.lock"


@dataclass(frozen=True)
class Entry:
    """An out of a stage as dvc.lock has it: its path, MD5 (ending in .dir for a folder) and stage."""

    path: str
    md5: str
    stage: str


class Lock:
    """The content of a dvc.lock."""

    def __init__(self, text: str):
        # libyaml reads the file about ten times as fast, and Snakemake waits for it at every start
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
        self.stages: dict[str, dict[str, Any]] = content.get("stages", {})
        self.outs = {
            out["path"]: Entry(out["path"], out["md5"], name)
            for name, stage in self.stages.items()
            for out in stage.get("outs", [])
        }

    def covering(self, path: str) -> Entry | None:
        """The out that is `path` or the folder that holds it."""
        parts = Path(path).parts
        found = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.outs[place] for place in found if place in self.outs), None)


def read_lock(root: Path = Path()) -> Lock:
    """The work tree's dvc.lock; one without stages where nothing was recorded yet."""
    path = root / DVC_LOCK
    return Lock(path.read_text(encoding="utf-8") if path.is_file() else "")
