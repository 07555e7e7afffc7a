import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.photo import photo_size, read_photo, save_image
from jaxsr.imaging.picture import open_picture
from jaxsr.imaging.png.chunks import insert_before_pixels


def ramp(height=40, width=60):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 6, columns * 4, (rows + columns) * 2], axis=-1).astype(np.uint8)


def oriented(path, orientation, image=None):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(ramp() if image is None else image).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm"])
def test_lossless_formats_come_back_exactly(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(ramp()).save(path)
    assert np.array_equal(read_photo(path), ramp())
    assert photo_size(path) == (40, 60)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.swapaxes(0, 1)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: x[::-1, ::-1].swapaxes(0, 1)),
        (8, np.rot90),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_orientation_is_honoured(tmp_path, orientation, upright, suffix):
    path = oriented(tmp_path / f"a.{suffix}", orientation)
    assert np.array_equal(read_photo(path), upright(ramp()))
    assert photo_size(path) == upright(ramp()).shape[:2]


def test_orientation_of_a_jpeg(tmp_path):
    path = oriented(tmp_path / "a.jpg", 6)
    assert np.abs(read_photo(path).astype(int) - np.rot90(ramp(), -1)).mean() < 4
    assert photo_size(path) == (60, 40)


def test_gray_becomes_three_equal_channels(tmp_path):
    gray = ramp()[..., 0]
    Image.fromarray(gray).save(tmp_path / "a.png")
    assert np.array_equal(read_photo(tmp_path / "a.png"), np.stack([gray] * 3, axis=-1))


def test_bilevel(tmp_path):
    bits = ramp()[..., 1] > 100
    Image.fromarray(bits).save(tmp_path / "a.png")
    assert np.array_equal(read_photo(tmp_path / "a.png")[..., 2], bits * 255)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_and_not_cut(tmp_path, suffix):
    levels = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(read_photo(tmp_path / f"a.{suffix}")[..., 0], np.round(levels / 257.0))


def test_palette_with_and_without_transparency(tmp_path):
    indices = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    indices.putpalette([10, 20, 30, 200, 100, 50, 0, 0, 0])
    indices.save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").tolist() == [[[10, 20, 30], [200, 100, 50], [0, 0, 0]]]
    indices.save(tmp_path / "b.png", transparency=2)
    assert read_photo(tmp_path / "b.png").tolist() == [[[10, 20, 30], [200, 100, 50], [255, 255, 255]]]
    indices.save(tmp_path / "c.png", transparency=bytes([255, 0, 255]))
    assert read_photo(tmp_path / "c.png").tolist() == [[[10, 20, 30], [255, 255, 255], [0, 0, 0]]]


def test_alpha_is_laid_on_white(tmp_path):
    rgba = np.array([[[100, 0, 200, 255], [100, 0, 200, 0], [100, 0, 200, 51]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    expected = [[100, 0, 200], [255, 255, 255], [224, 204, 244]]
    assert np.abs(read_photo(tmp_path / "a.png")[0].astype(int) - expected).max() <= 1


def test_transparent_colour_of_an_rgb_png(tmp_path):
    Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)).save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert read_photo(tmp_path / "a.png").tolist() == [[[255, 255, 255], [4, 5, 6]]]


def test_cmyk(tmp_path):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[..., 0] = 255
    Image.frombytes("CMYK", (8, 8), inks.tobytes()).save(tmp_path / "a.tif")
    assert np.array_equal(read_photo(tmp_path / "a.tif")[0, 0], [0, 255, 255])


def _truncated(path):
    save_image(path, np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize(
    ("name", "spoil", "why"),
    [
        ("a.jpg", _truncated, "truncated"),
        ("a.png", _truncated, "cannot be read"),
        ("b.png", lambda path: path.write_text("this is a text"), "no picture"),
        ("c.png", lambda path: path.write_bytes(b""), "empty"),
        ("d.png", lambda path: None, "No such file"),
        ("e.tif", lambda path: Image.fromarray(np.full((4, 4), 2.0, np.float32)).save(path), "from 0 to 1"),
        ("f.tif", lambda path: Image.fromarray(np.full((4, 4), 70000, np.int32)).save(path), "pixels of type int"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, spoil, why):
    spoil(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}: .*{why}"):
        read_photo(tmp_path / name)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_floats_of_a_tiff_are_levels_over_255_as_for_upscaling(tmp_path, shape, dtype):
    levels = np.random.default_rng(0).integers(0, 256, shape)
    tifffile.imwrite(
        tmp_path / "a.tif", (levels / 255).astype(dtype), photometric="rgb" if len(shape) == 3 else "minisblack"
    )
    expected = levels if levels.ndim == 3 else np.stack([levels] * 3, axis=-1)
    assert np.array_equal(read_photo(tmp_path / "a.tif"), expected)
    assert photo_size(tmp_path / "a.tif") == (20, 30)
    assert np.array_equal(np.round(255 * open_picture(tmp_path / "a.tif").rows(0, 20)), levels)


def test_floats_with_opacity_are_laid_on_white(tmp_path):
    pixels = np.zeros((20, 30, 4), np.float32)
    pixels[:, :10, 3], pixels[:, 10:20, 3] = 1, 0.5
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    assert read_photo(tmp_path / "a.tif")[0, [0, 10, 20], 0].tolist() == [0, 128, 255]


def test_the_size_of_a_truncated_photo_is_in_its_header(tmp_path):
    _truncated(tmp_path / "a.png")
    assert photo_size(tmp_path / "a.png") == (80, 80)
    (tmp_path / "b.png").write_text("this is a text")
    with pytest.raises(InputError, match=r"b\.png: empty, or no picture"):
        photo_size(tmp_path / "b.png")


def test_save_image(tmp_path):
    save_image(tmp_path / "new" / "a.png", ramp())
    assert np.array_equal(read_photo(tmp_path / "new" / "a.png"), ramp())
    save_image(tmp_path / "a.JPG", ramp())
    with Image.open(tmp_path / "a.JPG") as image:
        assert image.format == "JPEG"
    assert np.abs(read_photo(tmp_path / "a.JPG").astype(int) - ramp()).max() < 12
    with pytest.raises(InputError, match=r"a\.xyz: give the output a name in \.png, \.jpg"):
        save_image(tmp_path / "a.xyz", ramp())
    with pytest.raises(TypeError, match="float32"):
        save_image(tmp_path / "b.png", ramp().astype(np.float32))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.JPG", "new"]


def test_a_transparent_level_of_a_gray_png_of_16_bits(tmp_path):
    levels = np.array([[1000, 1001, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("r+b") as file:
        insert_before_pixels(file, [(b"tRNS", (1000).to_bytes(2))])
    assert read_photo(tmp_path / "a.png")[..., 0].tolist() == [[255, 4, 255]]
