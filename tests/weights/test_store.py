import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxsr.errors import InputError
from jaxsr.models import ESPCN, SRCNN, SRResNet
from jaxsr.weights import Weights, load_weights, save_weights
from jaxsr.weights.vgg import read_vgg

MODELS = [SRResNet(features=8, blocks=2, scale=s) for s in (2, 3, 4, 8)]
MODELS += [SRResNet(features=8, blocks=1, output="tanh"), ESPCN(scale=3), SRCNN(scale=2), SRCNN(kernels=(9, 5, 5))]


def random_weights(model, card=None, seed=0):
    """Weights in which every tensor, batch norm's means and variances included, is random."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    random = np.random.default_rng(seed)
    values = jax.tree.map(lambda leaf: random.uniform(0.1, 1, leaf.shape).astype(np.float32), shapes)
    return Weights(model, values, card or {})


@pytest.fixture
def weights():
    return random_weights(MODELS[2], {"steps": 7, "training_data": ["Büro"], "validation": {"psnr_y": 30.5}})


def rewritten(path, change):
    """The file at `path` again, after `change(tensors, card)`; a written file that only the test makes."""
    with safetensors.safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()["card"])
    change(tensors, card)
    path.write_bytes(safetensors.numpy.save(tensors, metadata={"card": json.dumps(card)}))
    return path


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_loaded_equals_saved(tmp_path, model):
    saved = random_weights(model)
    save_weights(tmp_path / "net.safetensors", saved)
    loaded = load_weights(tmp_path / "net.safetensors")
    assert loaded.model == model
    jax.tree.map(np.testing.assert_array_equal, saved.variables, loaded.variables)
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded.variables)} == {jnp.dtype("float32")}


def test_card_says_what_the_network_is_and_keeps_what_the_caller_knows(tmp_path, weights):
    save_weights(tmp_path / "net.safetensors", weights)
    assert load_weights(tmp_path / "net.safetensors").card == {
        "format": "jaxsr",
        "architecture": {
            "name": "srresnet",
            "fields": {
                "scale": 4,
                "features": 8,
                "blocks": 2,
                "output": "linear",
                "body_end": "norm",
                "normalisation": "none",
            },
        },
        "scale": 4,
        "input_range": [0, 1],
        "output_range": [-1, 1],
        "steps": 7,
        "training_data": ["Büro"],
        "validation": {"psnr_y": 30.5},
    }


def test_file_is_plain_safetensors_with_paths_as_names(tmp_path, weights):
    save_weights(tmp_path / "net.safetensors", weights)
    tensors = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(
        tensors["batch_stats/block_1/norm_2/mean"], weights.variables["batch_stats"]["block_1"]["norm_2"]["mean"]
    )
    assert tensors["params/block_0/prelu/slope"].shape == ()
    assert len(tensors) == len(jax.tree.leaves(weights.variables))


def test_equal_weights_give_equal_bytes(tmp_path, weights):
    backwards = unflatten_dict(dict(reversed(flatten_dict(weights.variables).items())))
    card = dict(reversed(weights.card.items()))
    for i in range(8):
        save_weights(tmp_path / f"{i}.safetensors", weights)
    save_weights(tmp_path / "8.safetensors", Weights(weights.model, backwards, card))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_memory_layout_does_not_matter(tmp_path, weights):
    transposed = jax.tree.map(lambda x: np.asfortranarray(x) if x.ndim else x, weights.variables)
    save_weights(tmp_path / "net.safetensors", Weights(weights.model, transposed, {}))
    jax.tree.map(np.testing.assert_array_equal, weights.variables, load_weights(tmp_path / "net.safetensors").variables)


def test_float16_halves_the_file_and_loads_as_float32(tmp_path, weights):
    save_weights(tmp_path / "full.safetensors", weights)
    save_weights(tmp_path / "half.safetensors", weights, storage=np.float16)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * (tmp_path / "full.safetensors").stat().st_size
    loaded = load_weights(tmp_path / "half.safetensors")
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded.variables)} == {jnp.dtype("float32")}
    # float16 has 11 bits of mantissa.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2**-11), loaded.variables, weights.variables)


def test_dtype_is_that_of_computation_only(tmp_path, weights):
    save_weights(tmp_path / "net.safetensors", weights)
    loaded = load_weights(tmp_path / "net.safetensors", dtype=jnp.bfloat16)
    assert loaded.model.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded.variables)} == {jnp.dtype("float32")}


def test_all_differences_are_named_at_once(tmp_path, weights):
    save_weights(tmp_path / "net.safetensors", weights)

    def change(tensors, card):
        del tensors["params/conv_first/bias"]
        tensors["params/surplus"] = np.zeros(3, np.float32)
        tensors["params/conv_last/bias"] = np.zeros(4, np.float32)
        tensors["params/upconv_0/bias"] = tensors["params/upconv_0/bias"].astype(np.float64)
        tensors["params/upconv_1/bias"][3] = np.nan

    with pytest.raises(InputError) as error:
        load_weights(rewritten(tmp_path / "net.safetensors", change))
    assert str(error.value) == (
        f"{tmp_path}/net.safetensors: the tensors are not those of this srresnet ×4: "
        "1 missing (params/conv_first/bias); 1 unexpected (params/surplus); "
        "1 of the wrong shape (params/conv_last/bias [4] for [3]); "
        "1 neither float32 nor float16 (params/upconv_0/bias float64); 1 with NaN or infinity (params/upconv_1/bias)"
    )


def test_many_differences_are_shortened(tmp_path, weights):
    save_weights(tmp_path / "net.safetensors", weights)

    def change(tensors, card):
        card["architecture"]["fields"]["blocks"] = 16

    # 14 blocks of 2 convolutions, a slope and twice scale, bias, mean and variance.
    with pytest.raises(InputError, match=r"154 missing \(.*, .*, .*, .* and 150 more\)$") as error:
        load_weights(rewritten(tmp_path / "net.safetensors", change))
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["architecture"].update(name="esrgan"), "unknown architecture 'esrgan'"),
        (lambda card: card["architecture"]["fields"].update(depth=3), "srresnet has no field 'depth'"),
        (lambda card: card["architecture"]["fields"].update(features="many"), "srresnet cannot have features='many'"),
        (lambda card: card["architecture"]["fields"].update(output="sigmoid"), "cannot have output='sigmoid'"),
        (lambda card: card["architecture"]["fields"].update(scale=5), "cannot have scale=5"),
        (lambda card: card["architecture"].pop("fields"), "not an architecture"),
        (lambda card: card["architecture"]["fields"].update(blocks=2_000), "fewer than the modules"),
        (lambda card: card["architecture"]["fields"].update(features=10**400), "cannot be built"),
        (
            lambda card: card["architecture"].update(name="srcnn", fields={"kernels": [9, [5], 5]}),
            "cannot have kernels",
        ),
        (lambda card: card.update(recipe=None), "the recipe on its card cannot be NoneType"),
        (lambda card: card.update(lineage={"lineage": [1]}), "the lineage on its card cannot be list"),
        (lambda card: card.update(lineage={"hash": {}}), "the hash on its card cannot be dict"),
        (lambda card: card.pop("architecture"), "no jaxsr model card"),
        (lambda card: card.pop("format"), "no jaxsr model card"),
    ],
)
def test_wrong_cards_are_refused(tmp_path, weights, change, message):
    save_weights(tmp_path / "net.safetensors", weights)
    path = rewritten(tmp_path / "net.safetensors", lambda tensors, card: change(card))
    with pytest.raises(InputError, match=message) as error:
        load_weights(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("card", ["[" * 200_000, "9" * 5000, '"format"', "[]", "null", "{}"], ids=lambda card: card[:8])
def test_a_card_that_is_no_object_is_refused(tmp_path, card):
    path = tmp_path / "net.safetensors"
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(3, np.float32)}, metadata={"card": card}))
    with pytest.raises(InputError, match=r"net\.safetensors: no jaxsr model card"):
        load_weights(path)
    with pytest.raises(InputError, match=r"net\.safetensors: not a (VGG|readable safetensors file)"):
        read_vgg(path)


def test_files_that_are_no_weights_are_refused(tmp_path, weights):
    path = tmp_path / "net.safetensors"
    save_weights(path, weights)
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"net\.safetensors: not a readable safetensors file"):
            load_weights(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    with pytest.raises(InputError, match="not a readable safetensors file"):
        load_weights(path)
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(3, np.float32)}))
    with pytest.raises(InputError, match="no jaxsr model card"):
        load_weights(path)


def test_a_training_run_is_its_best_weights_or_else_its_last(tmp_path, weights):
    with pytest.raises(InputError, match=r"neither best\.safetensors nor last\.safetensors"):
        load_weights(tmp_path)
    save_weights(tmp_path / "last.safetensors", Weights(weights.model, weights.variables, {"steps": 2}))
    assert load_weights(tmp_path).card["steps"] == 2
    save_weights(tmp_path / "best.safetensors", Weights(weights.model, weights.variables, {"steps": 1}))
    assert load_weights(str(tmp_path)).card["steps"] == 1


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"srresmet: no such weights file, .* \(bundled: "):
        load_weights("srresmet")
    with pytest.raises(InputError, match="no such weights file"):
        load_weights(tmp_path / "absent.safetensors")


def test_weights_that_could_not_be_loaded_are_not_written(tmp_path, weights):
    path = tmp_path / "net.safetensors"
    save_weights(path, weights)
    before = path.read_bytes()
    spoiled = jax.tree.map(lambda x: x * np.float32(np.nan), weights.variables)
    for model, variables, message in (
        (weights.model, spoiled, "with NaN or infinity"),
        (weights.model, {"params": weights.variables["params"]}, "10 missing"),
        (SRResNet(features=8, blocks=3), weights.variables, "missing"),
        (SRResNet(features=9, blocks=2), weights.variables, "of the wrong shape"),
    ):
        with pytest.raises(InputError, match=message):
            save_weights(path, Weights(model, variables, {}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_made_is_named_as_it_was_given(tmp_path):
    path = tmp_path / f"{'a' * 300}.safetensors"
    with pytest.raises(OSError, match="too long") as caught:
        save_weights(path, random_weights(ESPCN()))
    assert caught.value.filename == str(path)
