"""The page on which people judge: pictures and words in one file, which saves what was ticked as CSV by itself.

Nothing is loaded: pictures are embedded. What a model wrote is escaped, and the page's policy lets no script run but
the one whose hash it names (a Content-Security-Policy, level 2).
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader

from viper.pictures import png, read_picture
from viper.questions.inspection.items import COLUMNS, ELSE, NO, UNSURE, YES, Item, page_of

_JPEG_QUALITY = 90
SHOWN = {"image": "the picture", "reconstruction": "the drawing"}


def page(items: Sequence[Item], pixels: int) -> str:
    """The HTML page of some items.

    Args:
        pixels: longest side of a picture; larger ones are shrunk.
    """
    script = files("viper.questions.inspection").joinpath("judging.js").read_text(encoding="utf-8")
    environment = Environment(loader=PackageLoader("viper.questions.inspection", "."), autoescape=True)
    text = environment.get_template("page.html.jinja").render(
        page=page_of(items),
        cards=[_card(item, pixels) for item in items],
        pictures=len({(item.seed, item.id) for item in items}),
        script=script,
        hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        columns=COLUMNS,
        choices=((YES, "yes"), (NO, "no"), (UNSURE, "cannot tell")),
        else_part=ELSE,
    )
    return f"{text}\n"


def _card(item: Item, pixels: int) -> dict[str, object]:
    return {
        "item": item,
        "shown": SHOWN[item.picture],
        "image": _embedded(item.image, pixels),
        "reconstruction": _embedded(item.reconstruction, pixels),
        "refinements": list(enumerate(item.refinements, start=1)),
    }


def _embedded(picture: bytes, pixels: int) -> str:
    """A picture as a data URI: as it is drawn where it is small enough, otherwise shrunk, as JPEG."""
    image = read_picture(picture)
    if max(image.size) <= pixels:
        kind, data = "png", png(image)
    else:
        image.thumbnail((pixels, pixels))
        buffer = io.BytesIO()
        image.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
        kind, data = "jpeg", buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
