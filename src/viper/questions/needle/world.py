"""The needle's door to the drawn world: pictures with one small object that decides the answer."""


def draw(seed: int, size: int, pictures: str) -> list[dict[str, object]]:
    """Draw needles; see `microworld.adapters.needles.draw`."""
    from microworld.adapters import needles

    return needles.draw(seed, size, pictures)
