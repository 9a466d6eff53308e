"""What README and docs say, taken apart: the commands that they show, the files that they promise, their links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_PROGRAMS = (
    r"make|snakemake|dvc|python[\d.]*|viper|pip|git|hf|export|squeue|scancel|accelerate|generate-slurm-partition-config"
)
_COMMAND = re.compile(rf"(?:[A-Z_]+=\S* )*(?:\.venv\S*/)?(?:{_PROGRAMS})(?= |$)")
# A path, and further names in the same folder: results/SCALE/main/main.csv, main.md
MADE = re.compile(r"(?<![\w/-])((?:data|models|results)/[\w.*+/-]+)((?:, [\w-]+\.\w+)*)")


@dataclass(frozen=True)
class Command:
    """A command as a page shows it."""

    page: str
    text: str


def blocks(text: str) -> list[list[str]]:
    """The indented blocks of a page, as lines without their indent."""
    found, block = [], []
    for line in [*text.splitlines(), "end"]:
        if line.startswith("    ") or (block and not line.strip()):
            block.append(line[4:])
        elif block:
            found.append(block)
            block = []
    return found


def prose(text: str) -> str:
    """A page without its indented blocks."""
    return "\n".join("" if line.startswith("    ") else line for line in text.splitlines())


def inline(text: str) -> list[str]:
    """The inline code of a page; a line end in it is a space."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(text))]


def commands() -> list[Command]:
    """Every command of every page: lines of blocks without what is said of them, and inline code."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [re.split(r"\s{2,}|\s#", line)[0].strip() for block in blocks(text) for line in block]
        said = [line for line in (*lines, *inline(text)) if _COMMAND.match(line)]
        found += [Command(page.name, line) for line in dict.fromkeys(said)]
    return found


def options() -> list[Command]:
    """Every option of Snakemake that a page shows alone, such as `--config scale=smoke`."""
    return [
        Command(page.name, code)
        for page in PAGES
        for code in dict.fromkeys(inline(page.read_text(encoding="utf-8")))
        if re.match(r"--(config|set-resources) ", code)
    ]


def links() -> list[tuple[Path, str]]:
    """Page and target of every link and picture."""
    found = []
    for page in PAGES:
        found += [(page, target) for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8")))]
    return found


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def made_paths() -> list[tuple[str, str]]:
    """Page and path of everything below data/, models/ or results/ that a page names."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        spans = [code for block in blocks(text) for code in block] + inline(text)
        for span in spans:
            for first, more in re.findall(MADE, span):
                folder = first.rpartition("/")[0]
                found += [(page.name, first.rstrip(".,;:"))]
                found += [(page.name, f"{folder}/{name}") for name in re.findall(r"[\w-]+\.\w+", more)]
    return list(dict.fromkeys(found))
