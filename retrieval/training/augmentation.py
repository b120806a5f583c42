"""Random but harmless changes to training pictures, by torchvision's transforms.

Scans of one finding differ between hospitals in window, field of view, crop, borders,
letters and arrows. A network that never sees such changes learns them as signs of
disease.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import torch
from torch import Tensor

from retrieval.imaging import textures


def _import_transforms() -> ModuleType:
    """torchvision.transforms.v2, even if torchvision's compiled part does not load.

    torchvision 0.28.0 from the package index is compiled for CUDA. With a CPU build of
    torch its extension cannot load, and the import then fails on two undeclared
    operators (nms, qnms). Declaring their signatures first is enough: transforms are
    plain torch and work; box operators do not, and are not used here.
    """
    try:
        return importlib.import_module("torchvision.transforms.v2")
    except RuntimeError:
        library = _declared_operators()
        module = importlib.import_module("torchvision.transforms.v2")
        vars(module)["declared_operators"] = library  # the declarations live as long as this
        return module


def _declared_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        signature = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(signature)  # type: ignore[no-untyped-call]  # torch gives it no types
    return library


transforms = _import_transforms()


def _composed(*changes: torch.nn.Module) -> torch.nn.Module:
    """Changes of a picture, one after the other."""
    together: torch.nn.Module = transforms.Compose(changes)
    return together


def augmentation(size: tuple[int, int]) -> torch.nn.Module:
    """A random change of one picture (1, H, W) in [0, 1], H and W kept; ratios as of a square.

    Mirror, small rotation, shift, scale and stretch; another window (contrast,
    brightness and gamma); one blanked block against text, arrows and borders.
    """
    return _composed(
        transforms.RandomHorizontalFlip(),
        _crop(size, 0.6, (0.8, 1.25)),
        transforms.RandomAffine(degrees=12, translate=(0.05, 0.05), scale=(0.85, 1.05)),
        transforms.ColorJitter(brightness=0.25, contrast=0.35),
        RandomGamma(0.7, 1.4),
        transforms.RandomErasing(p=0.5, scale=(0.01, 0.08), value=0.0),
    )


def sometimes_changed(
    size: tuple[int, int], share: float, stretch: float = 1.18, texture: float = 0.0
) -> torch.nn.Module:
    """A milder change for pretrained networks, for a `share` of the pictures; all may be mirrored.

    A pretrained body, from ImageNet or from distillation, loses precision with changes as
    strong as `augmentation`'s. A crop may be up to `stretch` times as wide as high, or as high
    as wide, before it is resized to `size`. A share `texture` of the changed pictures gets
    another sharpness and grain, and half of those are compressed. Margins and blocks are
    blanked, so that the network cannot rely on a border, letter or arrow.
    """
    least = min(0.75, 0.88 / stretch)  # of the area: a crop much wider than high holds less
    mild = _composed(
        _crop(size, least, (1 / stretch, stretch)),
        transforms.RandomAffine(degrees=7, scale=(0.92, 1.03)),
        transforms.ColorJitter(brightness=0.12, contrast=0.2),
        RandomGamma(0.8, 1.25),
        *([transforms.RandomApply([RandomTexture()], p=texture)] if texture else []),
        RandomFrame(0.3, 0.08),
        transforms.RandomErasing(p=0.3, scale=(0.01, 0.05), value=0.0),
        transforms.RandomErasing(p=0.3, scale=(0.002, 0.02), value=1.0),
    )
    return _composed(transforms.RandomHorizontalFlip(), transforms.RandomApply([mild], p=share))


def zoomed(size: tuple[int, int]) -> torch.nn.Module:
    """A change for distillation: at least a quarter of a picture, in any window.

    The network learns every magnification and grey, since pictures from other places differ
    in both.
    """
    return _composed(
        transforms.RandomHorizontalFlip(),
        _crop(size, 0.25, (0.7, 1.4)),
        transforms.RandomAffine(degrees=10, scale=(0.9, 1.05)),
        transforms.RandomApply([RandomWindow()], p=0.5),
        RandomGamma(0.7, 1.4),
        transforms.ColorJitter(brightness=0.1, contrast=0.2),
        RandomFrame(0.2, 0.08),
        transforms.RandomErasing(p=0.2, scale=(0.01, 0.05), value=0.0),
    )


def _crop(size: tuple[int, int], least: float, ratio: tuple[float, float]) -> torch.nn.Module:
    """A random crop of at least `least` of a picture's area, resized to the picture's size.

    `ratio` counts in shares of the sides, so 1 keeps the picture's shape.
    """
    shape = size[1] / size[0]
    ratios = (ratio[0] * shape, ratio[1] * shape)
    crop: torch.nn.Module = transforms.RandomResizedCrop(
        size, scale=(least, 1.0), ratio=ratios, antialias=True
    )
    return crop


class RandomWindow(torch.nn.Module):
    """Map a random range of greys to all of them: another window of the same scan."""

    def forward(self, picture: Tensor) -> Tensor:
        """(1, H, W) in [0, 1] -> the same shape and range."""
        low, width = 0.25 * torch.rand(()), 0.35 + 0.75 * torch.rand(())
        return ((picture - low) / width).clamp(0, 1)


class RandomFrame(torch.nn.Module):
    """With a given chance, fill margins of random width, each at most `widest`, with one grey."""

    def __init__(self, chance: float, widest: float) -> None:
        super().__init__()
        self.chance, self.widest = chance, widest

    def forward(self, picture: Tensor) -> Tensor:
        """(1, H, W) in [0, 1] -> the same shape and range."""
        if torch.rand(()) >= self.chance:
            return picture
        height, width = picture.shape[1:]
        shares = (torch.rand(4) * self.widest).tolist()
        top, bottom = (int(share * height) for share in shares[:2])
        left, right = (int(share * width) for share in shares[2:])
        framed = torch.full_like(picture, float(torch.rand(()).round()))  # black or white
        inside = slice(top, height - bottom), slice(left, width - right)
        framed[:, *inside] = picture[:, *inside]
        return framed


class RandomGamma(torch.nn.Module):
    """Raise the picture to a random power, log-uniform between `low` and `high`."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.log_range = torch.log(torch.tensor([low, high]))

    def forward(self, picture: Tensor) -> Tensor:
        """(1, H, W) in [0, 1] -> the same shape and range."""
        low, high = self.log_range
        return picture.clamp(0, 1) ** torch.exp(torch.empty(()).uniform_(low, high))


class RandomTexture(torch.nn.Module):
    """Another sharpness, grain and compression, as detectors, kernels and copies cause them.

    None of the three has to do with a finding. Without this change a network relies on them,
    because they tell most easily where a picture comes from.
    """

    BLUR = 1.2  # pixels, the widest
    SHARPENING = 1.5  # times what a blur of one pixel takes away, the strongest
    GRAIN = 0.06  # spread of the strongest, of the range of greys
    QUALITY = 25  # of JPEG, the worst

    def forward(self, picture: Tensor) -> Tensor:
        """(1, H, W) in [0, 1] -> the same shape and range."""
        sharpness, strength, coarse, quality = torch.rand(4).tolist()
        if sharpness < 0.5:
            changed = _blurred(picture, self.BLUR * 2 * sharpness)
        else:
            lost = picture - _blurred(picture, 1.0)
            changed = picture + self.SHARPENING * (2 * sharpness - 1) * lost
        grain = torch.randn(picture.shape)
        if coarse < 0.5:
            grain = _blurred(grain, 2 * coarse)
            grain = grain / grain.std().clamp_min(1e-6)
        changed = (changed + self.GRAIN * strength**2 * grain).clamp(0, 1)
        if quality < 0.5:
            changed = _compressed(changed, round(self.QUALITY + 2 * quality * (95 - self.QUALITY)))
        return changed


def _blurred(picture: Tensor, width: float) -> Tensor:
    """A blur by torchvision and not `textures.blurred`: the shipped X-ray model used it."""
    if width < 0.1:
        return picture
    smooth: Tensor = transforms.functional.gaussian_blur(picture, [7, 7], [width, width])
    return smooth


def _compressed(picture: Tensor, quality: int) -> Tensor:
    """A JPEG copy without torchvision, whose own function needs its compiled part."""
    return torch.from_numpy(textures.compressed(picture[0].numpy(), quality=quality))[None]


def standardise(pictures: Tensor) -> Tensor:
    """Give each picture of (B, 1, H, W) mean 0 and spread 1, as `encoder.prepare` does."""
    mean = pictures.mean(dim=(2, 3), keepdim=True)
    spread = pictures.std(dim=(2, 3), keepdim=True, correction=0).clamp_min(1e-6)
    return (pictures - mean) / spread
