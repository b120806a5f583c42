"""Method: how a scan becomes a code, how codes are ranked, and what it must not be used for."""

import streamlit as st

from pages.common.shell import choices, resources, texts

LAYERS = (
    ("1", "Input, grey", "335 × 580 × 1"),
    ("2, 3", "Convolution, 32 filters of 5 × 5, and ReLU", "331 × 576 × 32"),
    ("4", "Max-pool 2 × 2", "165 × 288 × 32"),
    ("5, 6", "Convolution, 32 filters of 5 × 5, and ReLU", "161 × 284 × 32"),
    ("7", "Max-pool 2 × 2", "80 × 142 × 32"),
    ("8, 9", "Convolution, 64 filters of 5 × 5, and ReLU", "76 × 138 × 64"),
    ("10", "Max-pool 2 × 2", "38 × 69 × 64"),
    ("11, 12", "Convolution, 128 filters of 5 × 5, and ReLU", "34 × 65 × 128"),
    ("13", "Fully connected", "512"),
)

STEPS = """
1. **Read.** The file becomes one grey picture; its names and other text are left behind.
2. **Encode.** A network turns the picture into some hundred numbers, its features. It was trained
   so that pictures with the same label give similar features. The paper's is a Siamese network, two
   halves with the same 13 layers and weights. A pretrained one stands beside it; three in four
   of its bits no label has touched, so that near also means alike.
3. **Select.** mRMR (minimum redundancy, maximum relevance) orders the trained features: each next
   one says much about the label and little that the ones before it said.
4. **Hash.** Each selected feature becomes one bit: above or below a threshold near the middle
   of its values in the training set.
5. **Rank.** Cases are ordered by the Hamming distance, the number of bits in which two codes
   differ: 0 is the same code. How far apart unrelated cases lie differs between archives.
"""

LIMITS = """
- **Not for diagnosis.** It gives no verdict; a similar picture can have another cause.
- Whether a picture is a chest CT slice or a frontal chest X-ray, upright and not inverted, is
  checked by its looks, and you are warned; any picture gets a ranking all the same.
- The archive decides what can be found: what is not in it is never shown.
- COVID-19 and other pictures in COVID-CT come from different sources, so borders, window and
  sharpness may give a label away. Trust the list less for scans of another kind than the archive's.
- The pneumonia X-rays are of children aged 1 to 5 in one hospital: they say little about adults.
- Pictures without Hounsfield units, such as PNG and JPEG, depend on how they were exported.
- Codes say which pictures are alike and can lead back to a patient: treat them as personal data.
"""

TIES = """
A code of few bits allows few distances, so many cases share one. Within a tie the order follows
the checksum of the picture, which knows nothing of labels; the app marks ties and says when a list
ends within one. Figures on the Evaluation page use the expected value over ties.
"""

steps, layers = st.columns(2, gap="large")
with steps:
    st.subheader("Five steps", anchor=False)
    st.markdown(STEPS)
    st.subheader("Ties", anchor=False)
    st.markdown(TIES)
    st.subheader("Limits", anchor=False)
    st.markdown(LIMITS)
with layers:
    st.subheader("The 13 layers of the paper's network", anchor=False)
    st.table(
        [{"Layer": layer, "What": what, "Output": output} for layer, what, output in LAYERS],
        border="horizontal",
        hide_index=True,
        alt="The 13 layers of the network with their output sizes",
    )
    archive = choices.current_archive()
    if archive is not None:
        model = resources.model_of(archive)
        training = model.about.get("training", {})
        known = {
            "Name": model.name,
            "Id": model.id,
            "Network": texts.NETWORKS.get(model.encoder_name, model.encoder_name),
            "Bits of a code": str(model.bits),
            "Training pictures": str(training.get("pictures", "not known")),
            "Training patients": str(training.get("patients", "not known")),
            "Labels it was trained on": ", ".join(
                texts.label(name) for name in training.get("labels", ())
            ),
        }
        st.subheader("The model in use", anchor=False)
        st.table(
            [{"Fact": fact, "Value": texts.plain(value)} for fact, value in known.items()],
            border="horizontal",
            hide_index=True,
            hide_header=True,
            alt="Facts about the model in use",
        )
