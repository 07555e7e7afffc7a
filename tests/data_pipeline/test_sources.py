import importlib.util
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jaxsr.data.sources import SAMPLES, open_source
from jaxsr.errors import InputError
from jaxsr.imaging.photo import read_photo


def test_the_samples_are_photos_fit_for_training():
    source = open_source(["samples"])
    assert len(source) == 6
    assert all(min(size) >= 384 for size in source.sizes)
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 2_000_000
    for index, size in enumerate(source.sizes):
        assert source[index].shape == (*size, 3)
        assert source[index].dtype == np.uint8
        assert source[index].std() > 20


def test_folders_are_joined_in_the_order_they_are_named(tmp_path):
    for name, level in {"one/b.png": 1, "one/sub/a.png": 2, "two/c.jpg": 100}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((30, 40, 3), level, np.uint8)).save(tmp_path / name)
    (tmp_path / "two" / "d.png").write_text("no picture")
    source = open_source([tmp_path / "two", str(tmp_path / "one")])
    assert [name[len(str(tmp_path)) + 1 :] for name in source.names] == [
        "two/c.jpg",
        "two/d.png",
        "one/b.png",
        "one/sub/a.png",
    ]
    assert source.sizes == [(30, 40), None, (30, 40), (30, 40)]
    assert [int(source[index].mean()) for index in (0, 2, 3)] == [100, 1, 2]
    with pytest.raises(InputError, match=r"d\.png"):
        source[1]


def test_a_linked_folder_is_read_alone_and_beside_others(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "photos" / "a.png")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "photos").symlink_to("../photos")
    assert [name.rsplit("/", 2)[1:] for name in open_source([tmp_path / "links"]).names] == [["photos", "a.png"]]
    Image.new("RGB", (40, 30)).save(tmp_path / "links" / "b.png")
    assert len(open_source([tmp_path / "links"])) == 2


def test_what_is_no_source_is_named(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder"):
        open_source([tmp_path / "absent"])
    with pytest.raises(InputError, match="no photos in this folder"):
        open_source([tmp_path])
    with pytest.raises(InputError, match="no photos were named"):
        open_source([])


@pytest.fixture(scope="module")
def tiny_set():
    """A TFDS set as anyone would write it: the class enters TFDS's list of sets by being defined."""
    import tensorflow_datasets as tfds

    class JaxsrTiny(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "lr": tfds.features.Image(shape=(None, None, 3)),
                "hr": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(num_classes=7),
            }
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(5), "validation": self._generate_examples(2)}

        def _generate_examples(self, count):
            for number in range(count):
                photo = tiny_photo(number)
                yield number, {"lr": png(photo[::4, ::4]), "hr": png(photo), "label": number}

    return "tfds:jaxsr_tiny"


@pytest.fixture(scope="module")
def tfds_directory(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


def tiny_photo(number):
    return np.random.default_rng(number).integers(0, 256, (40 + number, 60, 3), dtype=np.uint8)


def png(photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    file.seek(0)
    return file


def test_a_tfds_set_gives_its_hr_images(tiny_set, tfds_directory):
    source = open_source([tiny_set, f"{tiny_set}:1.0.0:validation"], tfds_directory=tfds_directory)
    assert len(source) == 7
    assert source.sizes == [None] * 7
    assert source.names[0] == "tfds:jaxsr_tiny#0"
    # TFDS shuffles what it writes; heights tell the photos apart.
    photos = [source[index] for index in range(7)]
    assert sorted(photo.shape[0] for photo in photos[:5]) == [40, 41, 42, 43, 44]
    assert sorted(photo.shape[0] for photo in photos[5:]) == [40, 41]
    assert all(np.array_equal(photo, tiny_photo(photo.shape[0] - 40)) for photo in photos)
    assert len(open_source([f"{tiny_set}:train[:2]"], tfds_directory=tfds_directory)) == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tfds:jaxsr_tiny:test", "no split 'test'; it has train, validation"),
        ("tfds:jaxsr_tiny:9.9.9", "no such configuration or version"),
        ("tfds:div2k/bicubic_x5", "configurations: .*bicubic_x4"),
        ("tfds:no_such_set_anywhere", "TFDS has no set of this name"),
        ("tfds:ag_news_subset", "no image feature; it has .*title"),
        ("tfds:", "write tfds:SET"),
    ],
)
def test_a_wrong_tfds_name_is_explained(tiny_set, tfds_directory, name, sentence):
    with pytest.raises(InputError, match=sentence):
        open_source([name], tfds_directory=tfds_directory)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_a_set_that_needs_tensorflow_names_the_extra(tmp_path):
    # In a process of its own, since the attempt leaves TFDS convinced that TensorFlow is half there.
    code = (
        "import sys\nfrom jaxsr.data.sources import open_source\nfrom jaxsr.errors import reported\n"
        "with reported():\n    open_source(['tfds:coco/2014'], tfds_directory=sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'error: tfds:coco/2014 needs TensorFlow: pip install "jaxsr[tensorflow]"' in done.stderr


def test_read_photo_takes_open_files_and_calls_them_by_name():
    with pytest.raises(InputError, match=r"^tfds:some#3: empty"):
        read_photo(io.BytesIO(b""), name="tfds:some#3")
