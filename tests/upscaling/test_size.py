import pytest

from jaxsr.errors import InputError
from jaxsr.upscaling.size import parse_size, size_label


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3840x2160", (2160, 3840)),
        ("800x", (600, 800)),
        ("x300", (300, 400)),
        ("1X1", (1, 1)),
        ("10000×", (7500, 10000)),
    ],
)
def test_sizes_as_people_write_them(text, expected):
    assert parse_size(text, scale=None)((3000, 4000)) == expected


@pytest.mark.parametrize("text", ["5x7", "5X7", " 5×7", "05x007"])
def test_each_way_to_write_a_size_gives_the_same_name(text):
    assert size_label(text) == "5x7"
    assert (size_label("5X "), size_label("X7")) == ("5x", "x7")


def test_no_side_shrinks_to_nothing():
    assert parse_size("10x", scale=None)((1, 1000)) == (1, 10)


@pytest.mark.parametrize("text", ["", "x", "big", "0x10", "10x0", "-3x4", "3.5x2", "1234567x1"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError, match=r"--size .*: give width and height in pixels as 3840x2160"):
        parse_size(text, scale=None)


def test_a_size_and_a_scale_exclude_each_other():
    assert parse_size(None, scale=2.0) is None
    with pytest.raises(InputError, match=r"--size 10x10 and --scale 2: give one of the two"):
        parse_size("10x10", scale=2.0)
