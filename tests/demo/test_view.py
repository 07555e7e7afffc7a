"""The tiles that the page shows, against Pillow and MATLAB's bicubic."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from jaxsr.imaging.resize import resize_uint8

view = pytest.importorskip("jaxsr.demo.view", reason='the page needs pip install "jaxsr[demo]"')


def shown(pyramid, level=-1):
    """One level of a pyramid put together, [H, W, C]."""
    tiles = {}
    for path in (pyramid.folder / str(range(pyramid.levels)[level])).iterdir():
        column, row = map(int, path.stem.split("_"))
        tiles.setdefault(row, {})[column] = np.asarray(Image.open(path))
    return np.vstack([np.hstack([tiles[row][column] for column in sorted(tiles[row])]) for row in sorted(tiles)])


def smooth(height, width, channels=3):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([127 + 90 * np.sin((c + 1) * rows / 31 + columns / (17 + c)) for c in range(channels)], -1)


def pyramid(tmp_path, image, scale=1, **options):
    image.save(tmp_path / "picture.png", **options)
    return view.write_pyramid(tmp_path / "picture.png", tmp_path / "tiles", scale=scale)


def test_levels_are_halvings_down_to_one_tile(tmp_path):
    picture = Image.fromarray(smooth(700, 1100).astype(np.uint8))
    tiles = pyramid(tmp_path, picture)
    assert (tiles.width, tiles.height, tiles.levels, tiles.suffix) == (1100, 700, 3, ".jpg")
    for level, side in ((2, (1100, 700)), (1, (550, 350)), (0, (275, 175))):
        expected = np.asarray(picture.resize(side, Image.BOX)).astype(int)
        assert np.abs(shown(tiles, level) - expected).max() < 12
    assert len(list(tiles.folder.joinpath("0").iterdir())) == 1


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("transparent", [False, True])
def test_enlarging_is_matlabs_bicubic(tmp_path, scale, transparent):
    pixels = smooth(60, 90).astype(np.uint8)
    # Transparent tiles are lossless; alpha that is nowhere low keeps the colours comparable.
    picture = np.dstack([pixels, np.full((60, 90), 200, np.uint8)]) if transparent else pixels
    tiles = pyramid(tmp_path, Image.fromarray(picture), scale)
    assert tiles.suffix == (".png" if transparent else ".jpg")
    difference = np.abs(shown(tiles).astype(int) - resize_uint8(picture, scale))
    assert difference.max() <= (3 if transparent else 8)
    # Half a pixel beside it would be far off.
    assert difference.mean() < 0.1 * np.abs(np.diff(pixels.astype(int), axis=0)).mean() / scale + 0.5


def test_colours_are_those_of_the_profile_and_sides_those_of_the_orientation(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = smooth(40, 60).astype(np.uint8)
    tiles = pyramid(tmp_path, Image.fromarray(pixels), icc_profile=profile, exif=exif)
    assert (tiles.width, tiles.height) == (40, 60)
    assert np.abs(shown(tiles).astype(int) - np.rot90(pixels, -1)).max() < 12


def test_sixteen_bits_become_eight(tmp_path):
    pixels = smooth(40, 60, 1)[..., 0]
    tiles = pyramid(tmp_path, Image.fromarray((257 * pixels).astype(np.uint16)))
    assert np.abs(shown(tiles).reshape(40, 60, -1)[..., 0].astype(int) - pixels).max() < 12


@pytest.mark.parametrize("suffix", [".bmp", ".pgm"])
def test_formats_that_only_the_upscaler_reads_are_shown_too(tmp_path, suffix):
    pixels = smooth(40, 60, 1)[..., 0].astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"picture{suffix}")
    tiles = view.write_pyramid(tmp_path / f"picture{suffix}", tmp_path / "tiles")
    assert np.abs(shown(tiles).reshape(40, 60, -1)[..., 0].astype(int) - pixels).max() < 12
