"""A folder of pictures becomes a table of cases, or one sentence saying why not."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.data.folder import OWN_GROUP, Case, patient_group, pictures_below, read_folder
from retrieval.errors import DataError, PatientOverlap, RetrievalError

REAL = Path(__file__).parents[3] / "shared" / "data"

MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    def make(table: str | bytes | None, *files: str) -> Path:
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        if table is not None:
            content = table if isinstance(table, bytes) else table.encode()
            (tmp_path / "images.csv").write_bytes(content)
        return tmp_path

    return make


def refusal(root: Path, kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        read_folder(root)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def test_every_column_is_read_and_others_are_ignored(make_folder: MakeFolder) -> None:
    root = make_folder(
        "file,label,patient_id,split,subtype,source,doi,note,width\n"
        'a.png,covid,p1,train,virus,paper,10.1/x,"left, upper",99\n',
        "a.png",
    )
    folder = read_folder(root)
    assert folder.cases == (
        Case("a.png", "covid", "p1", "train", "virus", "paper", "10.1/x", "left, upper"),
    )
    assert folder.path(folder.cases[0]) == root / "a.png"


def test_the_least_table_is_enough(make_folder: MakeFolder) -> None:
    cases = read_folder(make_folder("file,label\nb.png,y\na.png,x\n", "a.png", "b.png")).cases
    assert cases == (Case("b.png", "y", "", ""), Case("a.png", "x", "", ""))


@pytest.mark.parametrize(
    "table",
    [
        b"\xef\xbb\xbffile,label,source_group\r\na.png,covid,s\r\n",
        b" File ,LABEL,Source_Group\n a.png , covid ,s\n\n , ,\n",
        b"source_group,source,label,file\ns,,covid,./a.png",
    ],
    ids=["byte order mark", "blanks and capitals", "other order"],
)
def test_tables_as_spreadsheets_write_them(make_folder: MakeFolder, table: bytes) -> None:
    (case,) = read_folder(make_folder(table, "a.png")).cases
    assert (case.file, case.label, case.source) == ("a.png", "covid", "s")


def test_backslashes_are_separators(make_folder: MakeFolder) -> None:
    (case,) = read_folder(make_folder("file,label\nimages\\a.png,x\n", "images/a.png")).cases
    assert case.file == "images/a.png"


def test_blank_patients_are_groups_of_their_own(make_folder: MakeFolder) -> None:
    root = make_folder(
        "file,label,patient_id,split\na.png,x,,train\nb.png,x, ,test\n", "a.png", "b.png"
    )
    groups = [patient_group(case.patient_id, case.file) for case in read_folder(root).cases]
    assert len(set(groups)) == 2 and all(group.startswith(OWN_GROUP) for group in groups)
    assert patient_group("p1", "abc") == "p1"


def test_one_sub_folder_per_label(make_folder: MakeFolder) -> None:
    root = make_folder(
        None,
        *("y/b.JPG", "x/1.2.840.7", "x/IM0001", "x/c.dcm", "x/a.tiff"),
        *("x/.hidden.png", "x/notes.txt", ".git/config", "readme.txt", "empty/Thumbs.db"),
        *("x/DICOMDIR",),  # the index of a disc
    )
    folder = read_folder(root)
    assert [(case.file, case.label) for case in folder.cases] == [
        *(("x/1.2.840.7", "x"), ("x/IM0001", "x"), ("x/a.tiff", "x"), ("x/c.dcm", "x")),
        ("y/b.JPG", "y"),
    ]
    assert folder.labels == ("x", "y")
    assert folder.cases[0].patient_id == ""


def test_pictures_below_a_folder_need_no_suffix_but_an_index_is_none(tmp_path: Path) -> None:
    preamble = bytes(128) + b"DICM"
    for name, data in (("IM1", preamble), ("DICOMDIR", preamble), ("notes", b""), ("a.png", b"")):
        (tmp_path / name).write_bytes(data)
    assert [path.name for path in pictures_below(tmp_path)] == ["IM1", "a.png"]


def test_pictures_without_labels_are_refused_with_what_to_do(make_folder: MakeFolder) -> None:
    message = refusal(make_folder(None, "b.png", "a.png", "x/c.png"))
    assert "2 pictures without a label, first a.png" in message
    assert "one sub-folder per label" in message and "images.csv" in message


def test_folders_inside_a_label_folder_are_refused(make_folder: MakeFolder) -> None:
    assert "holds another folder, normal" in refusal(make_folder(None, "train/normal/a.png"))


def test_folders_without_pictures_are_refused(make_folder: MakeFolder, tmp_path: Path) -> None:
    assert "is not a folder" in refusal(tmp_path / "nowhere")
    assert "has no pictures" in refusal(make_folder(None, "x/notes.txt"))
    assert "lists no pictures" in refusal(make_folder("file,label\n\n"))


@pytest.mark.parametrize(
    "file",
    ["/etc/passwd", "../a.png", "x/../../a.png", "..\\a.png", "C:\\a.png", "\\\\host\\a.png"],
)
def test_files_outside_the_folder_are_refused(make_folder: MakeFolder, file: str) -> None:
    message = refusal(make_folder(f"file,label\n{file},x\n"))
    assert file in message and "leads out of the folder" in message and "line 2" in message


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,label\na.png,x\nb.png,x\nc.png,x\n", "2 files that cannot be found, first b.png"),
        ("file,label\na.png,x\n./a.png,y\n", "1 file more than once, first a.png"),
        ("file,label\na.png,  \n", "label of a.png in line 2"),
        ("file,label\na.png\n", "label of a.png in line 2"),
        ("file,label\n,x\n", "file name in line 2"),
        ("file,label,split\na.png,x,training\n", '"training" in line 2'),
        ("file;label\na.png;x\n", "no column file and no column label"),
        ("file,finding\na.png,x\n", "no column label"),
        ("", "no column file"),
        ("file,label,label\na.png,x,y\n", "column label more than once"),
        ("file,label\na.png,x,y\n", "3 cells for 2 columns"),
        ('file,label\n"a.png,x\n', "could not be read as a table"),
        ("file,label\na.png,é\n".encode("latin-1"), "UTF-8"),
        ("file,label\na.png,x\n".encode("utf-16"), "UTF-8"),
        ("file,label\na\0.png,x\n", "cannot be found"),
        (f"file,label\n{'a' * 300}.png,x\n", "cannot be found"),
    ],
)
def test_wrong_tables_are_refused(make_folder: MakeFolder, table: str | bytes, words: str) -> None:
    assert words in refusal(make_folder(table, "a.png"))


def test_a_patient_in_two_splits_is_refused(make_folder: MakeFolder) -> None:
    table = "file,label,patient_id,split\na.png,x,p,train\nb.png,x,p,test\nc.png,x,q,test\n"
    message = refusal(make_folder(table, "a.png", "b.png", "c.png"), PatientOverlap)
    assert "1 patient in more than one split, first p" in message


def test_unused_and_unsplit_pictures_overlap_with_nothing(make_folder: MakeFolder) -> None:
    table = "file,label,patient_id,split\na.png,x,p,train\nb.png,x,p,unused\nc.png,x,p,\n"
    assert len(read_folder(make_folder(table, "a.png", "b.png", "c.png"))) == 2


def test_splits_are_kept_by_name(make_folder: MakeFolder) -> None:
    table = "file,label,split\na.png,x,Train\nb.png,y,test\nc.png,z,unused\nd.png,w,\n"
    folder = read_folder(make_folder(table, "a.png", "b.png", "c.png", "d.png"))
    assert [case.file for case in folder.cases] == ["a.png", "b.png", "d.png"]
    assert folder.split(["train", "test"]).labels == ("x", "y")
    assert folder.split(["unused"]).labels == ("z",)
    with pytest.raises(DataError, match="1 in no split, 1 in test, 1 in train, 1 in unused"):
        folder.split(["val"])
    with pytest.raises(DataError, match='"trian"'):
        folder.split(["trian"])


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=80) | st.text(alphabet='\n,"/\\.:a', max_size=80).map(str.encode))
def test_no_table_causes_anything_but_a_retrieval_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "images.csv").write_bytes(b"file,label\n" + content)
    (root / "a").touch()
    try:
        folder = read_folder(root)
    except RetrievalError as error:
        assert str(error).endswith(".")
    else:
        assert {case.file for case in folder.cases} == {"a"}


@pytest.mark.skipif(not REAL.is_dir(), reason="the real pictures are not on this machine")
@pytest.mark.parametrize(
    ("name", "labels", "splits", "unused"),
    [
        (
            "covid-ct",
            {"covid": 349, "noncovid": 397},
            {"train": 425, "val": 118, "test": 203},
            0,
        ),
        (
            "pneumonia-xray",
            {"normal": 1489, "pneumonia": 3816},
            {"train": 4197, "val": 484, "test": 624},
            551,
        ),
        ("dicom", {"covid": 14}, {"": 14}, 0),
    ],
)
def test_real_folders(
    name: str, labels: dict[str, int], splits: dict[str, int], unused: int
) -> None:
    folder = read_folder(REAL / name)
    assert Counter(case.label for case in folder.cases) == labels
    assert Counter(case.split for case in folder.cases) == splits
    assert len(folder.unused) == unused
