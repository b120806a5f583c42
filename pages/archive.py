"""Archive: what is in it, where its pictures are, and how to add your own."""

import streamlit as st

from pages.common.shell import archives, choices, holdings, pictures, resources, texts
from retrieval.errors import RetrievalError

COMMANDS = """\
source .venv/bin/activate
# a folder with images.csv (columns file,label and, where known, patient_id,split),
# or with one sub-folder for each label; training takes minutes, --modality X-ray where it is so
python -m retrieval train  FOLDER --encoder lite --bits 128 --out MODEL
python -m retrieval index  FOLDER --model MODEL --out ARCHIVES/NAME
python -m retrieval search ARCHIVES/NAME SCAN -k 10
python -m retrieval evaluate ARCHIVES/NAME --queries FOLDER --split test --protocol official"""

OPENING = f"{archives.ARCHIVES_VARIABLE}=ARCHIVES streamlit run app.py"

archive = choices.archive()
if archive is not None:
    facts = holdings.of(archive.state, archive)
    model = resources.model_of(archive)
    st.markdown(
        f"{texts.count(len(archive), 'case')} of {texts.count(facts.patients, 'patient group')}, "
        f"codes of {archive.bits} bits made by model {texts.plain(model.name)}."
    )
    for column, (title, rows) in zip(st.columns(3, gap="medium"), facts.tables, strict=True):
        with column:
            st.subheader(title, anchor=False)
            st.table(rows, border="horizontal", hide_index=True, alt=f"Cases: {title.lower()}")

    st.subheader("Pictures", anchor=False)
    here = pictures.here(archive)
    if here == len(archive):
        st.markdown("All pictures of this archive are on this machine.")
    else:
        st.markdown(f"{here:,} of {len(archive):,} pictures are on this machine.")
        if holdings.elsewhere(archive):
            st.caption(holdings.elsewhere(archive))
        source = holdings.published(archive)
        if source is not None:
            st.caption(holdings.TERMS[source.name])
            if st.button(holdings.FETCH[source.name], icon=":material/download:"):
                try:
                    holdings.fetch(archive)
                except RetrievalError as error:
                    st.error(texts.plain(str(error)))
                else:
                    st.rerun()

st.subheader("Add your own archive", anchor=False)
st.markdown(
    "Train a model on your own pictures, or take one that ships by its name, "
    "then index the folder. A blank patient_id means a patient of its own."
)
st.code(COMMANDS, language="bash")
st.markdown(
    f"Start the app with `{archives.ARCHIVES_VARIABLE}` naming one or more folders of archives; "
    "they appear beside the ones that ship."
)
st.code(OPENING, language="bash")
for problem in archives.offered()[1]:
    st.warning(texts.plain(problem))
