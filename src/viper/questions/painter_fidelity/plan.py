"""What a lineage of this question was made with, by its name; asked at planning too, so nothing else is imported."""

from viper.lineage import split_control


def synthesizer(lineage: str) -> str:
    """The base, under some variant, whose painter and editor made the data of a lineage of one generation."""
    checkpoint, _ = split_control(lineage)
    return checkpoint.partition(".")[0]
