"""What Snakemake keeps below .snakemake of the files that it makes, by the names that it gives there."""

from base64 import urlsafe_b64encode
from pathlib import Path

STATE = Path(".snakemake")
METADATA = STATE / "metadata"  # of each file that was made: by which code, parameters and inputs
INCOMPLETE = STATE / "incomplete"  # of each file that is being made, or whose job was killed
LOCKS = STATE / "locks"
_LONGEST = 254  # characters of a file's name


def record(root: Path, kind: Path, path: str) -> Path:
    """Where Snakemake keeps what it knows of a file: its name in Base64, cut to the length of a file name.

    Args:
        root: the working folder.
        kind: METADATA or INCOMPLETE.
        path: the file, as the rules name it.
    """
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + _LONGEST] for start in range(0, len(name), _LONGEST)]
    return root.joinpath(kind, *(f"@{part}" for part in parts[:-1]), parts[-1])
