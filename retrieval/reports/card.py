"""The card of a shipped model: what it is, its training data, its figures and its limits.

A card is made from the model's manifest and the stored evaluations of that model, so
that no figure is copied by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.codes.model import Model
from retrieval.errors import EvaluationError
from retrieval.evaluation import results
from retrieval.reports.stored_tables import TABLES, results_table
from retrieval.storage import Json, replace_bytes

CARD = "CARD.md"


@dataclass(frozen=True)
class DataSet:
    """Facts about training data that a card states."""

    name: str
    origin: str
    licence: str
    limits: tuple[str, ...]


COVID_CT = DataSet(
    "COVID-CT (Zhao, Zhang, He, Xie, arXiv:2003.13865)",
    "746 slices cut from published papers and teaching sites, 384 patients, official split.",
    "No licence is known; the pictures belong to their authors and publishers and do not ship.",
    (
        "Window, crop, borders and letters differ by source and partly tell the label.",
        '"No COVID-19" mixes normal lungs and other diseases.',
        "Two test pictures also stand in the train split under the other label.",
        "Scans of other hospitals find their finding in COVID-CT no more often than by chance, or "
        "hide one finding behind another: see Other hospitals in assets/results.",
    ),
)
PNEUMONIA = DataSet(
    "Chest X-rays of children (Kermany, Zhang, Goldbaum, DOI 10.17632/rscbjbr9sj.2)",
    "5,856 frontal X-rays; 551 that share a number with a test patient are left out.",
    "Creative Commons Attribution 4.0.",
    (
        "Children aged 1 to 5 in one hospital: it says little about adults.",
        "The copies at hand were squashed to squares, and the squashing itself tells the label.",
        "Of the test split 234 of 624 are normal (37.5 %), of the train split 1,122 of 4,197 "
        "(26.7 %).",
    ),
)
# Shipped model -> its data; the evaluations that a card prints are found by the model's id.
DATA = {"ct": COVID_CT, "ct-paper": COVID_CT, "xray": PNEUMONIA, "xray-paper": PNEUMONIA}
LITE = (
    "EfficientNet-Lite0 from ImageNet weights (Apache License 2.0), pooled means and "
    "spreads of its stages 4 to 6, mirror image averaged. One bit in four comes from these "
    "stages and a linear layer trained further, the rest from the stages as they were, quantised "
    "without labels"
)
OF_ONE_MODEL = {  # further limits of single models
    "ct-paper": (
        "Most of the pictures without labels are said to be of MosMedData (medRxiv "
        "2020.05.20.20100362; CC BY-NC-ND 3.0: no commercial use, no derivatives); the licence of "
        "the others is not known, and neither is whose scans they are.",
    ),
    "xray": (
        "That crops are stretched in training came after a look at an earlier model's test result.",
    ),
}
NETWORKS = {
    "lite": LITE,
    "lite-inner": LITE + ". It does not see uniform margins, nor the outer 5 % of each side",
    "paper": "the paper's 13-layer Siamese network at 335 x 580",
}
ALWAYS = (
    "Not for diagnosis: it shows similar pictures, and a similar picture can have another cause.",
    "8-bit pictures hold no Hounsfield units: the result depends on how they were exported.",
    "Codes can find a person again: treat them as personal data.",
)


def card(model: Model) -> str:
    """The card of a shipped model as Markdown; EvaluationError if nothing was measured."""
    if model.name not in DATA:
        raise EvaluationError(
            f"Model {model.name} does not ship; cards are made for those that do."
        )
    data, training = DATA[model.name], model.about["training"]
    settings = ", ".join(f"{name} {value}" for name, value in _used(training["recipe"]).items())
    splits = " and ".join(training.get("splits", ["train"]))
    sections = [
        f"# Model card: {model.name}",
        f"Id {model.id}. {model.modality}; codes of {model.bits} bits. mRMR "
        f"({model.about['criterion']}) ordered the trained features. "
        f"Network: {NETWORKS[model.encoder_name]}{_taught(model)}.",
        "## Data",
        f"{data.name}. {data.origin} {data.licence}",
        f"Trained on {training['pictures']:,} pictures of {training['patients']:,} patients "
        f"(split {splits}), labels {', '.join(training['labels'])}. Nothing was fitted on "
        f"the test split. Data fingerprint {training['data'][:16]}.{_beside(training)}",
        f"Recipe: {settings}.",
        "## Figures",
        results_table(_measured(model)),
        "95 % intervals over patients, expected over ties. In-sample rows flatter.",
        "## Limits",
        "\n".join(
            f"- {limit}" for limit in (*ALWAYS, *data.limits, *OF_ONE_MODEL.get(model.name, ()))
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _taught(model: Model) -> str:
    """How the paper's network was trained; empty for another network."""
    recipe = model.about["training"]["recipe"]
    if model.encoder_name != "paper":
        return ""
    start = model.about["training"].get("start", "")
    parts = [f", trained from model {start}" if start else ", trained from random weights"]
    if not recipe.get("free", True):  # older models lack the word and had free weights
        parts.append(", with one weight for all positions of a map in layer 13")
    if recipe.get("instance", 0):
        parts.append(", by two-fold contrast of labels and pictures in place of the paper's pairs")
    if recipe.get("lessons", 0):
        parts.append(
            "; before any label its convolutions learned what EfficientNet-Lite0 with ImageNet "
            "weights (Apache License 2.0) sees at each place"
        )
    return "".join(parts)


def _used(recipe: Json) -> Json:
    """A recipe without the fields that it does not use."""
    idle = {"lesson_rate"} if not recipe.get("lessons") else set()
    if "margin" in recipe:  # the paper's network: pairs have a margin, contrast a temperature
        idle |= {"margin"} if recipe.get("instance") else {"instance", "temperature"}
    return {name: value for name, value in recipe.items() if name not in idle}


def _beside(training: Json) -> str:
    if "beside" not in training:
        return ""
    more = training["beside"]
    return f" Beside them {more['pictures']:,} pictures without labels ({more['data'][:16]})."


def _measured(model: Model) -> list[str]:
    """Names of the tabled evaluations that were made with this model, in the table's order."""
    names = [name for name in TABLES if _model_of(results.read_result(name)) == model.id]
    if not names:
        raise EvaluationError(f"No evaluation of model {model.name} ({model.id}) is stored.")
    return names


def _model_of(result: Json) -> str:
    return str(result["model"]["id"])


def write(model: Model) -> None:
    """Write a model's card into its folder."""
    replace_bytes(model.folder / CARD, card(model).encode())
