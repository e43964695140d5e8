"""The arithmetic of the Explanations tab against slower or other implementations, in the browser."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from keras_xai.render.colour import colour
from tests.browser.explanations_tab import Tab


@pytest.fixture(scope="module")
def call(browser, tab_address):
    """Calls a function of one of the page's modules: call("png.js", "decodeLabels", "new Uint8Array([…])")."""
    page = browser.new_page()
    Tab(page, tab_address)
    base = f"{tab_address}data/plugin/keras_xai/static/"

    def evaluate(module, name, arguments, result="value"):
        return page.evaluate(
            f"async () => {{ const module = await import('{base}{module}');"
            f" const value = await module.{name}({arguments}); return {result}; }}"
        )

    yield evaluate
    page.close()


def octets(content):
    return f"new Uint8Array({list(content)})"


@pytest.mark.parametrize(("dtype", "count"), [(np.uint8, 200), (np.uint16, 3000)])
def test_label_maps(call, dtype, count):
    """Blocks and noise, so that the encoder chooses among all of PNG's filters."""
    generator = np.random.default_rng(0)
    labels = np.arange(40)[:, None] // 5 * 7 + np.arange(31) // 4
    labels[::3] = generator.integers(0, count, labels[::3].shape)
    buffer = io.BytesIO()
    Image.fromarray(labels.astype(dtype)).save(buffer, "PNG")
    read = call("png.js", "decodeLabels", octets(buffer.getvalue()), "{...value, labels: [...value.labels]}")
    assert (read["width"], read["height"]) == (31, 40)
    assert np.array_equal(np.reshape(read["labels"], (40, 31)), labels.astype(dtype))


def test_a_damaged_label_map_is_refused(call):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(buffer, "PNG")
    lies = bytearray(buffer.getvalue())
    lies[16:24] = (4000).to_bytes(4, "big") * 2
    with pytest.raises(Exception, match="A label map is truncated"):
        call("png.js", "decodeLabels", octets(lies))
    with pytest.raises(Exception, match="A label map is no PNG"):
        call("png.js", "decodeLabels", octets(b"not a picture, whatever it says"))


def test_a_picture_that_claims_gigabytes_is_not_decoded(call):
    """The size in its header is a lie; decoding it would take the memory before anything could be checked."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, "JPEG")
    honest = buffer.getvalue()
    lies = bytearray(honest)
    frame = honest.index(b"\xff\xc0")
    lies[frame + 5 : frame + 9] = (60_000).to_bytes(2, "big") * 2
    assert call("pictures.js", "decodePicture", octets(honest), "[value.width, value.height]") == [8, 8]
    with pytest.raises(Exception, match="A picture of 60000×60000 pixels is too large to show"):
        call("pictures.js", "decodePicture", octets(lies))
    with pytest.raises(Exception, match="A picture is a damaged JPEG"):
        call("pictures.js", "decodePicture", octets(honest[:20]))


def test_smooth_maps_are_linear_between_the_centres_of_cells(call):
    values = np.array([[0, 1, 3], [2, 5, 4]], np.float32)
    made = {"values": values.ravel().tolist(), "width": 3, "height": 2}
    field = call(
        "paint.js", "fieldOf", f"{json.dumps(made)}, {{smooth: true}}, null", "{...value, values: [...value.values]}"
    )
    rows, columns = field["height"], field["width"]
    down = np.clip((np.arange(rows) + 0.5) * 2 / rows - 0.5, 0, 1)
    across = np.clip((np.arange(columns) + 0.5) * 3 / columns - 0.5, 0, 2)
    in_rows = np.array([np.interp(across, range(3), row) for row in values])
    expected = in_rows[0] + down[:, None] * (in_rows[1] - in_rows[0])
    np.testing.assert_allclose(np.reshape(field["values"], (rows, columns)), expected, atol=1e-5)


@pytest.mark.parametrize("signed", [False, True])
def test_colours_are_those_of_the_pictures_in_the_log(call, signed):
    table = np.reshape(call("colour.js", "table", f"'ember', {str(signed).lower()}", "[...value]"), (256, 3))
    shares = np.linspace(-1 if signed else 0, 1, 256)
    assert np.abs(table - colour(shares, 0, 1, signed).astype(int)).max() <= 1


def test_numbers_are_written_for_people(call):
    written = {0.123456: "0.123", -1234.5: "−1230", 0: "0", 0.00001234: "1.2e−5", -2e-7: "−2.0e−7"}
    assert {value: call("text.js", "number", repr(value)) for value in written} == written
    assert call("text.js", "number", "NaN") == "–"


@pytest.mark.parametrize("size", [0, 3, 8, 30])
def test_a_truncated_record_is_refused(call, size):
    manifest = b'{"version": 1}'
    record = (
        (2).to_bytes(4, "little")
        + len(manifest).to_bytes(4, "little")
        + (9).to_bytes(4, "little")
        + manifest
        + bytes(9)
    )
    assert call("record.js", "unpack", f"{octets(record)}.buffer", "value.blobs.length") == 2
    with pytest.raises(Exception, match="The record is truncated"):
        call("record.js", "unpack", f"{octets(record[:size])}.buffer")
