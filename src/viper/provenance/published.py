"""The recorded run as files that git tracks: results/README.md, tables and pictures, to be read without a run.

All of it is rendered from what dvc.lock records. README.md and the pages of docs/ take their tables from there as well,
between two comments: `<!-- recorded: TABLE -->` and `<!-- end -->`. A table of a scale that repeats the recorded one is
called SCALE/TABLE.
"""

import csv
import re
import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from viper.claims_table import claims_table
from viper.config.places import SCALES, in_file
from viper.digests import digest
from viper.errors import ViperError
from viper.files import atomic_write
from viper.layout import RECORDED, RESULTS, is_of_target
from viper.provenance import dvc_yaml, fetching, objects
from viper.recorded import Lock, read_lock

PLACE = Path(RESULTS, RECORDED)
PAGE = Path(RESULTS, "README.md")
README, DOCS = Path("README.md"), Path("docs")
KINDS = (".csv", ".md", ".png", ".rst")  # what is published of the results of each target
_TEMPLATE = "published.md.jinja"
BLOCK = re.compile(r"(<!-- recorded: ([\w/]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_CODE = re.compile("``(.+?)``")


def publish(root: Path = Path()) -> list[Path]:
    """Write all of it anew; return the files.

    Raises:
        ViperError: nothing is recorded, or a recorded table or figure cannot be had.
    """
    lock = read_lock(root)
    scales, recorded = _recorded(lock, root)
    for scale in scales:
        shutil.rmtree(root / PLACE / scale, ignore_errors=True)
    fetching.obtain({str(PLACE / name): md5 for name, md5 in recorded.items()}, root, root)
    pages = _pages(root, scales, recorded, _seeds(lock, root))
    for path, text in pages.items():
        with atomic_write(root / path) as partial:
            partial.write_text(text, encoding="utf-8")
    return [*(PLACE / name for name in recorded), *pages]


def stale(root: Path = Path()) -> list[str]:
    """What differs from what dvc.lock records, or is not recorded, path by path; empty where all is as it should be.

    Raises:
        ViperError: nothing is recorded.
    """
    lock = read_lock(root)
    scales, recorded = _recorded(lock, root)
    wanted = {str(PLACE / name): md5 for name, md5 in recorded.items()}
    files = (path for scale in scales for path in (root / PLACE / scale).rglob("*") if path.is_file())
    there = {path.relative_to(root).as_posix() for path in files}
    wrong = {path for path, md5 in wanted.items() if path in there and digest(root / path) != md5}
    if differing := sorted(wrong | (there ^ wanted.keys())):
        return differing
    pages = _pages(root, scales, recorded, _seeds(lock, root))
    return [str(path) for path, text in pages.items() if not (root / path).is_file() or _read(root / path) != text]


def _recorded(lock: Lock, root: Path) -> tuple[list[str], dict[str, str]]:
    """The recorded scale and those that repeat it, and what is published of them: path below PLACE → MD5."""
    scales, found = dvc_yaml.scales_of(root), {}
    for path, entry in objects.entries(lock, *objects.places(root)).items():
        place = PurePosixPath(path)
        if place.suffix in KINDS and is_of_target(path) and place.parts[1] in scales:
            found[place.relative_to(RESULTS).as_posix()] = entry.md5
    if not any(PurePosixPath(name).parts[0] == scales[0] for name in found):
        raise ViperError(f"dvc.lock records no table of scale {scales[0]}: run the experiment, then `make record`")
    return scales, found


def _pages(
    root: Path, scales: list[str], recorded: Mapping[str, str], seeds: Mapping[str, list[int]]
) -> dict[Path, str]:
    """The pages that show the published files: path → text."""
    scale, *others_of_it = scales
    named = {name: _called(name, scale) for name in _by_name(recorded)}
    tables = {called: _body(_read(root / PLACE / name)) for name, called in named.items() if name.endswith(".md")}
    others = {called: root / PLACE / name for name, called in named.items() if name.endswith(".csv")}
    of_scale = {called: place for called, place in others.items() if "/" not in called}
    if "claims" not in tables and (claims := _claims_of_targets(of_scale)):
        tables["claims"] = claims
    figures = {
        name: _CODE.sub(r"`\1`", _read((root / PLACE / name).with_suffix(".rst")).strip())
        for name in _by_name(recorded)
        if name.endswith(".png")
    }
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, autoescape=False
    )
    text = environment.get_template(_TEMPLATE).render(
        scale=scale,
        repeated=[other for other in others_of_it if other in {PurePosixPath(name).parts[0] for name in recorded}],
        tables=tables,
        figures=figures,
        hashes=recorded,
        seeds=seeds,
        example=_example([name for name in recorded if PurePosixPath(name).parts[0] == scale]),
    )
    pages = {PAGE: text}
    for page in (README, *sorted(path.relative_to(root) for path in (root / DOCS).glob("*.md"))):
        if (root / page).is_file() and BLOCK.search(text := _read(root / page)):
            pages[page] = BLOCK.sub(partial(_filled, page, tables, others), text)
    return pages


def _claims_of_targets(others: Mapping[str, Path]) -> str:
    """The claims that single experiments decide, each once, where the target `claims` is not recorded."""
    rows: dict[str, dict[str, str]] = {}
    primary_first = sorted(others, key=lambda stem: (stem != "main_claims", stem))  # it is the first claim of main
    for stem in primary_first:
        with others[stem].open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if stem.endswith("_claims") and "published" in row:
                    rows.setdefault(row["claim"], row)
    if not rows:
        return ""
    told = "Claims that the recorded experiments decide; docs/experiments.md has the rule of the verdicts."
    return f"{claims_table(rows.values())}\n\n{told}"


def _called(path: str, scale: str) -> str:
    """What a published file is called: its name, behind that of its scale where this is another than `scale`."""
    place = PurePosixPath(path)
    return place.stem if place.parts[0] == scale else f"{place.parts[0]}/{place.stem}"


def _by_name(paths: Iterable[str]) -> list[str]:
    """Paths in the order of their files' names: within a scale those are unique, whatever the folder."""
    return sorted(paths, key=lambda path: PurePosixPath(path).name)


def _filled(page: Path, tables: Mapping[str, str], others: Mapping[str, Path], found: re.Match) -> str:
    """A block with its table: as the recorded page shows it, or else every row of the recorded CSV file."""
    begin, name, _, end = found.groups()
    if name not in tables.keys() | others.keys():
        raise ViperError(f"{page}: no recorded table is called '{name}'; there are: {', '.join({**tables, **others})}")
    return f"{begin}\n{tables.get(name) or _rows(others[name])}\n\n{end}"


def _rows(path: Path) -> str:
    """A CSV file as a Markdown table; cells are text as it is written, only a pipe would end one."""
    with path.open(newline="", encoding="utf-8") as file:
        first, *rest = ([cell.replace("|", "\\|") for cell in row] for row in csv.reader(file))
    return "\n".join(f"| {' | '.join(row)} |" for row in (first, ["---"] * len(first), *rest))


def _seeds(lock: Lock, root: Path) -> dict[str, list[int]]:
    """The seeds that each scale was recorded with: those that its own file names, or what it extends."""
    found: dict[str, set[int]] = {}
    for stage, (scale, _) in dvc_yaml.targets_of(root).items():
        files = lock.stages[stage].params if stage in lock.stages else {}
        own = files.get(in_file((SCALES, scale))[0], {})
        for keys in [own] if "seeds" in own else files.values():
            found.setdefault(scale, set()).update(keys.get("seeds") or ())
    return {scale: sorted(seeds) for scale, seeds in found.items()}


def _example(recorded: Iterable[str]) -> str:
    """A table to name in examples: the main one where it is recorded."""
    tables = [name for name in recorded if name.endswith(".csv")]
    return next((name for name in tables if PurePosixPath(name).stem == "main"), tables[0])


def _body(text: str) -> str:
    """A page without its heading."""
    return text.partition("\n")[2].strip() if text.startswith("# ") else text.strip()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
