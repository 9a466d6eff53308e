"""A chat as processors' templates want it, and a completion as it comes back."""

from typing import Any

from viper.models.base import Chat


def completion_of(chat: Chat, text: str) -> str:
    """The completion of a chat: what it is made to begin with, and the generated text."""
    return f"{chat.begin} {text}".strip()


def messages(chat: Chat) -> list[dict[str, Any]]:
    """A chat as processors' templates want it: the images before the text, then what the answer begins with."""
    asked = [*({"type": "image", "image": image} for image in chat.images), {"type": "text", "text": chat.text}]
    turns = [{"role": "user", "content": asked}]
    if chat.begin:
        turns.append({"role": "assistant", "content": [{"type": "text", "text": chat.begin}]})
    return turns
