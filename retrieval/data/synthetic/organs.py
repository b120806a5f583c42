"""The organs between the lungs, and the shoulders, as tubes through stations.

A station is (x, y, level, radius): mm on the average chest, level a share of the lung height.
"""

from .anatomy import RIGHT, SIDES, Anatomy
from .shapes import Point, Tube


def aorta(chest: Anatomy) -> tuple[Tube, ...]:
    """The ascending aorta, the arch and the descending aorta."""
    out = chest.unfolding
    return chest.tubes(
        chest.aorta_size,
        (-2, -8, 0.62, 15),
        (-15, -22, 0.50, 15),
        (-16 - out / 2, -22, 0.38, 15),
        (-9, -12, 0.295, 14),
        (7 + out / 2, 4, 0.265, 13),
        (21 + out, 22, 0.275, 13),
        (25 + out, 40, 0.34, 12),
        (24 + out, 45, 0.45, 12),
        (20 + out / 2, 46, 0.72, 11.5),
        (12, 46, 1.15, 11),
    )


def great_vessels(chest: Anatomy) -> tuple[Tube, ...]:
    """The branches of the arch, the caval veins and the pulmonary arteries and veins."""
    return (
        *chest.tubes(1, (-5, -4, 0.27, 6.5), (-14, 4, 0.08, 6), (-24, 8, -0.15, 5)),
        *chest.tubes(1, (5, 2, 0.26, 4.5), (13, 8, 0.03, 4), (16, 8, -0.2, 4)),
        *chest.tubes(1, (17, 18, 0.26, 5.5), (24, 20, 0.06, 5.5), (60, 6, -0.05, 5)),
        *chest.tubes(1, (-26, -4, -0.1, 6), (-25, -8, 0.2, 8), (-27, -8, 0.56, 9.5)),
        *chest.tubes(1, (-24, -12, 0.22, 6), (12, -20, 0.17, 6), (26, -6, -0.02, 6)),
        *chest.tubes(1, (14, -32, 0.62, 14), (18, -20, 0.46, 13), (34, 12, 0.44, 10)),
        *chest.tubes(1, (34, 12, 0.44, 10), (42, 27, 0.48, 8.5), (45, 34, 0.61, 5.5)),
        *chest.tubes(1, (16, -17, 0.47, 11), (-12, 3, 0.485, 9.5), (-37, 12, 0.50, 8.5)),
        *chest.tubes(1, (-37, 12, 0.50, 8.5), (-43, 22, 0.62, 6)),
        *chest.tubes(1, (-16, 20, 0.60, 7), (-42, 27, 0.61, 4.5)),
        *chest.tubes(1, (18, 22, 0.60, 7), (43, 30, 0.625, 4.5)),
        *chest.tubes(1, (-22, 6, 0.78, 13), (-25, 10, 1.15, 13)),
    )


def heart(chest: Anatomy) -> tuple[Tube, ...]:
    """The chambers: right atrium, right ventricle, left atrium, left ventricle."""
    size, shift = chest.heart_size, chest.heart_shift
    return (
        *chest.tubes(size, (-22 + shift, -10, 0.60, 24), (-22 + shift, -10, 0.80, 28)),
        *chest.tubes(size, (-4 + shift, -34, 0.64, 23), (32 + shift, -44, 0.84, 25)),
        *chest.tubes(size, (-15 + shift, 16, 0.61, 17), (17 + shift, 16, 0.61, 17)),
        *chest.tubes(size, (8 + shift, -6, 0.66, 34), (46 + shift, -20, 0.84, 35)),
    )


def airways(chest: Anatomy) -> tuple[Tube, ...]:
    """The trachea and the main and lobar bronchi, as air columns."""
    return (
        *chest.tubes(1, (0, 4, -0.4, 8.5), (0, 12, 0.0, 8.5), (1, 23, 0.39, 8.5)),
        *chest.tubes(1, (1, 23, 0.39, 8), (-26, 25, 0.465, 6.5), (-36, 20, 0.53, 4.5)),
        *chest.tubes(1, (-26, 25, 0.465, 5), (-44, 22, 0.44, 3.5)),
        *chest.tubes(1, (-34, 22, 0.52, 4.5), (-40, 34, 0.63, 3.5)),
        *chest.tubes(1, (1, 23, 0.39, 7.5), (34, 29, 0.50, 5.5), (40, 38, 0.62, 3.5)),
        *chest.tubes(1, (34, 29, 0.50, 4.5), (50, 16, 0.50, 3)),
    )


def oesophagus(chest: Anatomy) -> tuple[Tube, ...]:
    """The oesophagus, between the trachea and the spine."""
    return chest.tubes(1, (4, 30, -0.3, 6), (4, 40, 0.4, 6), (6, 38, 0.8, 7), (16, 24, 1.1, 8))


def fat_pads(chest: Anatomy) -> tuple[Tube, ...]:
    """The fat under the arch of the aorta and in the angles between heart and diaphragm."""
    return (
        *chest.tubes(1, (14, 8, 0.30, 11), (17, 12, 0.46, 11)),
        *chest.tubes(1, (-8, 4, 0.34, 14), (-8, 10, 0.48, 12)),
        *chest.tubes(1, (6, 14, 0.72, 14), (4, 24, 1.15, 18)),
        *chest.tubes(1, (-30, -40, 0.84, 12), (-34, -42, 1.0, 16)),
        *chest.tubes(1, (46, -42, 0.88, 12), (54, -44, 1.0, 18)),
    )


def shoulders(chest: Anatomy) -> tuple[Tube, ...]:
    """The shoulder girdle and the raised arms of a patient lying in the scanner."""
    return tuple(
        tube
        for side in SIDES
        for tube in chest.tubes(
            1, (side * 105, 26, 0.42, 38), (side * 128, 14, 0.08, 52), (side * 150, 8, -0.3, 52)
        )
    )


def hilum(chest: Anatomy, side: int) -> Point:
    """Where the vessels of one lung enter it, as (x, y, z)."""
    return chest.place(side * 40, 18, 0.51 if side == RIGHT else 0.49)
