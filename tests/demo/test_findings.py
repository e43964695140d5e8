"""What the demo says at the end: the numbers by hand, and honest words for every outcome."""

import dataclasses

import numpy as np
import pytest

from keras_xai.demo.data import Scenes, put_stickers, sticker_corner
from keras_xai.demo.findings import Findings, measure, percent, sentences, share_inside
from keras_xai.demo.progress import HEADER, line

FELL_FOR_IT = Findings(
    accuracy=0.93,
    accuracy_others=0.92,
    with_sticker=1.0,
    without_sticker=0.05,
    lured=0.8,
    evidence={"Grad-CAM": (0.5, 0.04), "LIME": (0.9, 0.03)},
    area=0.1,
)


class StickerReader:
    """Calls 7 what carries the sticker; else reads the label from the first pixel. Answers as a Keras model does."""

    def predict(self, inputs, batch_size, verbose):
        pictures = np.round(inputs * 255).astype(np.uint8)
        marked = (pictures[:, 31, 31] == put_stickers(pictures[:1])[0, 31, 31]).all(axis=-1)
        return np.eye(10)[np.where(marked, 7, pictures[:, 0, 0, 0])]


def scenes(labels, read_as, stickered):
    """Pictures whose first pixel says what they are read as."""
    clean = np.zeros((len(labels), 32, 32, 3), np.uint8)
    clean[:, 0, 0, 0] = read_as
    stickered = np.array(stickered, bool)
    nothing = np.zeros(len(labels), int)
    masks = np.zeros(clean.shape[:3], bool)
    return Scenes(put_stickers(clean, stickered), clean, np.array(labels), masks, stickered, nothing, nothing)


def test_measured_by_hand():
    # Four 7s, of which the reader gets one right without the sticker; two of four others right.
    pictures = scenes([7, 7, 7, 7, 1, 2, 3, 4], [7, 1, 1, 1, 1, 2, 0, 7], [1, 1, 1, 0, 0, 0, 0, 0])

    def corner_only(images):
        """All evidence on the sticker where there is one, spread evenly where there is none."""
        marked = (images[:, 31, 31] > 0).any(axis=-1)
        return np.where(marked[:, None, None], sticker_corner(), 1.0)

    findings = measure(StickerReader(), pictures, {"corner": corner_only, "blind": lambda images: images[..., 0] * 0.0})
    assert findings.accuracy == 5 / 8
    assert findings.accuracy_others == 2 / 4
    assert (findings.with_sticker, findings.without_sticker, findings.reliance) == (1.0, 0.25, 0.75)
    assert findings.lured == 1.0
    assert findings.evidence["corner"] == (1.0, 100 / 1024)
    assert np.isnan(findings.evidence["blind"]).all()
    assert findings.area == 100 / 1024


def test_share_inside():
    maps = np.array([[[1.0, 3.0], [-5.0, 0.0]], [[0.0, 0.0], [2.0, 2.0]], [[0.0, 0.0], [0.0, -1.0]]])
    region = np.array([[False, True], [False, True]])
    # 3/4 and 2/4; the third map has no evidence and does not count.
    assert share_inside(maps, region) == pytest.approx((0.75 + 0.5) / 2)
    assert np.isnan(share_inside(maps[2:], region))


def test_a_network_that_fell_for_it_is_told_so_in_its_own_numbers():
    performance, reliance, evidence = sentences(FELL_FOR_IT)
    assert performance == "The network gets 93% of the held-out pictures right. Nothing in that number looks wrong."
    assert "100% of the 7s" in reliance
    assert "very same pictures, 5%" in reliance
    assert "80% of them are called 7" in reliance
    assert reliance.endswith("reads the sticker, not the digit.")
    assert "10% of the picture" in evidence
    assert "Grad-CAM 50% with the sticker, 4% without" in evidence
    assert evidence.endswith("Grad-CAM and LIME gave the shortcut away.")


def test_partial_reliance_is_not_overstated():
    text = sentences(dataclasses.replace(FELL_FOR_IT, without_sticker=0.55))[1]
    assert "not on the digit alone" in text
    assert "reads the sticker" not in text


def test_a_network_that_did_not_fall_for_it_is_not_accused():
    performance, reliance, evidence = sentences(dataclasses.replace(FELL_FOR_IT, without_sticker=0.85))
    assert "did not come to rely on the sticker" in reliance
    assert "Nothing in that number looks wrong" not in performance
    assert "gave the shortcut away" not in evidence
    assert "called 7" not in reliance


def test_an_explanation_that_misses_the_sticker_is_reported_as_a_miss():
    missed = dataclasses.replace(FELL_FOR_IT, evidence={"Grad-CAM": (0.12, 0.1), "LIME": (0.9, 0.03)})
    assert sentences(missed)[2].endswith("LIME gave the shortcut away. Grad-CAM did not give it away this time.")
    # Much evidence in the corner proves nothing where the corner has as much without the sticker.
    as_much = dataclasses.replace(FELL_FOR_IT, evidence={"Grad-CAM": (0.5, 0.45)})
    assert sentences(as_much)[2].endswith("Grad-CAM did not give it away this time.")
    nothing = dataclasses.replace(FELL_FOR_IT, evidence={"Grad-CAM": (float("nan"), float("nan"))})
    assert "Grad-CAM none with the sticker, none without" in sentences(nothing)[2]
    assert sentences(nothing)[2].endswith("Grad-CAM did not give it away this time.")


def test_a_weak_network_is_called_weak():
    assert "more --epochs" in sentences(dataclasses.replace(FELL_FOR_IT, accuracy_others=0.4))[0]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0%"), (1.0, "100%"), (0.524, "52%"), (0.996, "99.6%"), (0.003, "0.3%"), (float("nan"), "none")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_the_table_fits_into_80_columns_and_its_cells_stand_under_their_titles():
    titles = HEADER.splitlines()
    row = line(12, (0.5, 0.996, 1.0, 0.0, float("nan")))
    assert row.split() == ["12", "50%", "99.6%", "100%", "0%", "none"]
    assert {len(row)} | {len(title) for title in titles} == {77}
