"""From the weights of one scale to those of another: the same features, and a picture from the start."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.errors import InputError
from jaxsr.evaluation.metrics import psnr
from jaxsr.imaging.color import luma, unit_from_signed, unit_from_uint8
from jaxsr.imaging.photo import read_photo
from jaxsr.imaging.resize import resize, resize_uint8
from jaxsr.models import ESPCN, SRCNN, SRResNet
from jaxsr.models.rescaling import rescaled
from jaxsr.weights import load_weights

SET5 = Path(__file__).parents[1] / "data/Set5/HR"
SMALL = {"features": 5, "blocks": 1}


def features_of(model, variables, x):
    return model.apply(variables, x, half="features")


@pytest.mark.parametrize(("old", "new"), [(2, 8), (8, 2)])
def test_the_features_stay_and_the_rest_fits_the_new_network(old, new):
    model, x = SRResNet(scale=old, **SMALL), images(1, 12, 10)
    variables = random_variables(model)
    other = model.clone(scale=new)
    begun = rescaled(variables, model, scale=new)
    np.testing.assert_array_equal(features_of(other, begun, x), features_of(model, variables, x))
    shapes = jax.eval_shape(lambda: other.init(jax.random.key(0), x))
    assert jax.tree.map(jnp.shape, begun) == jax.tree.map(jnp.shape, shapes)
    assert np.isfinite(other.apply(begun, x)).all()
    # Training donates each array of its state, which it can only once.
    leaves = jax.tree.leaves(begun["params"])
    assert len({id(leaf) for leaf in leaves}) == len(leaves)


def test_a_smaller_scale_is_the_reduction_of_the_larger_where_that_is_linear():
    # With slopes of 1 the network after the features is linear, and the start has to be exact.
    model, x = SRResNet(scale=8, **SMALL), images(1, 12, 10)
    variables = random_variables(model)
    for i in range(3):
        variables["params"][f"prelu_up_{i}"]["slope"] = np.float32(1)
    for scale in (2, 4):
        begun = rescaled(variables, model, scale=scale)
        got = np.asarray(model.clone(scale=scale).apply(begun, x))
        by = 8 // scale
        whole = np.asarray(model.apply(variables, x)).reshape(1, 12 * scale, by, 10 * scale, by, 3).mean((2, 4))
        # The zeros that the convolutions see beyond the border are of another size.
        np.testing.assert_allclose(got[:, 8:-8, 8:-8], whole[:, 8:-8, 8:-8], atol=1e-5)


def test_a_larger_scale_is_the_bilinear_enlargement_of_the_smaller_where_the_last_kernel_is_narrow():
    model, x = SRResNet(scale=2, **SMALL), images(1, 12, 10)
    variables = random_variables(model)
    kernel = variables["params"]["conv_last"]["kernel"]
    variables["params"]["conv_last"]["kernel"] = np.pad(kernel[2:-2, 2:-2], ((2, 2), (2, 2), (0, 0), (0, 0)))
    variables["params"]["prelu_up_0"]["slope"] = np.float32(1)
    begun = rescaled(variables, model, scale=4)
    enlarged = resize(model.apply(variables, x), 2, kernel="bilinear")
    got = model.clone(scale=4).apply(begun, x)
    np.testing.assert_allclose(got[:, 8:-8, 8:-8], enlarged[:, 8:-8, 8:-8], atol=1e-5)


@pytest.mark.parametrize(("scale", "gain"), [(2, 1.5), (8, 1.5)])
def test_the_start_from_the_bundled_network_is_a_better_picture_than_bicubic(scale, gain):
    bundled = load_weights("srresnet")
    hr = read_photo(SET5 / "butterfly.png")[:192, :192]
    lr = unit_from_uint8(resize_uint8(hr, 1 / scale))
    begun = rescaled(bundled.variables, bundled.model, scale=scale)
    sr = unit_from_signed(jax.jit(bundled.model.clone(scale=scale).apply)(begun, lr[None])[0])

    def score(unit):
        inside = np.s_[scale:-scale, scale:-scale]
        return psnr(luma(np.clip(unit, 0, 1))[inside], luma(hr / 255)[inside])

    assert score(np.asarray(sr)) > score(np.asarray(resize(lr, scale))) + gain


def test_srcnn_has_the_same_weights_at_every_scale():
    model = SRCNN(scale=4)
    variables = random_variables(model)
    assert rescaled(variables, model, scale=3) is variables


@pytest.mark.parametrize(("model", "scale"), [(ESPCN(scale=4), 2), (SRResNet(scale=4), 3), (SRResNet(scale=3), 2)])
def test_other_changes_of_scale_are_refused(model, scale):
    with pytest.raises(InputError, match=f"×{model.scale} gives no start at ×{scale}"):
        rescaled({}, model, scale=scale)
