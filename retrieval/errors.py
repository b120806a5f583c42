"""Every error this project raises on purpose, as one tree.

    RetrievalError                 anything a user can read and act on
    |-- ScanError                  one picture could not become a scan
    |   |-- UnreadableScan         damaged, truncated, or no picture at all
    |   |-- UnsupportedScan        a real file of a kind that is not read or searched here
    |   |-- ScanTooLarge           over the byte, pixel, memory or time limit
    |   `-- BlankScan              every pixel has the same value, or is not a number
    |-- DataError                  a folder of pictures or its images.csv is wrong
    |-- DownloadError              a public data set could not be fetched or checked
    |-- ModelError                 a model folder is damaged, unknown or of another schema
    |-- ArchiveError               an archive folder is damaged, unknown or of another schema
    |   `-- ModelMismatch          codes of one model met an archive of another
    |-- SettingError               a number or name given to a command is out of range
    |-- TrainingError              a training run cannot go on
    |-- SelectionError             a selector or threshold was asked for something impossible
    |-- SearchError                k or the codes handed to the ranking are wrong
    `-- EvaluationError            figures that would not mean what they say
        `-- PatientOverlap         a patient stands on both sides of a split

Every message says what is wrong, with which file, and what to do, in one
sentence that ends in a full stop.
"""


class RetrievalError(Exception):
    """Base of every error with a message meant for the user."""


class ScanError(RetrievalError):
    """One picture could not become a scan.

    frames : how many its file has, as far as that is known; another one may be readable.
    """

    frames = 1


class UnreadableScan(ScanError):
    """The bytes are damaged, truncated, or no picture at all."""


class UnsupportedScan(ScanError):
    """A real file, of a kind that is not read or searched here."""


class ScanTooLarge(ScanError):
    """The picture is over the byte, pixel, memory or time limit."""


class BlankScan(ScanError):
    """Every pixel has the same value, or some are not numbers."""


class DataError(RetrievalError):
    """A folder of pictures, or its images.csv, is not usable."""


class DownloadError(RetrievalError):
    """A public data set could not be fetched, unpacked or checked."""


class ModelError(RetrievalError):
    """A model folder is damaged, unknown or of another schema."""


class ArchiveError(RetrievalError):
    """An archive folder is damaged, unknown or of another schema."""


class ModelMismatch(ArchiveError):
    """Codes of one model met an archive built with another."""


class SettingError(RetrievalError):
    """A number or name given to a command is out of range."""


class TrainingError(RetrievalError):
    """A training run cannot go on."""


class SelectionError(RetrievalError, ValueError):
    """A selector or threshold was asked for something impossible.

    A ValueError too, as scikit-learn expects of its estimators.
    """


class SearchError(RetrievalError):
    """k, or the codes handed to the ranking, are wrong."""


class EvaluationError(RetrievalError):
    """The figures asked for would not mean what they say."""


class PatientOverlap(EvaluationError):
    """A patient stands on both sides of a split that promises otherwise."""
