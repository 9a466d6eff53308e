"""What a rehearsal puts in place of GPUs, of vLLM (the package beside this file) and of the addresses of benchmarks.

Python imports this at its start where its folder is on PYTHONPATH. Nothing of this project is replaced but the answer
to one question, whether there is a GPU for vLLM; each change is made when its module is imported, if it ever is.

REHEARSAL names a JSON file: `endpoint`, the server; `md5`, benchmark → MD5 of its file there; `constants`, module →
name → value, which are facts of the published files too.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
from functools import partial, wraps
from pathlib import Path
from urllib.parse import urlsplit


def _shard_without_gpus(module):
    """accelerate shards only what it takes for GPUs; FSDP itself works with gloo."""
    if os.environ.get("ACCELERATE_USE_FSDP") != "true":
        return
    from accelerate.utils.dataclasses import DistributedType

    init = module.PartialState.__init__

    @wraps(init)
    def pretend(self, *arguments, **named):
        init(self, *arguments, **named)
        if self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU

    module.PartialState.__init__ = pretend


def _offer_vllm_a_gpu(module):
    """The engine is chosen as on a node with a GPU."""
    module.pick_engine = wraps(module.pick_engine)(
        lambda wanted, *, has_gpu, pick=module.pick_engine: pick(wanted, has_gpu=True)
    )


def _facts():
    return json.loads(Path(os.environ["REHEARSAL"]).read_text(encoding="utf-8"))


def _serve_benchmarks(module):
    """The files of the official benchmarks lie on the rehearsal's server, by the same paths, and are other ones."""
    facts = _facts()
    for kind in vars(module).values():
        if isinstance(kind, type):
            addresses, digests = (vars(kind).get(name, {}) for name in ("DATASET_URL", "DATASET_MD5"))
            for name in set(addresses) & set(facts["md5"]):
                addresses[name] = facts["endpoint"] + urlsplit(addresses[name]).path
            digests |= {name: facts["md5"][name] for name in set(digests) & set(facts["md5"])}


def _state_constants(module):
    vars(module).update(_facts()["constants"][module.__name__])


CHANGES = {
    "accelerate.state": _shard_without_gpus,
    "viper.models.engine": _offer_vllm_a_gpu,
    **{f"vlmeval.dataset.image_{kind}": _serve_benchmarks for kind in ("mcq", "yorn", "vqa")},
    **{f"viper.evaluation.{name}": _state_constants for name in ("mme_realworld", "crpe_pictures")},
}


class _Afterwards(importlib.abc.MetaPathFinder):
    """Finds the modules of CHANGES as everybody does, and has them changed once they are loaded."""

    def find_spec(self, name, path=None, target=None):
        if name not in CHANGES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader.exec_module = partial(self._load, spec.loader.exec_module, CHANGES[name])
        return spec

    @staticmethod
    def _load(load, change, module):
        load(module)
        change(module)


if "REHEARSAL" in os.environ:
    sys.meta_path.insert(0, _Afterwards())
