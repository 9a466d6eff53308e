"""The section `images` of params.yaml: the images that the loop starts from."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Area, Count, Pixels, Section
from viper.config.paths import PathText

Side = Annotated[Pixels, Field(ge=8)]


class Images(Section):
    """Where the seed images come from, how many, and in how many parts they are worked on."""

    source: Literal["world", "folder"] = Field(description="world: drawn; folder: photographs named by `paths`")
    number: Count = Field(description="images to draw, or at most to take from the folder")
    shards: Annotated[Count, Field(le=10_000)] = Field(
        1, description="parts that are synthesized independently (jobs on a cluster)"
    )
    paths: list[PathText] = Field(
        [], description="glob patterns of image files, for example 'photos/**/*.jpg'; folder only"
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
        if self.source == "world" and self.paths:
            raise ValueError(f"paths {self.paths} is given but source is 'world': set source: folder, or empty paths")
        if self.shards > self.number:
            raise ValueError(f"shards ({self.shards}) exceeds number ({self.number}): lower shards or raise number")
        return self
