"""torchvision beside a CPU-only torch."""

import subprocess
import sys


def test_processors_import_after_the_shim_in_a_fresh_process():
    code = (
        "import viper.models.torchvision_shim as shim; shim.allow_torchvision(); "
        "from transformers import Qwen2VLVideoProcessor; import torchvision; print(torchvision.__version__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
