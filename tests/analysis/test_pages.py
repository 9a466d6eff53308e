"""Tables as pages: what a model wrote stays text."""

from html.parser import HTMLParser

import pandas as pd

from viper.analysis.pages import page

HOSTILE = '<script>console.error("ran")</script><img src=x onerror=console.error(1)>'


class Reader(HTMLParser):
    """Collects the elements of a page and the texts of its cells."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.cells, self._inside = set(), [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self._inside = tag == "td"
        if self._inside:
            self.cells.append("")

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.cells[-1] += data


def test_cells_and_headings_are_escaped(tmp_path):
    pd.DataFrame({"lineage": ["base"], "answer": [HOSTILE], HOSTILE: ["{{ 7 * 7 }}"]}).to_csv(
        tmp_path / "a.csv", index=False
    )
    reader = Reader(page(tmp_path / "a.csv"))
    assert reader.cells == ["base", HOSTILE, "{{ 7 * 7 }}"]
    assert not reader.elements & {"script", "img"}


def test_numbers_are_rounded_and_words_that_look_like_gaps_stay(tmp_path):
    pd.DataFrame({"term": ["nan", "null"], "z": [1.23456, -20], "n": [123456, 7]}).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert Reader(page(tmp_path / "a.csv")).cells == ["nan", "1.235", "123456", "null", "-20", "7"]


def test_long_tables_say_what_they_leave_out(tmp_path):
    pd.DataFrame({"n": range(1200)}).to_csv(tmp_path / "a.csv", index=False)
    text = page(tmp_path / "a.csv")
    assert len(Reader(text).cells) == 500
    assert "The first 500 of 1200 rows" in text


def test_a_browser_runs_nothing_that_a_cell_says(tmp_path, visit):
    pd.DataFrame({"answer": [HOSTILE, "fine"]}).to_csv(tmp_path / "answers.csv", index=False)
    (tmp_path / "answers.html").write_text(page(tmp_path / "answers.csv"))
    # The browser's own scripts would be forbidden too, so the policy that comes with the page has to go here.
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    text = (tmp_path / "answers.html").read_text()
    assert policy in text
    (tmp_path / "open.html").write_text(text.replace(policy, ""))
    steps = 'seen.push(...[...document.querySelectorAll("td")].map(cell => cell.textContent), document.images.length);'
    errors, seen = visit(tmp_path / "open.html", steps)
    assert not errors
    assert seen == [HOSTILE, "fine", 0]
