import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.errors import InputError
from jaxsr.models.vgg import VGG, _pooled, convolutions, needed_convolutions

TAPS = ("conv1_2", "relu2_2", "conv4_1")


def test_the_layers_are_those_of_configurations_d_and_e():
    assert [len(convolutions(depth)) for depth in (16, 19)] == [13, 16]
    # 20.0 million up to conv5_4 (Simonyan & Zisserman 2015, table 2, without the dense layers).
    shapes = jax.eval_shape(VGG(19, ("conv5_4",)).init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 20_024_384


def test_odd_sides_are_pooled_as_in_pytorch():
    """The last row and column that have no partner are left out."""
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
    x = np.random.default_rng(0).standard_normal((2, 7, 9, 5), np.float32)
    ours, backward = jax.vjp(_pooled, jnp.asarray(x))
    (gradient,) = backward(jnp.ones_like(ours))
    there = torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_()
    theirs = torch.nn.functional.max_pool2d(there, 2)
    theirs.sum().backward()
    np.testing.assert_array_equal(ours, theirs.detach().permute(0, 2, 3, 1))
    np.testing.assert_array_equal(gradient, there.grad.permute(0, 2, 3, 1))


def test_nothing_behind_the_last_tap_is_needed():
    model = VGG(19, TAPS)
    variables = random_variables(model, side=32)
    assert (
        list(variables["params"])
        == needed_convolutions(19, TAPS)
        == [
            *("conv1_1", "conv1_2", "conv2_1", "conv2_2"),
            *("conv3_1", "conv3_2", "conv3_3", "conv3_4", "conv4_1"),
        ]
    )


def test_both_normalisations_see_the_same_picture():
    signed_images = 2 * images(1, 16, 16) - 1
    variables = random_variables(VGG(16, ("conv1_1",)), side=16)
    signed = VGG(16, ("conv1_1",)).apply(variables, signed_images)["conv1_1"]
    # Weights for Caffe's input that give the same: channels in the other order, scaled by 255 and the deviation.
    layer = variables["params"]["conv1_1"]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    kernel = (layer["kernel"] / (255 * deviation)[:, None])[:, :, ::-1]
    caffe = VGG(16, ("conv1_1",), normalisation="caffe")
    moved = caffe.apply({"params": {"conv1_1": {"kernel": kernel, "bias": layer["bias"]}}}, signed_images)["conv1_1"]
    shift = (np.array([123.68, 116.779, 103.939]) / 255 - mean) / deviation
    inner = signed[:, 1:-1, 1:-1] - np.einsum("hwio,i->o", layer["kernel"], shift)
    np.testing.assert_allclose(moved[:, 1:-1, 1:-1], inner, atol=1e-4)


@pytest.mark.parametrize("taps", [("relu5_4",), ("conv9_9", "conv1_1"), ()])
def test_features_that_do_not_exist_are_named(taps):
    with pytest.raises(InputError, match="VGG16 has no features"):
        needed_convolutions(16, taps)
