"""Models that know the truth of the pictures they made themselves, so that every step has a known answer."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from captions import caption_scene
from microworld import draw, grammar
from microworld.parse import parse_operation
from microworld.scene import Scene, make_scene, sample_scene
from viper.completion import write
from viper.config.synthesis import Synthesis
from viper.models.base import Chat
from viper.prompts import render
from viper.synthesis import loop
from viper.synthesis.assemble import DataSets, Shards
from viper.synthesis.rows import pack_image, write_rows
from viper.synthesis.schemas import SCHEMAS


def completion(answer: str) -> str:
    return write("Look closely.", answer)


def make_shards(folder: Path, count: int) -> Shards:
    """Where the tables of `count` shards lie below a folder: STEP/shardN.parquet."""
    return Shards({step: [folder / step / f"shard{shard}.parquet" for shard in range(count)] for step in SCHEMAS})


def make_data_sets(folder: Path) -> DataSets:
    """The files of both data sets in one folder, named as the card says."""
    return DataSets(
        folder / "csr" / "train.parquet",
        folder / "vop" / "train.parquet",
        folder / "vop" / "test.parquet",
        folder / "dropped.csv",
    )


def write_tables(shards: Shards, shard: int, tables: loop.Tables) -> None:
    """Write what the loop made of one shard to where the rules would."""
    for name, rows in tables.items():
        write_rows(shards.path(name, shard), rows, SCHEMAS[name].columns)


class Album:
    """Which scene a picture shows."""

    def __init__(self):
        self.scenes: dict[bytes, Scene] = {}

    def draw(self, scene: Scene):
        image = draw.render(scene)
        self.scenes[image.tobytes()] = scene
        return image

    def look(self, image) -> Scene:
        return self.scenes[image.tobytes()]


class FakeVLM:
    """Describes a picture but forgets its last object; everything else it does perfectly, unless `broken` says a prompt
    whose format it breaks."""

    def __init__(self, album: Album, broken: str = ""):
        self.album, self.broken, self.chats = album, broken, []

    def answer(self, chats: list[Chat], *, max_new_tokens: int, temperature: float = 0.0, seeds=()) -> list[str]:
        self.chats += chats
        return [self._answer(chat) for chat in chats]

    def _answer(self, chat: Chat) -> str:
        scene = self.album.look(chat.images[0])
        said = grammar.caption(make_scene(scene.objects[:-1], scene.shade, scene.texture))
        found = " ".join(grammar.refinements(scene, caption_scene(said)))
        answers = {
            render("micro", "caption"): ("caption", said),
            render("micro", "critique", caption=said): ("critique", found),
            render("micro", "refine", caption=said, refinements=found): ("refine", grammar.caption(scene)),
            render("micro", "entities", caption=grammar.caption(scene)): ("entities", grammar.entities(scene.objects)),
            render("micro", "entities", caption=said): ("entities", grammar.entities(scene.objects[:-1])),
        }
        name, answer = answers[chat.text]
        return answer if name == self.broken else completion(answer)


class FakePainter:
    def __init__(self, album: Album):
        self.album, self.seeds = album, []

    def paint(self, prompts: list[str], *, seeds: list[int], shapes=()):
        self.seeds += seeds
        return [self.album.draw(caption_scene(prompt)) for prompt in prompts]


class FakeEditor:
    """Does what it is told, exactly; the instructions in `deaf_to` it does not hear."""

    def __init__(self, album: Album, deaf_to: tuple[str, ...] = ()):
        self.album, self.deaf_to = album, deaf_to

    def edit(self, images, instructions: list[str], *, seeds: list[int]):
        assert len(images) == len(instructions) == len(seeds)
        return [self._edit(image, text) for image, text in zip(images, instructions, strict=True)]

    def _edit(self, image, text: str):
        if text in self.deaf_to:
            return image.copy()
        scene, operation = self.album.look(image), parse_operation(text)
        assert grammar.instruction(operation) == text
        objects = {thing.cell: thing for thing in scene.objects}
        there, after = None, operation.after
        if operation.before is not None:
            there = objects.pop(operation.before.cell)
        if there is not None and after is not None:  # an instruction leaves some attributes unsaid: they stay
            names = ("kind", "color", "size", "cell")
            changes = {name: getattr(after, name) for name in names}
            after = replace(there, **{k: v for k, v in changes.items() if v != getattr(operation.before, k)})
        if after is not None:
            objects[after.cell] = after  # over what stands there, if the model did not know of it
        return self.album.draw(make_scene(objects.values(), scene.shade, scene.texture))


@pytest.fixture
def album() -> Album:
    return Album()


def make_seed_rows(album: Album, rng: np.random.Generator, count: int) -> list[dict]:
    """Drawn seed images as rows; `album` knows their scenes."""
    scenes = [sample_scene(rng, min_objects=3, max_objects=4) for _ in range(count)]
    return [
        {"id": f"image-{index:02d}", "image": pack_image(album.draw(scene)), "source": "world"}
        for index, scene in enumerate(scenes)
    ]


@pytest.fixture
def seed_rows(album):
    """Twelve drawn seed images as rows; `album` knows their scenes."""
    return make_seed_rows(album, np.random.default_rng(5), 12)


@pytest.fixture
def fakes():
    """The classes above: pytest imports this file by path, so tests cannot."""
    return SimpleNamespace(VLM=FakeVLM, Painter=FakePainter, Editor=FakeEditor, completion=completion)


def small_section(**changes) -> Synthesis:
    """A section `synthesis` of small numbers."""
    answering = {"max_new_tokens": 8}
    values = {
        "prompts": "micro",
        "csr_size": 7,
        "vop_size": 3,
        "labels": "loop",
        "answers": {"accept": "format"},
        "opinions": {"captions": 0, "least": 0},
        **dict.fromkeys(("caption", "critique", "refine", "entities"), answering),
        "operations": {"language": "micro", "max_operations": 3},
        "edit": {"one_by_one": True, "min_change": 0.01, "max_change": 0.25},
    }
    return Synthesis(**values | changes)


def filtering_section(**changes) -> Synthesis:
    """The same with every filter of labels on, as the perfect models of this file pass it."""
    sampled = {"max_new_tokens": 8, "temperature": 1.0}
    values = {"critique": sampled | {"answers": 3, "least": 2}, "opinions": {"captions": 3, "least": 2}}
    return small_section(caption=sampled, **values | changes)


@pytest.fixture
def options() -> Synthesis:
    """A section `synthesis` of small numbers."""
    return small_section()


@pytest.fixture
def run_loop(album, seed_rows, options, fakes, tmp_path):
    """Run all steps in two shards with the fake models and write their tables; returns the shards and all rows."""

    def run(vlm=None, painter=None, editor=None, seeds=seed_rows, section=options):
        vlm, painter = vlm or FakeVLM(album), painter or FakePainter(album)
        editor = editor or FakeEditor(album)
        shards = make_shards(tmp_path / "synthesis", 2)
        everything: dict[str, list] = {}
        for shard in range(2):
            tables = loop.run_loop(list(seeds[shard::2]), vlm, painter, editor, section, lineage="base", seed=3)
            write_tables(shards, shard, tables)
            for name, rows in tables.items():
                everything.setdefault(name, []).extend(rows)
        return shards, everything

    return run
