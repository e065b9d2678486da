"""The pictures that ``backprop-xp train --plot`` offers, by name, and the choice among them."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.errors import OptionError
from backprop_xp.inspection.learning_curve import FORMATS

__all__ = ["PICTURES", "Picture", "chosen_pictures"]

PICTURES: Final[Mapping[str, tuple[str, str]]] = {
    "curve": ("learning_curve", "cost and accuracy by epoch"),
    "confusion": ("confusion_matrix", "cases by class and predicted class"),
    "calibration": ("calibration_curve", "share of right predictions by predicted probability"),
    "weights": ("weight_images", "weights of the first layer as images, for digits and mnist"),
    "hinton": ("hinton", "the weights of each layer, as squares by sign and size"),
    "norms": ("layer_norms", "norms of the errors and gradients of each layer by epoch"),
    "activations": ("activation_histogram", "histograms of each layer's activations by epoch"),
    "regions": ("decision_regions", "the output over the plane, for two inputs"),
    "surface": ("cost_surface", "the cost along two directions through the parameters"),
}
"""The function of `inspection.plots` that draws each picture, and a description, by name."""

_BY_FUNCTION: Final = {function: name for name, (function, _) in PICTURES.items()}


class Picture(NamedTuple):
    """A picture to draw: its name in `PICTURES`, and its file."""

    name: str
    path: Path


def chosen_pictures(plot: str | None, model: Path) -> tuple[Picture, ...]:
    """Return the pictures that ``--plot`` names.

    Parameters
    ----------
    plot : str or None
        Names with commas between, each alone or as NAME=FILE; or a file of the learning curve;
        or "" for none. None: the learning curve.
    model : path
        The file of the model, after which pictures without a file are named.

    Raises
    ------
    OptionError
        A name is unknown, or a file has another format.

    Examples
    --------
    >>> for picture in chosen_pictures("confusion,curve=cost.pdf", Path("digits.safetensors")):
    ...     print(picture.name, picture.path)
    confusion digits-confusion.png
    curve cost.pdf
    """
    if plot == "":
        return ()
    parts = ["curve"] if plot is None else [part.strip() for part in plot.split(",")]
    if plot is not None and _is_file(plot, parts):
        return (Picture("curve", _checked(Path(plot), plot)),)
    return tuple(_picture(part, model) for part in parts)


def _is_file(plot: str, parts: list[str]) -> bool:
    """Tell whether ``--plot`` names a file of the learning curve, not pictures."""
    names = [part.partition("=")[0] for part in parts]
    if any(name in PICTURES or name in _BY_FUNCTION for name in names):
        return False
    listed = len(parts) > 1 or "=" in plot
    misspelt = listed and any(get_close_matches(name, PICTURES, cutoff=0.8) for name in names)
    return bool(Path(plot).suffix) and not misspelt


def _picture(part: str, model: Path) -> Picture:
    """Return the picture of a name, or of NAME=FILE."""
    given, has_file, file = part.partition("=")
    name = _BY_FUNCTION.get(given, given)
    if name not in PICTURES:
        expected = f"{_names()}, each alone or as NAME=FILE, or a file of the learning curve"
        raise OptionError("--plot", repr(given), expected, nearest_name(given, PICTURES))
    if has_file:
        return Picture(name, _checked(Path(file), file))
    of_curve = model.with_suffix(".png")
    return Picture(
        name, of_curve if name == "curve" else of_curve.with_stem(f"{model.stem}-{name}")
    )


def _checked(path: Path, came: str) -> Path:
    """Return the path of a picture, in one of the formats."""
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        expected = f"a name in .{', .'.join(FORMATS)}, or {_names()}"
        raise OptionError("--plot", repr(came), expected, "Use .png")
    return path


def _names() -> str:
    return f"pictures of {', '.join(PICTURES)}"
