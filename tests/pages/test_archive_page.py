"""The page of what an archive holds."""

from retrieval.archives import archive as archives
from retrieval.data import download
from retrieval.errors import DownloadError
from tests.pages.visiting import at_page, control, without_pictures


def test_own_archives_stand_beside_the_shipped_ones(monkeypatch, archive, tmp_path):
    broken = tmp_path / "shelf" / "broken"
    broken.mkdir(parents=True)
    (broken / archives.MANIFEST).write_text("{}")
    both = (str(archive.folder.parent), str(tmp_path / "shelf"))
    monkeypatch.setenv("RETRIEVAL_ARCHIVES", archives.os.pathsep.join(both))
    app = control(at_page("archive.py"), "archive").select(archive.name).run()
    assert not app.exception
    assert any(one.value.startswith(f"{len(archive)} cases") for one in app.markdown)
    assert len(app.warning) == 1 and "damaged" in app.warning[0].value


def test_fetching_says_what_went_wrong(monkeypatch):
    def refuse(name, out, *, progress):
        progress(1, 2, "fetching")
        raise DownloadError("The server did not answer; try again later.")

    monkeypatch.setattr(download, "download", refuse)
    app = control(at_page("archive.py"), "archive").select(without_pictures().name).run()
    app = app.button[0].click().run()
    assert not app.exception and [e.value for e in app.error] == [
        "The server did not answer; try again later."
    ]


def test_no_visitor_learns_where_the_server_keeps_pictures(monkeypatch, tmp_path):
    taken = tmp_path / "nothing" / without_pictures().name
    taken.mkdir(parents=True)
    (taken / "other").write_text("")
    app = control(at_page("archive.py"), "archive").select(taken.name).run()
    app = app.button[0].click().run()
    (said,) = [one.value for one in app.error]
    assert "exists and is not a finished download" in said and str(tmp_path) not in said
    assert said.startswith(taken.name)


def test_fetched_pictures_are_found(monkeypatch, tmp_path):
    archive = without_pictures()

    def fetch(name, out, *, progress):
        for entry in archive.catalogue.entries():
            path = out / entry.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
            progress(1, 0, "deriving the pictures")

    monkeypatch.setattr(download, "download", fetch)
    app = control(at_page("archive.py"), "archive").select(archive.name).run()
    app = app.button[0].click().run()
    assert not app.exception and not app.button
    assert any("All pictures" in one.value for one in app.markdown)
    assert (tmp_path / "nothing" / archive.name).is_dir()
