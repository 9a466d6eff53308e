"""Which vector instructions the libraries calculate with: the same on every processor, so that bytes are the same too.

Sums are added up in another order with AVX-512 than with AVX2, results differ by their last bits, a sampled token
on the edge flips, and a training is another draw from then on.
"""

import os
from pathlib import Path

# What torch's own kernels, oneDNN (convolutions) and MKL (matrix products) read when they are loaded.
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
_FLAGS = Path("/proc/cpuinfo")


def keep_to_avx2(flags: Path = _FLAGS) -> None:
    """Hold torch to AVX2 where the processor has AVX-512, in this process and those that it starts.

    Does nothing where one of these variables is set: who asks for other instructions gets them. Has to be called before
    torch is imported.

    Args:
        flags: what Linux tells of the processor; elsewhere there is no such file, and nothing is held.
    """
    if AVX2.keys().isdisjoint(os.environ) and _has_avx512(flags):
        os.environ.update(AVX2)


def _has_avx512(flags: Path) -> bool:
    try:
        lines = flags.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux, or hidden from this process
        return False
    found = next((line for line in lines if line.startswith("flags")), "")
    return "avx512f" in found.split()
