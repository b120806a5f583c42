"""Measuring from the evaluation page: started, watched, stopped, and shown."""

import time

import pytest

from pages.common import measuring, words
from retrieval import results
from tests.pages.visiting import at_page, control, texts


@pytest.fixture(autouse=True)
def free_slot():
    measuring._slot().clear()
    yield
    measuring._slot().clear()


def opened(name="sample-ct"):
    return control(at_page(words.EVALUATION.file), "measured").select(name).run()


def pressed(app, key):
    return next(button for button in app.button if button.key == key).click().run()


def finished(app):
    """The page once the run is over; its fragment looks again every second."""
    run, end = measuring._slot().run, time.monotonic() + 120
    while not run.is_over():
        assert time.monotonic() < end
        time.sleep(0.1)
    return app.run()


def test_a_measurement_is_shown_and_equals_the_command_lines():
    app = pressed(opened(), "measure")
    assert not app.exception and measuring._slot().run is not None
    app = finished(app)
    assert not app.exception and measuring._slot().run is None
    assert any("Measured just now" in text for text in texts(app))
    found = app.session_state[measuring.HERE]["sample-ct", "official"]
    assert found == results.read_result("sample-ct-official")
    value = found["at_k"]["10"]["precision"]["value"]
    assert app.metric[1].value == f"{100 * value:.1f} %"


def test_another_protocol_becomes_the_one_on_screen():
    app = opened()
    radio = next(one for one in app.radio if one.key == "measure-by")
    app = radio.set_value("paper").run()
    app = finished(pressed(app, "measure"))
    assert control(app, "protocol").value == "paper" and not app.exception
    assert app.session_state[measuring.HERE]["sample-ct", "paper"]["protocol"] == "paper"


def test_it_can_be_stopped():
    app = pressed(opened("covid-ct"), "measure")
    app = pressed(app, "measure-stop")
    assert any("nothing was kept" in text for text in texts(app))
    assert measuring._slot().run is None and not app.exception
    assert not app.session_state[measuring.HERE]


def test_one_at_a_time_and_nobody_elses():
    pressed(opened("covid-ct"), "measure")
    other = opened()
    assert "measure-stop" not in [button.key for button in other.button]
    other = pressed(other, "measure")
    assert any("Another evaluation" in text for text in texts(other))
    assert measuring.HERE not in other.session_state or not other.session_state[measuring.HERE]


def test_a_failed_measurement_says_so(monkeypatch):
    monkeypatch.setattr(measuring, "_protocols", lambda archive: {"official": "nowhere"})
    app = finished(pressed(opened(), "measure"))
    assert not app.exception and any("nowhere" in text for text in texts(app))


def test_results_are_kept_for_all_where_a_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(results.KEPT, str(tmp_path))
    radio = next(one for one in opened().radio if one.key == "measure-by")
    finished(pressed(radio.set_value("own-patient-out").run(), "measure"))
    assert len(list(tmp_path.glob("*-own-patient-out.json"))) == 1
    offered = control(opened(), "protocol").options  # of a new visit
    assert "Own patient left out" in offered
    (tmp_path / next(tmp_path.iterdir()).name).write_text("{")
    assert "Own patient left out" not in control(opened(), "protocol").options
