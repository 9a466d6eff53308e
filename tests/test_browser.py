"""The browser helper itself: a page's errors must not pass unseen."""

import pytest

PAGE = "<!doctype html><html><head></head><body><p id='p'>text</p>{}</body></html>"


@pytest.mark.parametrize(
    "mistake",
    [
        "<script>nowhere()</script>",
        "<script>console.error('said')</script>",
        "<script>setTimeout(() => nowhere(), 1)</script>",
        "<script>Promise.reject(new Error('late'))</script>",
        "<img src='missing.png'>",
        '<iframe src="data:text/html,<script>nowhere()</script>"></iframe>',
    ],
)
def test_mistakes_are_seen(visit, tmp_path, mistake):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "a.html").write_text(PAGE.format(mistake))
    errors, _ = visit(tmp_path / "page" / "a.html", "await pause();")
    assert errors


def test_a_good_page_has_no_errors(visit, tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "a.html").write_text(PAGE.format("<script>console.log('hello')</script>"))
    assert visit(tmp_path / "page" / "a.html", "seen.push(p.textContent);") == ([], ["text"])
