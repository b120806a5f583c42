"""The state of a training run on disk, from which only the very same run continues."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from retrieval.encoding.encoder import EncoderSpec, Tensors
from retrieval.errors import TrainingError
from retrieval.storage import replace_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NUMBERED, IDENTITY, FRESH = "-[0-9][0-9][0-9][0-9].safetensors", "run.json", "fresh.safetensors"


@dataclass(frozen=True)
class Checkpoints:
    """A folder with the state of one run.

    identity : everything that decides the weights, pictures and labels included. A run with
        another identity is refused.
    """

    folder: Path
    identity: dict[str, object]

    def claim(self) -> None:
        """Make the folder this run's; TrainingError if it holds another run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.names():
            replace_json(self.folder / IDENTITY, self.identity)
        try:
            before = json.loads((self.folder / IDENTITY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        if before != self.identity:
            raise TrainingError(
                f"{self.folder} holds a run on other pictures or with other settings; "
                "remove that folder, or repeat that run."
            )

    def names(self, stage: str = "*") -> list[str]:
        """Names of the saved states, in order; only those of `stage` if it is given."""
        return sorted(path.stem for path in self.folder.glob(f"{stage}{NUMBERED}"))

    def load(self, name: str) -> dict[str, Tensor] | None:
        """The state saved under a name, or None."""
        path = self.folder / f"{name}.safetensors"
        if not path.is_file():
            return None
        try:
            return load_file(path)
        except (OSError, SafetensorError):
            raise TrainingError(f"{path} is damaged; remove its folder.") from None

    def save(self, name: str, state: Mapping[str, Tensor]) -> None:
        """Save a state in one step: a stop never leaves a partial file."""
        fresh = self.folder / FRESH
        save_file({key: value.contiguous() for key, value in state.items()}, fresh)
        os.replace(fresh, self.folder / f"{name}.safetensors")

    def drop(self, name: str) -> None:
        """Remove a state."""
        (self.folder / f"{name}.safetensors").unlink()


def drop_checkpoints(folder: Path) -> None:
    """Remove a run's own files, and its folder if it is then empty."""
    for file in (*folder.glob(f"*{NUMBERED}"), folder / IDENTITY, folder / FRESH):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def run_identity(
    pictures: Tensor,
    labels: Sequence[str],
    patients: Sequence[str],
    spec: EncoderSpec,
    recipe: DataclassInstance,
) -> dict[str, object]:
    """Everything that decides the weights of a run, as JSON: pictures (n, 1, H, W), settings."""
    data = hashlib.sha256(pictures.numpy().tobytes())
    data.update(json.dumps([list(labels), list(patients)]).encode())
    return {
        "recipe": asdict(recipe),
        "encoder": asdict(spec),
        "data": data.hexdigest(),
        "device": device(),
    }


def digest(tensors: Tensors) -> str:
    """A checksum of named arrays."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(np.ascontiguousarray(tensors[name]).data)
    return found.hexdigest()


def device() -> str:
    """Where training runs: a GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"
