"""Weights that are sent to a server."""


def trainer_init(*_: object) -> None:
    """Refused."""
    raise NotImplementedError("the stand-in for vLLM is no server")
