"""What a page costs on the server, told by a visitor without a browser."""

import pytest

from retrieval.archives import archive as archives
from retrieval.cli import page_bench
from retrieval.errors import EvaluationError, SettingError


def test_a_rerun_opens_no_archive_and_another_checkout_is_compared(monkeypatch):
    monkeypatch.setattr(page_bench, "OTHER_PAGES", ("browse.py", "evaluation.py"))
    rows = page_bench.run(beside=page_bench.ROOT, rounds=1)
    assert [row["what"] for row in rows[:2]] == ["first paint", "rerun with matches"]
    assert len(rows) == 2 + len(page_bench.OTHER_PAGES)
    for row in rows:
        assert (row["opened"], row["read"]) == (row["beside"]["opened"], row["beside"]["read"])
        assert row["ratio"] == row["beside"]["ms"] / row["ms"]
        assert (row["opened"], row["read"]) == (0, 0), row["what"]
    assert rows[1]["cards"] > 1
    assert page_bench.sentence(rows[1]).startswith("rerun with matches: ")


def test_opened_archives_are_counted(tmp_path):
    """A fresh process opens each shipped archive once, at its first paint."""
    with page_bench.visiting(page_bench.ROOT, page_bench._picture(None, tmp_path), "") as visit:
        first, second = visit.do("paint"), visit.do("paint")
    assert first["opened"] == len(archives.shipped()) and first["read"] > 0
    assert second["opened"] == 0


def test_a_page_that_cannot_run_gets_one_sentence(tmp_path):
    with pytest.raises(SettingError, match="is no checkout"):
        page_bench.run(beside=tmp_path)
    with pytest.raises(SettingError, match="is no file"):
        page_bench.run(tmp_path / "nothing.png")
    with pytest.raises(SettingError, match="at least 1"):
        page_bench.run(rounds=0)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "frame.py").write_text("import nothing_of_this_name\n")
    with page_bench.visiting(tmp_path, page_bench._picture(None, tmp_path), "") as visit:
        with pytest.raises(EvaluationError, match="nothing_of_this_name"):
            visit.do("paint")
        visit.process.kill()
        with pytest.raises(EvaluationError, match="stopped: "):
            visit.do("paint")
    assert visit.process.poll() is not None
