"""What the truth of drawn pictures says of the parts that people judge.

A caption that is held to a reconstruction is held to what the checker reads there: a model, which may misread.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from viper.layout import run_of
from viper.manifest import model_folder
from viper.questions import world
from viper.questions.inspection.items import COLUMNS, KEY, NO, YES, Item, Runs, page_of


def judge(items: Sequence[Item], runs: Runs, truth: Sequence[Path], checkpoint: Path) -> pd.DataFrame:
    """A judgement of every part: COLUMNS, indexed by KEY.

    Args:
        runs: the tables that the items were drawn from, captions among them.
        truth: what is in the seed images, a file per seed and shard, as `viper.layout` names them.
        checkpoint: the manifest of the checker, which reads what was painted.

    Raises:
        ViperError: there is no truth of some shard, or a file cannot be read.
    """
    page, rows = page_of(items), []
    for (lineage, seed), shards in runs.items():
        scenes = [path for path in truth if run_of(str(path))[1] == seed]
        pairs = world.read_pairs(shards, scenes, checker=model_folder(checkpoint))
        for item in items:
            if (item.lineage, item.seed) == (lineage, seed):
                pair = pairs[item.id]
                said = [world.matches(sentence, pair) for sentence in item.refinements]
                said.append(world.untold(item.refinements, pair))
                key = (page, str(seed), lineage, item.id)
                rows += [(*key, part, YES if each else NO) for part, each in zip(item.parts, said, strict=True)]
    table = pd.DataFrame(rows, columns=COLUMNS).set_index(KEY)
    order = [(page, str(item.seed), item.lineage, item.id, part) for item in items for part in item.parts]
    return table.loc[order]
