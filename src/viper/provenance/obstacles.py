"""What lies where the rules make their folders, and is no folder: a file, or a link that leads nowhere."""

import os
from pathlib import Path

from viper.layout import DATA, MODELS, RESULTS, WORK


def in_the_way(scale: str, root: Path = Path()) -> list[str]:
    """What lies where rules make the folders of a scale, and is none."""
    tops = (DATA, MODELS, RESULTS, WORK, "logs", "benchmarks")
    places = [Path(top, *below) for top in tops for below in ((), (scale,))]
    return [place.as_posix() for place in places if os.path.lexists(root / place) and not (root / place).is_dir()]
