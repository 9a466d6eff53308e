"""Every figure again from the tables in the repository's own store: `make figures`."""

from pathlib import Path

from viper.errors import ViperError
from viper.provenance import dvc_yaml, rebuild
from viper.provenance.graph import read
from viper.provenance.lock import read_lock
from viper.provenance.record import STORE
from viper.provenance.sidecar import SUFFIX, md5
from viper.provenance.tools import call


def redraw(root: Path = Path()) -> dict[str, bool]:
    """Draw every recorded figure; return figure → whether it has the bytes that dvc.lock records.

    Needs neither data sets nor checkpoints: the tables that figures are drawn from are fetched where they are missing.

    Raises:
        ViperError: nothing is recorded yet, a table cannot be fetched, or drawing fails.
    """
    lock = read_lock(root)
    if not lock.outs:
        raise ViperError("no figure is recorded: run the experiment (`make micro`), then `make record`")
    scale = dvc_yaml.recorded_scale_of(root)
    graph = read(["figures"], scale, root)
    wanted = {path: lock.outs[path].md5 for path in graph.targets["figures"] if path in lock.outs}
    maker = graph.maker()
    rules = sorted({maker[path].rule for path in wanted})
    tables = sorted({path for name in wanted for path in maker[name].inputs})
    # With the records that belong to the figures: where the bytes are the same, these stay.
    records = [path + SUFFIX for path in wanted if path + SUFFIX in lock.outs]
    if missing := [path for path in (*tables, *records) if not (root / path).exists()]:
        call("dvc", "pull", "--remote", STORE, *missing, root=root)
    rebuild.execute(root, rules, sorted(wanted), scale, again=True)
    return {path: md5(root / path) == recorded for path, recorded in wanted.items()}
