"""What TRL imports for a server of vLLM's own, which no scale uses."""


def get_ip() -> str:
    """Refused."""
    raise NotImplementedError("the stand-in for vLLM is no server")


def get_open_port() -> int:
    """Refused."""
    raise NotImplementedError("the stand-in for vLLM is no server")
