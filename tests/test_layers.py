"""The direction of the arrows: who may import what, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import retrieval

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "retrieval").rglob("*.py"))

# Lower layers first; a module imports only from layers below its own.
LAYERS = [
    {"errors", "signatures", "views", "directions", "series", "printing", "colours", "spreadsheet"},
    {"greys"},
    {"regions", "heat", "framing", "textures"},
    {"sheet"},
    {"viewing", "spots"},
    {"letters"},
    {
        "storage",
        "scans",
        "dicom",
        "selection",
        "hashing",
        "metrics",
        "datasets",
        "catalogue",
        "covid_ct",
        "itq",
    },
    {
        "hamming",
        "wire",
        "lite",
        "augmentation",
        "download",
        "evidence",
        "reliability",
        "overlays",
    },
    {"layout", "encoder", "calibration", "disturbances", "hits", "sandbox", "results"},
    {"checkpoints", "model", "fitting", "poses", "curves"},
    {"booklet", "apart"},
    {"tables", "intake"},
    {"asking_tables"},
    {"report", "card"},
    {"loop", "losses"},
    {"distillation"},
    {"siamese", "transfer"},
    {"archive", "encoding"},
    {"around", "folding", "explain", "refining"},
    {"covering", "novelty"},
    {"indexing", "evaluation", "intake_fitting", "teaching"},
    {"scoring"},
    {
        "learning",
        "similarity",
        "audit",
        "printed",
        "intake_evaluation",
        "faithfulness",
        "refinement",
        "region_study",
        "prevalence",
        "leaks",
        "sources",
        "side_by_side",
    },
    {
        "tradeoff",
    },
    {"trust", "choices"},
    {"columns"},
    {"lengths"},
    {"pipeline", "bench"},
    {"commands"},
    {"__main__"},
]
# Folders of several ideas, whose modules have layers of their own
SHELVES = {"training", "studies", "reports"}
# dicom builds Scans, and scans asks it to where it meets a DICOM file
SAME_LAYER = {("scans", "dicom"), ("dicom", "scans")}
HOMES = {
    "torch": {
        "encoder",
        "lite",
        "augmentation",
        "checkpoints",
        "loop",
        "losses",
        "distillation",
        "siamese",
        "transfer",
    },
    "torchvision": {"augmentation"},
    "matplotlib": {"printing", "sheet", "heat", "curves", "booklet"},
    "pydicom": {"dicom", "synthetic"},
    "sklearn": {"selection", "learning", "layout"},
    "faiss": {"hamming"},
    "sqlite3": {"catalogue"},
    "streamlit": set(),
    "plotly": set(),
    "pickle": set(),
}


def name_of(path):
    """What a file is a part of: itself, or the package that stands for one idea."""
    inside = path.relative_to(ROOT / "retrieval")
    alone = len(inside.parts) == 1 or (inside.parts[0] in SHELVES and inside.stem != "__init__")
    return inside.stem if alone else inside.parts[0]


def asked_for(imported):
    """The name in LAYERS of an imported module of the package, or None."""
    parts = [part for part in imported.split(".") if part not in SHELVES]
    return parts[1] if parts[0] == "retrieval" and len(parts) > 1 else None


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(name):
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_has_its_home(path):
    for imported in imports(path):
        home = HOMES.get(imported.split(".")[0])
        assert home is None or name_of(path) in home, f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path):
    own = name_of(path)
    if own in ("__init__", "synthetic", *SHELVES):
        return
    for imported in imports(path):
        other = asked_for(imported)
        if other not in (None, own, "synthetic") and (own, other) not in SAME_LAYER:
            assert level(other) < level(own), f"{own} imports {other}"


def test_every_module_has_its_layer():
    known = set().union(*LAYERS, {"__init__", "synthetic"}, SHELVES)
    assert {name_of(path) for path in MODULES} == known


def loaded_after(code):
    program = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_and_the_archive_load_no_torch():
    assert not {"torch", "numpy"} & loaded_after("import retrieval")
    assert not {"torch", "sklearn"} & loaded_after("from retrieval.archive import open_archive")
    assert "torch" not in loaded_after(
        "from retrieval.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )


def test_public_names():
    assert retrieval.__all__ == sorted(retrieval.__all__) and len(retrieval.__all__) <= 15
    for name in retrieval.__all__:
        assert getattr(retrieval, name).__doc__, name
    with pytest.raises(AttributeError):
        retrieval.nothing  # noqa: B018
