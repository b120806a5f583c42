"""Check an archive, a model or an input check against its manifest."""

from __future__ import annotations

from pathlib import Path

from retrieval.archives import archive as archives
from retrieval.codes import model as models
from retrieval.trust import input_check


def verify(target: str) -> str:
    """Check an archive, model or gate, by folder or shipped name; one sentence if all is well."""
    if (Path(target) / input_check.MANIFEST).is_file():
        gate = input_check.InputCheck.load(Path(target))
        gate.verify()
        return f"Input check {gate.id} is whole."
    if target in models.shipped() or (Path(target) / models.MANIFEST).is_file():
        model = models.load(target)
        models.verify(model)
        return f"Model {model.name} ({model.id}) is whole."
    archive = archives.open_archive(target)
    archives.verify(archive)
    lost = sum(archive.picture(entry) is None for entry in archive.catalogue.entries())
    pictures = f" Pictures that are not where it looks for them: {lost}." if lost else ""
    return f"Archive {archive.name} ({archive.id}) with {len(archive)} cases is whole.{pictures}"
