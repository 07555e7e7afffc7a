import os
import warnings

import pytest

from jaxsr.errors import InputError
from jaxsr.imaging.folders import find_photos


def test_find_photos_sorts_and_leaves_out_hidden_and_other_files(tmp_path):
    names = ["b.PNG", "a.jpeg", "sub/deep/c.TIF", ".hidden.png", ".cache/d.png", "notes.txt", "sub/e.webp"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    assert found == ["a.jpeg", "b.PNG", "sub/deep/c.TIF", "sub/e.webp"]
    assert [path.name for path in find_photos(tmp_path, recursive=False)] == ["a.jpeg", "b.PNG"]


def test_find_photos_names_what_is_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"absent: no such folder"):
        find_photos(tmp_path / "absent")
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"a\.png is a file"):
        find_photos(tmp_path / "a.png")


@pytest.fixture
def tree(tmp_path):
    """A folder with a photo and links: to a folder beside it, twice, to one of its own, to itself, to nothing."""
    for name in ("data/a.png", "data/sub/b.png", "beside/c.png", "beside/deep/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    data = tmp_path / "data"
    (data / "linked").symlink_to("../beside")
    (data / "once_more").symlink_to(tmp_path / "beside")
    (data / "deeper").symlink_to("../beside/deep")
    (data / "inside").symlink_to("sub")
    (data / "sub" / "around").symlink_to("..")
    (tmp_path / "beside" / "back").symlink_to("../data")
    return data


def names(folder, **options):
    return [path.relative_to(folder).as_posix() for path in find_photos(folder, **options)]


def test_linked_folders_are_followed_once_each_and_not_in_circles(tree):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = names(tree, follow=True)
    by_file = {os.path.realpath(tree / name): name for name in found}
    assert len(by_file) == len(found)
    assert {os.path.basename(path) for path in by_file} == {"a.png", "b.png", "c.png", "d.png"}
    # A photo that lies in the folder itself keeps its own place.
    assert {"a.png", "sub/b.png"} <= set(found)
    assert names(tree, follow=True, recursive=False) == ["a.png"]


def test_links_that_are_not_followed_are_named(tree):
    with pytest.warns(UserWarning, match="not followed") as told:
        assert names(tree) == ["a.png", "sub/b.png"]
    said = sorted(str(each.message) for each in told)
    assert said == [
        f"{tree / name}: a link to a folder, which is not followed; name the folder itself"
        for name in ("deeper", "linked", "once_more")
    ]


def test_a_link_that_leads_nowhere_is_named(tree):
    (tree / "gone").symlink_to("../no-such-folder")
    (tree / "photo.png").symlink_to("../no-such-photo.png")
    with pytest.warns(UserWarning, match="gone: a link that leads nowhere is left out"):
        assert "photo.png" in names(tree, follow=True)


def test_the_results_of_an_earlier_run_are_left_out_by_whatever_name(tree):
    assert "sub/b.png" not in names(tree, follow=True, apart_from=tree / "inside")


def test_a_folder_that_may_be_listed_but_not_entered_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed" / "sub").mkdir(parents=True)
    (tmp_path / "closed" / "a.png").touch()
    (tmp_path / "closed" / "notes.txt").touch()
    (tmp_path / "b.png").touch()
    tmp_path.chmod(0o755)
    (tmp_path / "closed").chmod(0o444)
    # From within, because pytest's own folders are closed to other users.
    monkeypatch.chdir(tmp_path)
    user = os.geteuid()
    try:
        if user == 0:
            # Root may enter every folder.
            try:
                os.seteuid(65534)
            except OSError:
                pytest.skip("root may not become another user here")
        with pytest.warns(UserWarning, match="closed/sub: Permission denied"):
            found = find_photos(".")
    finally:
        os.seteuid(user)
        (tmp_path / "closed").chmod(0o755)
    assert "b.png" in [path.name for path in found]
