"""One part of the measurement in a process of its own, which `viper.bench.gpu.check` starts, and ends in time."""

import argparse
import json
import sys
import time
from importlib import import_module
from inspect import signature
from pathlib import Path

from viper.bench.gpu.parts import PARTS
from viper.bench.gpu.rows import Row, append


def main() -> None:
    """Measure the part that the command line names, and append its rows to a file as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--device", choices=["cuda", "cpu"], required=True)
    parser.add_argument("--tiny", action="store_true", help="few numbers of everything")
    parser.add_argument("--rows", type=Path, required=True, help="JSON Lines to append to")
    parser.add_argument("--seconds", type=float, required=True, help="that there are")
    parser.add_argument("--digests", action="store_true", help="print the digests of the part repeats instead")
    given = parser.parse_args()
    start = time.monotonic()
    _require(given.device)

    from viper.bench.gpu.sizes import tiny_sizes, true_sizes

    sizes = tiny_sizes() if given.tiny else true_sizes()
    if given.digests:
        from viper.bench.gpu.repeats import digests

        print(json.dumps(digests(sizes, given.device)))
        return

    def say(what: str, **fields) -> None:
        append(given.rows, Row(given.part, what, **fields))

    def left() -> float:
        return given.seconds - (time.monotonic() - start)

    module, _, function = PARTS[given.part].measured_by.partition(":")
    more = {"again": [sys.executable, "-m", "viper.bench.gpu.one", *sys.argv[1:], "--digests"], "left": left}
    measure = getattr(import_module(f"viper.bench.gpu.{module}"), function)
    measure(sizes, given.device, say, **{name: more[name] for name in more if name in signature(measure).parameters})


def _require(device: str) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here; --tiny --device cpu tries the programs without one")


if __name__ == "__main__":
    main()
