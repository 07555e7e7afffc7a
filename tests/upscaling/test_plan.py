import os
from pathlib import Path

import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.upscaling.plan import find_sources, plan


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder with a.png, b.jpg and sub/c.png, in the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "sub/c.png"):
        Image.new("RGB", (6, 5), "teal").save(folder / name)
    return folder


def targets(inputs, output, **options):
    return [str(job.target) for job in plan([str(name) for name in inputs], str(output), label="x4", **options)]


def test_a_folder_stands_for_its_photos(photos):
    (photos / "notes.txt").write_text("")
    found = lambda *inputs, **options: [s.path for s in find_sources([str(i) for i in inputs], **options)]  # noqa: E731
    assert found(photos) == [photos / "a.png", photos / "b.jpg"]
    assert found(photos, recursive=True) == [photos / "a.png", photos / "b.jpg", photos / "sub/c.png"]
    assert found(photos / "b.jpg", "absent.png") == [photos / "b.jpg", Path("absent.png")]
    assert found(photos / "b.jpg", photos, "photos/../photos/a.png") == [photos / "b.jpg", photos / "a.png"]
    for inputs, output in (([""], "a.png"), (["a.png"], "")):
        with pytest.raises(InputError, match="is empty; give a name"):
            plan(inputs, output, label="x4")
    with pytest.raises(InputError, match="at least one"):
        find_sources([])
    (photos / "none/deeper").mkdir(parents=True)
    Image.new("RGB", (6, 5)).save(photos / "none/deeper/d.png")
    with pytest.raises(InputError, match="no photos in this folder; --recursive"):
        find_sources([str(photos / "none")])


def test_photos_saved_by_browsers_and_portable_pixmaps_are_found_by_their_other_suffixes(photos):
    Image.new("RGB", (6, 5)).save(photos / "c.jfif", "JPEG")
    Image.new("RGB", (6, 5)).save(photos / "d.PNM", "PPM")
    assert [source.path.name for source in find_sources([str(photos)])] == ["a.png", "b.jpg", "c.jfif", "d.PNM"]


def test_links_to_files_are_followed_and_circles_and_pipes_are_not(photos):
    (photos / "sub/link.png").symlink_to("../a.png")
    (photos / "sub/dangling.png").symlink_to("nowhere.png")
    (photos / "sub/around").symlink_to("..")
    os.mkfifo(photos / "pipe.png")
    found = [str(source.place) for source in find_sources([str(photos)], recursive=True)]
    assert found == ["a.png", "b.jpg", "sub/c.png", "sub/dangling.png", "sub/link.png"]


def test_one_picture_goes_to_a_file_or_into_a_folder(photos):
    source = [photos / "b.jpg"]
    for output, target in (
        ("c.png", "c.png"),
        ("c.JPEG", "c.JPEG"),
        ("new/", "new/b_x4.png"),
        ("photos", "photos/b_x4.png"),
    ):
        assert targets(source, output) == [target]
    for output in ("new", "c.xyz"):
        with pytest.raises(InputError, match=r"\.png, \.jpg, \.webp"):
            targets(source, output)
    with pytest.raises(InputError, match=r"c\.png: the name says the format"):
        targets(source, "c.png", suffix=".webp")


def test_several_pictures_and_folders_go_into_a_folder(photos):
    several = [photos / "a.png", photos / "b.jpg"]
    assert targets(several, "new") == targets([photos], "new") == ["new/a_x4.png", "new/b_x4.png"]
    assert targets([photos / "sub"], "new", suffix=".jpg") == ["new/c_x4.jpg"]
    assert targets([photos], "new", recursive=True) == ["new/a_x4.png", "new/b_x4.png", "new/sub/c_x4.png"]
    Path("file").write_text("")
    for inputs in (several, [photos / "sub"]):
        for output in ("c.png", "file"):
            with pytest.raises(InputError, match="name a folder"):
                targets(inputs, output)


def test_results_are_not_upscaled_again(photos):
    first = plan([str(photos)], "photos/out", label="x4", recursive=True)
    in_place = plan([str(photos)], "photos", label="x4", recursive=True)
    for job in first + in_place:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 20)).save(job.target)
    Path("link").symlink_to("photos/out")
    again = plan([str(photos)], "photos", label="x4", recursive=True)
    # The results in photos/out are unknown to this call; those beside their sources are not.
    assert [job for job in again if "out" not in job.source.parts] == in_place
    for output in ("photos/out", "photos/sub/../out/", "link"):
        sources = [job.source for job in plan([str(photos)], output, label="x4", recursive=True)]
        assert sources == sorted([job.source for job in first] + [job.target for job in in_place])


def test_results_of_another_scale_or_format_are_not_upscaled_again(photos):
    made = ["a_x2.png", "a_640x.webp", "a_x480.png", "b.jpg_x1.5.png", "a_x2_x4.png", "sub/c_x2.tif"]
    own = ["a_640x480.jpg", "a_x2.avif", "a_xy.png", "d_x2.png", "sub/a_x2.png"]
    for name in made + own:
        (photos / name).write_bytes(b"")
    everything = sorted(Path(name) for name in ["a.png", "b.jpg", "sub/c.png", *made, *own])
    sources = lambda *inputs, output: [  # noqa: E731
        job.source.relative_to("photos") for job in plan(inputs, output, label="x4", recursive=True)
    ]
    assert sources("photos", output="photos") == [path for path in everything if str(path) not in made]
    # Elsewhere, and where they are named, they are pictures like others.
    assert sources("photos", output="new") == everything
    assert sources("photos/a.png", "photos/a_x2.png", output="photos") == [Path("a.png"), Path("a_x2.png")]


def test_the_same_name_twice_keeps_its_suffix_whichever_is_there_first(photos):
    Image.new("RGB", (6, 5)).save(photos / "a.jpg")
    Image.new("RGB", (6, 5)).save(photos / "sub/a.png")
    expected = ["a.jpg_x4.png", "a.png_x4.png", "b_x4.png", "sub/a_x4.png", "sub/c_x4.png"]
    assert targets([photos], "new", recursive=True) == [f"new/{name}" for name in expected]
    # On some file systems these two would be one.
    (photos / "a.jpg").rename(photos / "A.jpg")
    assert targets([photos], "new") == ["new/A.jpg_x4.png", "new/a.png_x4.png", "new/b_x4.png"]
    with pytest.raises(InputError, match=r"both photos/a\.png and photos/sub/a\.png"):
        targets([photos / "a.png", photos / "sub/a.png"], "new")


def test_a_name_without_its_suffix_that_another_picture_has_with_it_is_not_shortened(photos):
    for name in ("a.jpg", "a.jpg.png", "B.jpg.tif"):
        Image.new("RGB", (6, 5)).save(photos / name)
    expected = ["B.jpg.tif_x4.png", "a.jpg_x4.png", "a.jpg.png_x4.png", "a.png_x4.png", "b_x4.png"]
    assert targets([photos], "new") == [f"new/{name}" for name in expected]


def test_names_that_differ_in_case_are_refused_only_where_case_is_ignored(photos, monkeypatch):
    Image.new("RGB", (6, 5)).save(photos / "A.png")
    # Linux's usual file systems distinguish them.
    assert len(list(photos.glob("[aA].png"))) == 2
    assert targets([photos], "new") == ["new/A.png_x4.png", "new/a.png_x4.png", "new/b_x4.png"]
    assert [path.name for path in Path().iterdir()] == ["photos"]
    exists = Path.exists
    # In place of a file system that ignores case.
    monkeypatch.setattr(
        Path, "exists", lambda path: exists(path) or path.name.lower() in map(str.lower, os.listdir(path.parent))
    )
    with pytest.raises(InputError, match=r"upper and lower case.* rename photos/a\.png, or upscale it into another"):
        targets([photos], "new")


def test_a_folder_in_the_place_of_a_result_is_refused(photos):
    Path("new/a_x4.png").mkdir(parents=True)
    with pytest.raises(InputError, match=r"new/a_x4\.png is a folder"):
        targets([photos], "new")
    with pytest.raises(InputError, match=r"new/a_x4\.png is a folder"):
        jaxsr.upscale(photos / "a.png", "new/a_x4.png", model="nearest")


def test_no_source_is_replaced(photos):
    Path("link.png").symlink_to("photos/a.png")
    for output in ("photos/a.png", "photos/../photos/a.png", "link.png"):
        with pytest.raises(InputError, match="replace an input"):
            targets([photos / "a.png"], output)
    (photos / "a_x4.png").write_bytes(b"")
    with pytest.raises(InputError, match="replace an input"):
        targets([photos / "a.png", photos / "a_x4.png"], "photos")


def test_a_folder_that_cannot_be_is_refused(photos):
    with pytest.raises(InputError, match=r"a\.png is a file"):
        targets([photos], "photos/a.png/new/")
