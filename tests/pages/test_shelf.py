"""What the app offers follows what the folders hold."""

from dataclasses import replace

from pages.common.shell import archives as shelf
from retrieval.archives import archive as archives
from retrieval.archives import indexing


def test_new_chances_and_a_new_map_are_noticed_without_a_restart(folder, model, tmp_path):
    made = indexing.index(folder, model, tmp_path / "own")
    assert shelf._is_current(made)
    calibration = archives.open_archive("covid-ct").calibration
    fitting = replace(calibration, bits=made.bits)
    calibrated = indexing.calibrate(made.folder, fitting)
    assert calibrated.id == made.id and not shelf._is_current(made)
    assert shelf._is_current(calibrated)
    entry = made.catalogue.entries([0])[0]
    smaller = indexing.remove(made.folder, [entry.id])
    laid_out = indexing.lay_out(made.folder)
    assert laid_out.id == smaller.id and not shelf._is_current(smaller)
