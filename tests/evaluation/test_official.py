"""Official benchmarks from a server that runs here: whole and intact, or not there at all."""

import functools
import hashlib
import http.server
import threading

import pytest

from viper.errors import ViperError
from viper.evaluation import official, vlmevalkit

CONTENT = b"index\tquestion\n0\tWhat?\n"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """MMStar is served from here, and its published MD5 is that of CONTENT."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "MMStar.tsv").write_bytes(CONTENT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    class Known:
        DATASET_URL = {"MMStar": f"http://127.0.0.1:{server.server_port}/MMStar.tsv"}  # noqa: RUF012
        DATASET_MD5 = {"MMStar": hashlib.md5(CONTENT).hexdigest()}  # noqa: RUF012

    monkeypatch.setattr(vlmevalkit, "_known", lambda name: Known)
    yield folder / "MMStar.tsv"
    server.shutdown()
    server.server_close()


def test_a_benchmark_is_fetched_and_checked(served, tmp_path):
    output = tmp_path / "LMUData" / "MMStar.tsv"
    official.fetch_benchmark("MMStar", output)
    assert output.read_bytes() == CONTENT
    assert [path.name for path in output.parent.iterdir()] == ["MMStar.tsv"]


def test_another_file_of_that_name_is_refused(served, tmp_path):
    served.write_bytes(CONTENT + b"1\tAnd this?\n")
    with pytest.raises(ViperError, match="does not have the MD5"):
        official.fetch_benchmark("MMStar", tmp_path / "LMUData" / "MMStar.tsv")
    assert not list((tmp_path / "LMUData").iterdir())


def test_what_cannot_be_reached_says_where_to_put_it(served, tmp_path, monkeypatch):
    served.unlink()
    output = tmp_path / "LMUData" / "MMStar.tsv"
    with pytest.raises(ViperError, match=rf"MMStar is missing, and http.* put that file at {output}"):
        official.fetch_benchmark("MMStar", output)


def test_data_of_the_hub_say_how_to_get_them_elsewhere(tmp_path):
    output = tmp_path / "Mantis-Eval.tsv"
    with pytest.raises(ViperError, match=r"Mantis-Eval is missing, and the hub cannot be reached.*convert-mantis"):
        official.fetch_benchmark("Mantis-Eval", output)  # the tests run with HF_HUB_OFFLINE=1
