"""What the tests of commands share."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.calling import call


@dataclass(frozen=True)
class World:
    """Places: pictures in three splits, a model, an archive of two of them, a thin picture."""

    folder: Path
    model: Path
    archive: Path
    thin: Path

    @property
    def picture(self):
        """A picture of the archive, of patient p0 with label "bar"."""
        return self.folder / "images" / "00-0.png"


@pytest.fixture(scope="session")
def world(tmp_path_factory, folder, model):
    root = tmp_path_factory.mktemp("world")
    Image.linear_gradient("L").resize((15, 400)).save(root / "thin.png")
    made = World(folder.root, model.folder, root / "archive", root / "thin.png")
    indexed = call("index", made.folder, "--model", made.model, "--out", made.archive,
                   "--split", "train,val")  # fmt: skip
    assert "linked, so both must move together" in indexed.stdout
    assert "Encoded 20 of 20" in indexed.stderr and "Patients" not in indexed.stderr
    return made
