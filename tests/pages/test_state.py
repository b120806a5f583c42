"""What a visit remembers is named in one file."""

import ast
from pathlib import Path

from streamlit.testing.v1 import AppTest

from pages.common.shell import state
from tests.pages.visiting import ROOT


def test_only_one_file_names_the_session_state():
    named = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "pages").rglob("*.py")
        if "session_state" in path.read_text(encoding="utf-8")
    ]
    assert named == ["pages/common/shell/state.py"]


def test_no_name_stands_for_two_keys():
    tree = ast.parse(Path(state.__file__).read_text(encoding="utf-8"))
    targets = [
        target.id
        for node in tree.body
        for target in (
            node.targets if isinstance(node, ast.Assign)
            else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
    ]  # fmt: skip
    assert len(targets) > 10 and len(targets) == len(set(targets))


def test_no_two_keys_are_the_same():
    fixed = [one.name for one in vars(state).values() if isinstance(one, state.Key)]
    assert len(fixed) > 10 and len(fixed) == len(set(fixed))
    assert not [name for name in fixed if name.startswith(state.OF_UPLOAD)]


def test_a_key_reads_sets_takes_and_forgets():
    def script():
        import streamlit as st

        from pages.common.shell import state

        key = state.Key("example", "unset")
        st.text([key.get(), key.is_set])
        key.set("value")
        st.text([key.get(), key.is_set, key.take(), key.is_set])
        key.set(None)
        st.text([key.get(), key.is_set])
        key.clear()
        key.clear()
        st.text([key.get(), key.is_set])

    app = AppTest.from_function(script).run()
    assert not app.exception
    assert [text.value for text in app.text] == [
        "['unset', False]",
        "['value', True, 'value', False]",
        "['unset', True]",
        "['unset', False]",
    ]


def test_choices_of_an_upload_are_restored_and_forgotten():
    def script():
        import streamlit as st

        from pages.common.shell import state

        kept = state.series("a" * 64), state.slice_number("a" * 64, 0), state.frame("b" * 64)
        for number, key in enumerate(kept):
            key.set(number + 1)
        state.ARCHIVE.set("sample-ct")
        chosen = state.search_choices()
        state.forget_choices()
        st.text([key.is_set for key in kept])
        state.restore(chosen)
        st.text([key.get() for key in kept])
        st.text(state.ARCHIVE.get())

    app = AppTest.from_function(script).run()
    assert not app.exception
    assert [text.value for text in app.text] == [
        "[False, False, False]",
        "[1, 2, 3]",
        "sample-ct",
    ]
