"""The direction of the arrows: which folder may import which, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import retrieval

ROOT = Path(__file__).parents[1]

# Data flows from left to right: a folder imports only from those before it.
CORE = [
    *(
        "errors",
        "storage",
        "imaging",
        "reading",
        "encoding",
        "codes",
        "data",
        "statistics",
    ),
    *("archives", "search", "explain", "trust", "evaluation", "training", "reports", "teaching"),
    *("cli", "__main__"),
]
PAGES = ["shell", "ask", "measured", "matches", "lesson", "browse"]
HOMES = {  # the only places that may import a library
    "torch": {"encoding", "training"},
    "torchvision": {"training/augmentation"},
    "matplotlib": {"reports", "explain/heat"},
    "pydicom": {"reading/dicom", "data/synthetic"},
    "faiss": {"codes/hamming"},
    "sqlite3": {"archives/catalogue"},
    "click": {"cli"},
    "streamlit": set(),
    "plotly": set(),
    "pickle": set(),
}


def modules(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path):
    """Every dotted name that a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(dotted, above):
    """The folder or module just below the package `above`, or "" for anything else."""
    return dotted.removeprefix(f"{above}.").split(".")[0] if dotted.startswith(f"{above}.") else ""


def arrows(folder, above, order):
    """(importing part, imported part, file) for every import inside one package."""
    for path in modules(folder):
        own = path.relative_to(ROOT / folder).with_suffix("").parts[0]
        for imported in imports(path):
            other = part(imported, above)
            if own in order and other in order and own != other:
                yield own, other, str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    ("folder", "above", "order"),
    [("retrieval", "retrieval", CORE), ("pages/common", "pages.common", PAGES)],
)
def test_arrows_point_one_way(folder, above, order):
    found = arrows(folder, above, order)
    assert not [arrow for arrow in found if order.index(arrow[1]) > order.index(arrow[0])]


def test_every_folder_has_its_place():
    found = {path.stem for path in (ROOT / "retrieval").iterdir() if path.suffix in ("", ".py")}
    assert found - {"__pycache__", "__init__"} == set(CORE)
    shown = {path.name for path in (ROOT / "pages" / "common").iterdir() if path.is_dir()}
    assert shown - {"__pycache__"} == set(PAGES)


def test_no_circle_between_modules():
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for folder in ("retrieval", "pages")
        for path in modules(folder)
    }
    needs = {
        name: {_module(dotted, paths) for dotted in imports(path)} - {"", name}
        for name, path in paths.items()
    }
    while free := [name for name, needed in needs.items() if not needed & needs.keys()]:
        for name in free:
            del needs[name]
    assert not needs


def _module(dotted, names):
    """The module that an imported name is, or is defined in."""
    if dotted in names:
        return dotted
    above = dotted.rpartition(".")[0]
    return above if above in names else ""


def test_each_library_has_its_home():
    strays = [
        (str(path.relative_to(ROOT)), imported)
        for path in modules("retrieval")
        for imported in imports(path)
        if (homes := HOMES.get(imported.split(".")[0])) is not None
        and not any(
            path.relative_to(ROOT / "retrieval").with_suffix("").as_posix().startswith(home)
            for home in homes
        )
    ]
    assert not strays


def test_the_core_knows_no_pages():
    names = {name for path in modules("retrieval") for name in imports(path)}
    assert not [name for name in names if name.startswith("pages")]


def loaded_after(code):
    program = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_and_the_archive_load_no_torch():
    assert not {"torch", "numpy"} & loaded_after("import retrieval")
    opened = loaded_after("from retrieval.archives.archive import open_archive")
    assert not {"torch", "sklearn"} & opened
    assert "torch" not in loaded_after(
        "from retrieval.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )


def test_public_names():
    assert retrieval.__all__ == sorted(retrieval.__all__) and len(retrieval.__all__) <= 15
    for name in retrieval.__all__:
        assert getattr(retrieval, name).__doc__, name
    with pytest.raises(AttributeError):
        retrieval.nothing  # noqa: B018
