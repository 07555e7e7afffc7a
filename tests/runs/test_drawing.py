import io
import itertools

import jax
import numpy as np
import pytest
from PIL import Image

from jaxsr.data.degradation import make_degradation
from jaxsr.runs.drawing import COLUMNS, ROWS, curves, draw_curves, draw_degraded, strip


def test_curves_show_what_is_logged(tmp_path):
    rows = [{"step": n, "loss": 1 / n} for n in range(1, 200)]
    draw_curves(tmp_path / "loss.png", rows, title="loss only")
    draw_curves(tmp_path / "both.png", [*rows, {"step": 199, "psnr_y": 30.0}], title="loss only")
    draw_curves(tmp_path / "none.png", [], title="loss only")
    none, loss, both = (
        np.asarray(Image.open(tmp_path / name).convert("RGB"), int) for name in ("none.png", "loss.png", "both.png")
    )
    # The smoothed curve is blue (C0): there with losses, absent without.
    assert _blue(loss) > 200 > _blue(none)
    # A panel more for the score, with its one blue point.
    half = both.shape[0] // 2
    assert half > loss.shape[0] / 2
    assert _blue(both[:half]) > 200 > _blue(both[half:]) > 10


def test_training_and_validation_loss_share_their_axes():
    rows = [{"step": n, "loss": 1 / n, "pixel": 0.1 / n} for n in range(1, 20)]
    old = curves(rows, title="")
    losses = {0: 2.0, 10: 0.1, 19: 0.2}
    rows += [
        {"step": n, "validation_loss": loss, "validation_pixel": 0.2, "psnr_y": 30.0} for n, loss in losses.items()
    ]
    labels = [[line.get_label().split(":")[0] for line in axis.lines] for axis in curves(rows, title="").axes]
    assert labels[0] == ["training loss", "validation loss", "pixel", "validation pixel"]
    (validation,) = [line for line in curves(rows, title="").axes[0].lines if "validation loss" in line.get_label()]
    assert validation.get_xdata().tolist() == [0, 10, 19]
    assert validation.get_label() == "validation loss: 0.2 (lowest: 10)"
    # The log of a run that is older than this value.
    assert [line.get_label().split(":")[0] for line in old.axes[0].lines] == ["training loss", "pixel"]


def test_an_adversarial_run_shows_its_losses_ratio_accuracies_and_lpips(tmp_path):
    names = ("content", "weighted_adversarial", "discriminator", "content_ratio", "accuracy_real", "accuracy_fake")
    rows = [{"step": n, "lpips_alex": 1 / n} | {name: 1 / n for name in names} for n in range(1, 20)]
    sizes = []
    for left_out in (set(), {"lpips_alex"}, {"lpips_alex", "content_ratio"}):
        draw_curves(
            tmp_path / "curves.png",
            [{name: value for name, value in row.items() if name not in left_out} for row in rows],
            title="srgan",
        )
        image = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB"), int)
        # Each axes shows its own first curve in C0.
        sizes.append(_blue(image))
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("steps", [12, 400])
def test_words_lie_over_no_curve_and_over_no_other_words(steps):
    # Ends that are close to each other, and a loss of weight 0 on a logarithmic axis.
    values = {"content": 1.0, "weighted_adversarial": 1.001, "pixel": 0.0, "discriminator": 1.002}
    values |= {"accuracy_real": 0.5, "accuracy_fake": 0.501, "psnr_y": 28.0, "gradient_norm": 1.0}
    rows = [{"step": n} | {name: value * (1 + 1 / n) for name, value in values.items()} for n in range(1, steps)]
    figure = curves(rows, title="srgan ×4, a name of some length")
    figure.savefig(io.BytesIO())
    named = {text.get_text().split(",")[0].split(":")[0] for axis in figure.axes for text in axis.get_legend().texts}
    assert named == {name.replace("_", " ") for name in values if name != "pixel"}
    words = [
        figure._suptitle,
        *(axis.yaxis.label for axis in figure.axes),
        *(axis.get_legend() for axis in figure.axes),
    ]
    words += [text for axis in figure.axes for text in axis.texts]
    boxes = [word.get_window_extent() for word in words]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert not any(box.overlaps(axis.patch.get_window_extent()) for box in boxes for axis in figure.axes)
    assert all(figure.bbox.containsx(box.x1) and figure.bbox.containsy(box.y1) for box in boxes)


def test_a_strip_holds_each_crop_in_its_place():
    rng = np.random.default_rng(0)
    rows = [
        (name, [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(3)]) for name in ("LR", "SR", "HR")
    ]
    picture = strip(rows, title="step 7")
    windows = np.lib.stride_tricks.sliding_window_view(picture, (32, 32, 3))[:, :, 0]
    places = [
        np.argwhere((windows[..., 0, 0, 0] == c[0, 0, 0]) & (windows == c).all(axis=(2, 3, 4)))
        for _, cs in rows
        for c in cs
    ]
    assert all(len(place) == 1 for place in places)
    tops, lefts = np.concatenate(places).reshape(3, 3, 2).transpose(2, 0, 1)
    assert (np.diff(tops, axis=0) > 32).all()
    assert (np.diff(lefts, axis=1) > 32).all()
    assert (tops == tops[:, :1]).all()


def _blue(image):
    return (np.abs(image - (31, 119, 180)).sum(axis=-1) < 30).sum()


def test_the_picture_shows_the_pairs_that_degrade_gives(tmp_path):
    crops = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    degrade = make_degradation("bicubic", scale=4)
    draw_degraded(tmp_path / "degraded.png", degrade, crops, scale=4, degradation="bicubic")
    picture = np.asarray(Image.open(tmp_path / "degraded.png"))
    low, high = degrade(jax.random.key(0), np.take(crops, range(COLUMNS), axis=0, mode="wrap"))
    height, width = picture.shape[0] - 34, picture.shape[1] - 110
    assert (height // 36, width // 36) == (2 * ROWS, COLUMNS)
    shown = picture[34:66, 110:142], picture[70:102, 110:142]
    np.testing.assert_array_equal(shown[0], np.asarray(np.round(low[0] * 255)).repeat(4, 0).repeat(4, 1))
    np.testing.assert_allclose(shown[1] / 127.5 - 1, high[0], atol=1e-3)
