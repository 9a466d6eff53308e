"""Seed images of the micro world: scenes, and their truth beside them, which only audits read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from microworld.draw import render
from microworld.scene import Scene, sample_scene, to_json
from viper.config.images import Images
from viper.files import atomic_write
from viper.synthesis.rows import pack_image, row_seed, write_rows
from viper.synthesis.schemas import SEED_IMAGES


def world_scene(seed: int, index: int) -> Scene:
    """The scene of seed image `index`: drawn from a stream of its own, whatever the number of images or shards."""
    return sample_scene(np.random.default_rng(row_seed(seed, "seeds", str(index))))


def draw_images(images: Images, *, seed: int, out: Sequence[Path], truth: Sequence[Path], first_shard: int = 0) -> None:
    """Draw scenes into the shards `out`, and their truth, for audits only, into `truth`.

    `images.number` scenes fill the first `images.shards` shards, as many further ones the next `images.shards`, and so
    on without end. Each truth file holds one JSON line per image: {"id": …, "scene": …} (see
    `microworld.scene.from_json`).

    Args:
        first_shard: number of the first of `out`; the others follow it.
    """
    parts = np.array_split(np.arange(images.number), images.shards)
    for shard, (table, scenes_path) in enumerate(zip(out, truth, strict=True), start=first_shard):
        times, part = divmod(shard, images.shards)
        indices = parts[part] + times * images.number
        rows, lines = [], []
        for index in tqdm(indices.tolist(), desc=f"draw {Path(table).stem}", unit="image"):
            scene, row_id = world_scene(seed, index), f"world-{seed}-{index:06d}"
            rows.append({"id": row_id, "image": pack_image(render(scene)), "source": "world"})
            lines.append(f'{{"id": "{row_id}", "scene": {to_json(scene)}}}\n')
        write_rows(table, rows, SEED_IMAGES.columns)
        with atomic_write(scenes_path) as partial:
            partial.write_text("".join(lines), encoding="utf-8")
