"""torchvision beside a CPU-only torch."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(code, *flags):
    return subprocess.run([sys.executable, *flags, "-c", code], check=True, capture_output=True, text=True).stdout


def test_processors_import_after_the_shim_in_a_fresh_process():
    code = (
        "import viper.models.torchvision_shim as shim; shim.allow_torchvision(); "
        "from transformers import Qwen2VLVideoProcessor; import torchvision; print(torchvision.__version__)"
    )
    assert run(code).strip()


def test_the_shim_itself_imports_no_library():
    code = "import sys, viper.models.torchvision_shim; print({'torch', 'torchvision', 'numpy'} & set(sys.modules))"
    assert run(code).strip() == "set()"


def test_a_plain_import_works_where_setup_put_its_file(tmp_path):
    """The file that `make setup` copies into site-packages, in a folder that this process takes for one."""
    shutil.copy(ROOT / "envs" / "torchvision.pth", tmp_path)
    code = (
        f"import site, sys; sys.path.insert(0, {str(ROOT / 'src')!r}); site.addsitedir({str(tmp_path)!r}); "
        "from transformers import AutoModelForImageTextToText, Qwen2VLVideoProcessor; print('imported')"
    )
    assert run(code).strip() == "imported"


def test_a_python_that_starts_imports_nothing_more(tmp_path):
    """Every Python of the environment reads the file at its start."""
    shutil.copy(ROOT / "envs" / "torchvision.pth", tmp_path)
    code = (
        f"import site, sys; before = set(sys.modules); site.addsitedir({str(tmp_path)!r}); "
        "print(set(sys.modules) - before)"
    )
    assert run(code, "-S", "-E").strip() == "set()"


def test_setup_put_its_file_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "envs/torchvision.pth" in makefile
    assert "cp envs/torchvision.pth" in (ROOT / "envs" / "setup.sh").read_text(encoding="utf-8")
    assert "envs/torchvision.pth" in (ROOT / "envs" / "viper.post-deploy.sh").read_text(encoding="utf-8")
