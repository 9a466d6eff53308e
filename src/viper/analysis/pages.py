"""Tables as pages of the workflow report, which shows pictures and pages but only offers CSV files for download.

Cells may hold what a model wrote. The template escapes them, and its policy forbids the page to run or load anything.
"""

from pathlib import Path

from jinja2 import Environment, PackageLoader

from viper.reading import read_table

_MOST_ROWS = 500


def page(path: Path) -> str:
    """The CSV file `path` as an HTML page, at most its first _MOST_ROWS rows."""
    table = read_table(path)
    environment = Environment(loader=PackageLoader("viper.analysis", "templates"), autoescape=True)
    shown = table.head(_MOST_ROWS)
    text = environment.get_template("table.html.jinja").render(
        name=path.stem,
        columns=list(table.columns),
        rows=[[_cell(cell) for cell in row] for row in shown.to_numpy().tolist()],
        total=len(table),
        shown=len(shown),
    )
    return f"{text}\n"


def _cell(text: str) -> tuple[str, bool]:
    """A cell's text, numbers with four digits, and whether it is a number."""
    try:
        number = float(text)
    except ValueError:
        return text, False
    return (f"{number:.4g}" if "." in text else text), True
