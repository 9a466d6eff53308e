"""The section `images` of params.yaml: the images that the loop starts from."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Area, Count, LeaveOutNull, Natural, Pixels, Section
from viper.config.hub import Pinned
from viper.config.paths import PathText

MAX_ASPECT = 200  # the processors of Qwen's models stop at longer pictures

Side = Annotated[Pixels, Field(ge=8)]


class MoreImages(Section):
    """Photographs that join a synthesis which has begun: shards of their own behind those that there are."""

    paths: list[PathText] = Field(min_length=1, description="glob patterns of image files; `images.paths` names others")
    number: Count = Field(description="images to take of them, at most")
    shards: Annotated[Count, Field(le=10_000)] = Field(1, description="parts that are synthesized independently")


class HubPhotographs(Section):
    """A data set of the hub that holds photographs, in Parquet files; `snakemake fetch` downloads what is named."""

    dataset: Pinned
    files: list[PathText] = Field(
        min_length=1, description="paths in the data set, such as data/train-00000-of-00040.parquet: as many as needed"
    )
    column: str = Field("image", min_length=1, description="with the bytes of a picture, or bytes and path, as the hub")

    @model_validator(mode="after")
    def _check_files(self) -> "HubPhotographs":
        for file in self.files:
            if file.startswith("/") or ".." in file.split("/"):
                raise ValueError(f"files: {file!r} leads out of the data set: name a path in it")
        if len(set(self.files)) < len(self.files):
            raise ValueError("files names one twice, whose pictures would be taken for duplicates: keep each once")
        return self


class Images(Section):
    """Where the seed images come from, how many, and in how many parts they are worked on."""

    source: Literal["world", "folder", "hub"] = Field(
        description="world: drawn; folder: photographs named by `paths`; hub: those of a data set, `hub`"
    )
    number: Count = Field(description="images to draw, or at most to take from the folder")
    shards: Annotated[Count, Field(le=10_000)] = Field(
        1, description="parts that are synthesized independently (jobs on a cluster)"
    )
    paths: list[PathText] = Field(
        [], description="glob patterns of image files, for example 'photos/**/*.jpg'; folder only"
    )
    more: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")], MoreImages], LeaveOutNull] = Field(
        {},
        description="name → further photographs, in the order in which they were added; nothing finished is made "
        "again for them. One that was used stays; folder only",
    )
    hub: HubPhotographs | None = Field(None, description="only with source: hub")
    benchmark_distance: Annotated[Natural, Field(le=32)] | None = Field(
        None,
        description="photographs are left out whose perceptual hash differs in at most so many of 64 bits from that of "
        "a picture of an official benchmark; null: they are not compared",
    )
    image_size: Annotated[tuple[Side, Side], Field(strict=False)] | None = Field(
        None, description="(width, height): photographs are scaled and center-cropped to it; null keeps their shape"
    )
    min_side: Pixels = Field(32, description="photographs with a shorter side are skipped")
    max_pixels: Annotated[Area, Field(ge=4096)] = Field(
        1_048_576, description="larger photographs are scaled down to so many pixels"
    )

    @model_validator(mode="after")
    def _check(self) -> "Images":
        if self.source == "folder" and not self.paths:
            raise ValueError("source is 'folder' but paths is empty: name the photographs, or set source: world")
        if self.source != "folder" and self.paths:
            raise ValueError(
                f"paths {self.paths} is given but source is '{self.source}': set source: folder, or empty paths"
            )
        if (self.source == "hub") != (self.hub is not None):
            raise ValueError(
                f"source is '{self.source}', and hub is {'not ' * (self.hub is None)}given: a data set is named by both"
            )
        if self.image_size and max(self.image_size) > MAX_ASPECT * min(self.image_size):
            raise ValueError(
                f"image_size {list(self.image_size)}: one side is more than {MAX_ASPECT} times the other, and "
                "processors of Qwen's models refuse such pictures: make it less"
            )
        if self.source == "world" and self.benchmark_distance is not None:
            raise ValueError("benchmark_distance is for photographs, and source is 'world': leave it out")
        if self.more and self.source != "folder":
            raise ValueError(
                f"more names {', '.join(self.more)}, which are photographs in folders, and source is '{self.source}': "
                "raise number instead, with which all shards are made anew"
            )
        for where, part in (("", self), *((f"more.{name}.", part) for name, part in self.more.items())):
            if part.shards > part.number:
                raise ValueError(
                    f"{where}shards ({part.shards}) exceeds {where}number ({part.number}): lower shards or raise number"
                )
        return self

    @property
    def all_shards(self) -> int:
        """The number of shards, those of `more` included."""
        return self.shards + sum(part.shards for part in self.more.values())

    @property
    def all_images(self) -> int:
        """The number of seed images, those of `more` included."""
        return self.number + sum(part.number for part in self.more.values())

    def shards_of(self, name: str) -> range:
        """The numbers of the shards of one part of `more`."""
        before = list(self.more)[: list(self.more).index(name)]
        first = self.shards + sum(self.more[each].shards for each in before)
        return range(first, first + self.more[name].shards)
