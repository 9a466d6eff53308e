"""Whether an edit did something, and in a place: told apart from what an editor does to every picture.

An editor returns a picture that went through its own size and its autoencoder: softer, in slightly other tones, often
moved or zoomed by some pixels. Compared pixel by pixel, that alone is more than many a true edit (`measure-edit-filter`
has the numbers). So the original is laid over the result first, its tones are fitted, and what is left is held to a
null edit of the same picture: how much each field differs from itself moved by a pixel. An edit is what exceeds that,
scaled to how strongly the whole picture shows it, in some fields and not in all.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from viper.config.synthesis import EditSection

_FIELDS = 16  # an edit is looked for in each of 16x16 fields: over the whole picture a small object would average away
_ALIGNED_AT = 320  # pixels of the longer side at which pictures are laid over each other
_TONE_STEP, _TONE_ROUNDS, _TONE_KEPT = 5, 3, 0.8  # every so many pixels; fits; share of the pixels that each keeps
_LEVEL = 2 / 255  # what rounding and compression change where a picture is smooth
_NULL = 2.5  # times the median of its fields is what one may show of a null edit (resized 2.7, softened 2.1, JPEG 1.9)


@dataclass(frozen=True)
class Effect:
    """What one call of an editor changed.

    Attributes:
        local: the largest mean absolute difference, 0 to 1, over 16x16 fields; aligned: beyond a null edit's.
        spread: share of the fields that differ by more than the least change that counts.
        overall: mean absolute difference, 0 (equal) to 1.
    """

    local: float
    spread: float
    overall: float


def effect_of(before: Image.Image, after: Image.Image, section: EditSection) -> Effect:
    """What was changed from one RGB picture to another of its size, compared as the section says."""
    fields, overall = (_as_they_are if section.compare == "pixels" else _aligned)(before, after)
    return Effect(float(fields.max()), float((fields > section.min_change).mean()), overall)


def failure_of(least: Effect, whole: Effect, section: EditSection) -> str:
    """Why an edit is no pair; '' where it is one.

    Args:
        least: of the call that did least: one edit without effect makes its statement false.
        whole: of all calls together.
    """
    if whole.overall > section.max_change:
        return "edit destroyed the picture"
    if least.local <= section.min_change:
        return "edit without effect"
    return "edit all over the picture" if whole.spread > section.max_spread else ""


def mean_change(before: Image.Image, after: Image.Image) -> float:
    """Mean absolute difference of two RGB images of one size, 0 (equal) to 1."""
    return float(np.asarray(ImageChops.difference(before, after)).mean()) / 255


def largest_local_change(before: Image.Image, after: Image.Image) -> float:
    """The largest mean absolute difference, 0 to 1, over 16x16 fields of two RGB images of one size."""
    return float(_local_changes(before, after).max())


def _local_changes(before: Image.Image, after: Image.Image) -> np.ndarray:
    difference = ImageChops.difference(before, after).resize((_FIELDS, _FIELDS), Image.Resampling.BOX)
    return np.asarray(difference).mean(axis=-1) / 255


def _as_they_are(before: Image.Image, after: Image.Image) -> tuple[np.ndarray, float]:
    """Differences of the fields, and of the whole, pixel by pixel."""
    return _local_changes(before, after), mean_change(before, after)


def _aligned(before: Image.Image, after: Image.Image) -> tuple[np.ndarray, float]:
    """Differences of the fields beyond a null edit's, and of the whole, of what both pictures show."""
    result = np.asarray(after, dtype=np.float32)
    original, seen = _laid_over(np.asarray(before), np.asarray(after))
    original = _in_tones_of(original.astype(np.float32), result, seen)
    left = np.abs(original - result).mean(axis=-1) / 255
    texture = sum(np.abs(np.roll(original, 1, axis) - original).mean(axis=-1) for axis in (0, 1)) / (2 * 255)
    found, null, share = _means(left, seen), _means(texture, seen) + _LEVEL, _means(seen, np.ones_like(seen))
    inside = share > 0.5  # of a field at the border, which moved out of the picture, nothing is known
    if not inside.any():
        return _as_they_are(before, after)
    strength = np.median(found[inside] / null[inside])
    beyond = np.where(inside, found - _NULL * strength * null, 0.0)
    return beyond, float(left[seen > 0].mean())


def _laid_over(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`before` moved, zoomed and turned onto `after`, and where it shows anything, (height, width), 0 or 1.

    Source: Evangelidis and Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization"
    (2008), as OpenCV has it. Where it finds nothing to hold on to, as in a flat picture, `before` stays where it is.
    """
    import cv2

    height, width = before.shape[:2]
    factor = min(1.0, _ALIGNED_AT / max(height, width))
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    one, other = (
        cv2.resize(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY), small, interpolation=cv2.INTER_AREA).astype(np.float32)
        for each in (before, after)
    )
    warp = np.eye(2, 3, dtype=np.float32)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
    try:
        _, warp = cv2.findTransformECC(other, one, warp, cv2.MOTION_AFFINE, until, None, 5)
    except cv2.error:
        warp = np.eye(2, 3, dtype=np.float32)
    warp = warp.astype(float)
    # From pixels of the small pictures to those of the large ones, whose centers lie half a pixel inside.
    x, y = width / small[0], height / small[1]
    scale = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
    large = scale @ np.vstack([warp, [0, 0, 1]]) @ np.linalg.inv(scale)
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(before, large[:2], (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    everything = np.ones((height, width), np.float32)
    seen = cv2.warpAffine(everything, large[:2], (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return moved, cv2.erode((seen > 0.999).astype(np.float32), np.ones((5, 5), np.uint8), borderValue=1)


def _in_tones_of(original: np.ndarray, result: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """`original` with each channel stretched and shifted to fit `result`, but for the pixels that fit worst: edits."""
    step = (slice(None, None, _TONE_STEP),) * 2
    known = seen[step] > 0
    fitted = original.copy()
    for channel in range(3):
        x, y = original[step][known][:, channel].astype(float), result[step][known][:, channel].astype(float)
        if len(x) < 2 or np.ptp(x) == 0:
            continue
        kept = np.ones(len(x), bool)
        for _ in range(_TONE_ROUNDS):
            spread = x[kept].var()
            slope = np.cov(x[kept], y[kept], bias=True)[0, 1] / spread if spread > 0 else 1.0
            offset = y[kept].mean() - slope * x[kept].mean()
            error = np.abs(slope * x + offset - y)
            kept = error <= np.quantile(error, _TONE_KEPT)
        fitted[..., channel] = slope * original[..., channel] + offset
    return fitted


def _means(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The mean of each of 16x16 fields, (16, 16), over the pixels that are seen; 0 where none is."""
    total, number = (
        np.asarray(Image.fromarray(each.astype(np.float32)).resize((_FIELDS, _FIELDS), Image.Resampling.BOX))
        for each in (values * seen, seen)
    )
    return np.divide(total, number, out=np.zeros_like(total), where=number > 0)
