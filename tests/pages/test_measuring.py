"""Measuring from the evaluation page: started, watched, stopped, and shown."""

import functools
import json
import threading
import time

import pytest

from pages.common.measured import measuring, sections
from pages.common.shell import state
from pages.common.shell import texts as words
from retrieval.archives.archive import open_archive
from retrieval.evaluation import results
from retrieval.evaluation.background import Run, start_comparison, start_evaluation
from retrieval.evaluation.progress import Step
from retrieval.evaluation.studies.side_by_side import compare
from tests.pages.visiting import at_page, control, texts
from tests.stored import assert_alike


@pytest.fixture(autouse=True)
def free_slot():
    measuring._slot().clear()
    yield
    measuring._slot().clear()


def opened(name="sample-ct"):
    return control(at_page(words.EVALUATION.file), "measured").select(name).run()


def pressed(app, key):
    return next(button for button in app.button if button.key == key).click().run()


def by(app, protocol):
    """The page with this protocol chosen to measure by."""
    radio = next(one for one in app.radio if one.key.startswith("measure-by"))
    return radio.set_value(protocol).run()


def ended():
    """Wait for the run that is under way."""
    run, end = measuring._slot()._job.run, time.monotonic() + 120
    while not run.is_over():
        assert time.monotonic() < end
        time.sleep(0.1)


def measured(app):
    """What this visit has measured; AppTest's state knows no get."""
    here = state.MEASURED.name in app.session_state
    return app.session_state[state.MEASURED.name] if here else {}


def test_a_measurement_is_shown_and_equals_the_command_lines():
    app = pressed(opened(), "measure")
    assert not app.exception and measuring._slot()._job is not None
    ended()
    app = app.run()
    assert not app.exception and measuring._slot()._job is None
    assert any("Measured just now: Synthetic CT sample" in text for text in texts(app))
    found = measured(app)["sample-ct", "official"]
    stored = results.read_result("sample-ct-official")
    assert_alike({**found, "code": ""}, {**stored, "code": ""})  # of that day, and of today
    value = found["at_k"]["10"]["precision"]["value"]
    assert app.metric[1].value == f"{100 * value:.1f} %"
    assert not any("Measured just now" in text for text in texts(app.run()))


def test_another_protocol_becomes_the_one_on_screen():
    app = pressed(by(opened(), "paper"), "measure")
    ended()
    app = app.run()
    assert control(app, "protocol").value == "paper" and not app.exception
    assert measured(app)["sample-ct", "paper"]["protocol"] == "paper"
    app = control(app, "measured").select("sample-xray").run()
    assert not app.exception and control(app, "protocol").value == "official"


def test_what_was_measured_is_not_said_of_another_archive():
    app = pressed(by(opened(), "own-patient-out"), "measure")
    app = control(app, "measured").select("covid-ct").run()
    ended()
    app = app.run()
    assert not app.exception and control(app, "protocol").value == "official"
    assert any("Synthetic CT sample, Own patient left out" in text for text in texts(app))
    app = control(app, "measured").select("sample-ct").run()
    assert control(app, "protocol").value == "own-patient-out"


def test_it_can_be_stopped():
    app = pressed(pressed(opened("covid-ct"), "measure"), "measure-stop")
    assert any("nothing was kept" in text for text in texts(app))
    assert measuring._slot()._job is None and not app.exception and not measured(app)


def test_one_at_a_time_and_nobody_elses():
    app = pressed(opened(), "measure")
    other = opened("sample-xray")
    assert "measure-stop" not in [button.key for button in other.button]
    other = pressed(other, "measure")
    assert any("Another measurement" in text for text in texts(other))
    ended()
    other = pressed(other, "measure")  # the first one's result waits for its owner
    app = app.run()
    assert set(measured(app)) == {("sample-ct", "official")} and not measured(other)
    ended()
    assert set(measured(other.run())) == {("sample-xray", "official")}


def beside():
    """The section that compares COVID-CT with the archive of the same pictures."""
    return control(opened("covid-ct"), "section").select(sections.BESIDE).run()


def keys(app):
    return [button.key for button in app.button]


def test_two_archives_are_compared_in_a_process_of_their_own():
    app = pressed(beside(), "compare")
    assert not app.exception and {"measure-stop", "measure"} == {*keys(app)}
    ended()
    app = app.run()
    assert not app.exception and "compare" not in keys(app)
    assert any("Compared just now" in text for text in texts(app))
    archives = [open_archive(name) for name in ("covid-ct", "covid-ct-paper")]
    wanted = compare(*archives).json()["at_k"]
    rows = app.table[-1].value.to_dict("records")
    assert [row["Matches shown, k"] for row in rows] == list(wanted)
    for archive, side in zip(archives, ("first", "second"), strict=True):
        shown = [row[words.archive_title(archive.name)] for row in rows]
        assert shown == [f"{100 * one[side]:.1f} %" for one in wanted.values()]
    assert not measured(app)  # it is no evaluation


def test_a_comparison_can_be_stopped_and_started_again():
    app = pressed(pressed(beside(), "compare"), "measure-stop")
    assert any("nothing was kept" in text for text in texts(app))
    assert measuring._slot()._job is None and not app.exception
    app = pressed(app, "compare")
    assert measuring._slot()._job is not None and not app.exception


def test_a_comparison_and_an_evaluation_share_one_place():
    app = pressed(beside(), "compare")
    app = pressed(app, "measure")
    assert any("Another measurement" in text for text in texts(app)) and not app.exception


def test_a_failed_comparison_is_said_without_the_servers_paths(monkeypatch, caplog):
    wrong = functools.partial(start_comparison, protocol="nowhere")
    monkeypatch.setattr(measuring, "start_comparison", lambda one, other, _: wrong(one, other))
    app = pressed(beside(), "compare")
    ended()
    app = app.run()
    assert not app.exception and any("measurement failed" in text for text in texts(app))
    assert "nowhere" in caplog.text and not any("nowhere" in text for text in texts(app))


def test_the_watch_says_how_far_it_is(monkeypatch):
    app = pressed(opened(), "measure")
    step = Step("Ranked", 3, 22)
    monkeypatch.setattr(Run, "progress", lambda run: step)
    monkeypatch.setattr(Run, "is_over", lambda run: False)
    bar = app.run().get("progress")[0].proto
    assert (bar.value, bar.text) == (13, "Synthetic CT sample: ranked 3 of 22")


def test_two_who_press_at_once_start_one(monkeypatch):
    slot, started = measuring.Slot(), []
    ready = threading.Barrier(2)

    def press(owner):
        ready.wait()
        folder = open_archive("covid-ct").folder
        task = measuring.Task("covid-ct", "paper")
        started.append(slot.start(owner, task, lambda: start_evaluation(folder, "paper")))

    threads = [threading.Thread(target=press, args=(owner,)) for owner in "ab"]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(started) == [False, True]
    owner = slot._job.owner
    slot.stop("b" if owner == "a" else "a")  # not theirs to stop
    assert slot.job_of(owner) is not None
    slot.clear()


def test_a_failure_is_said_without_the_servers_paths(monkeypatch, caplog):
    monkeypatch.setattr(measuring, "_protocols", lambda archive: {"official": "nowhere"})
    app = pressed(opened(), "measure")
    ended()
    app = app.run()
    assert not app.exception and any("measurement failed" in text for text in texts(app))
    assert "nowhere" in caplog.text and not any("nowhere" in text for text in texts(app))


def test_results_are_kept_for_all_where_a_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(results.KEPT, str(tmp_path))
    pressed(by(opened(), "own-patient-out"), "measure")
    ended()
    opened("sample-xray")  # whoever comes next
    (kept,) = tmp_path.glob("*-own-patient-out.json")
    assert json.loads(kept.read_text())["code"] == {"id": results.RUNNING}
    results.keep({**json.loads(kept.read_text()), "code": {"id": "another"}})
    assert json.loads(kept.read_text())["code"] == {"id": "another"}  # of what measured it
    offered = control(opened(), "protocol").options
    assert "Own patient left out" in offered
    kept.write_text("{")
    assert "Own patient left out" not in control(opened(), "protocol").options


def test_an_archive_may_lack_the_protocol_of_the_one_before():
    app = control(opened("covid-ct"), "protocol").select("paper").run()
    app = control(app, "measured").select("sample-ct").run()
    assert not app.exception and control(app, "protocol").value == "official"
