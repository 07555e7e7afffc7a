import jax
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.models import SRResNet
from jaxsr.runs.card import training_card
from jaxsr.upscaling.loading import load_named
from jaxsr.weights.lineage import ancestors, content_hash, interpolated, lineage
from jaxsr.weights.store import Weights, load_weights, save_weights

MODEL = SRResNet(features=4, blocks=1)


def trained(seed, started_from=None, stage="srresnet"):
    card = training_card(TrainConfig(stage=stage), photos={}, started_from=started_from, used={})
    return Weights(MODEL, random_variables(MODEL, seed=seed), card)


@pytest.fixture
def family(tmp_path):
    """Three generations in files, the first in half precision, and a stranger."""
    grandparent = trained(0)
    parent = trained(1, grandparent)
    child = trained(2, parent, "srgan")
    save_weights(tmp_path / "grandparent.safetensors", grandparent, storage=np.float16)
    for name, weights in (("parent", parent), ("child", child), ("stranger", trained(3))):
        save_weights(tmp_path / f"{name}.safetensors", weights)
    return tmp_path


def test_the_hash_is_that_of_the_values_in_half_precision():
    variables = random_variables(MODEL)
    halved = jax.tree.map(lambda value: value.astype(np.float16).astype(np.float32), variables)
    assert content_hash(variables) == content_hash(halved)
    changed = jax.tree.map(np.copy, variables)
    changed["batch_stats"]["norm_body"]["mean"][0] += 0.01
    assert content_hash(changed) != content_hash(variables)


def test_the_ends_are_the_networks_themselves_and_the_middle_is_halfway():
    base, weights = trained(0), trained(1)
    for strength, expected in ((0.0, base), (1.0, weights)):
        mixed = interpolated(base, weights, strength).variables
        assert jax.tree.all(jax.tree.map(np.array_equal, mixed, expected.variables))
    middle = interpolated(base, weights, 0.5).variables["batch_stats"]["norm_body"]["var"]
    ends = [w.variables["batch_stats"]["norm_body"]["var"] for w in (base, weights)]
    np.testing.assert_allclose(middle, np.mean(ends, axis=0), rtol=1e-6)


@pytest.mark.parametrize("base", ["parent", "grandparent"])
def test_load_mixes_with_an_ancestor_however_far(family, base):
    child, ancestor = family / "child.safetensors", family / f"{base}.safetensors"
    lr = images(12, 14)
    assert np.array_equal(load_named(child, strength=0, base=ancestor)(lr), load_named(ancestor)(lr))
    assert np.array_equal(load_named(child, strength=1, base=ancestor)(lr), load_named(child)(lr))
    between = load_named(child, strength=0.5, base=ancestor)
    assert not np.array_equal(between(lr), load_named(child)(lr))
    assert between.name == "child, strength 0.5"


def test_a_runs_own_start_is_found(family, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.safetensors").write_bytes((family / "child.safetensors").read_bytes())
    with pytest.raises(InputError, match="is not at hand; name it as base"):
        load_named(run, strength=0.5)
    (run / "start.safetensors").write_bytes((family / "parent.safetensors").read_bytes())
    lr = images(12, 14)
    assert np.array_equal(load_named(run, strength=0)(lr), load_named(family / "parent.safetensors")(lr))


@pytest.mark.parametrize(("name", "faithful"), [("srgan", "srresnet"), ("srgan_real", "srresnet_real")])
def test_strength_0_of_a_bundled_gan_is_its_nearest_bundled_ancestor(name, faithful):
    # `srgan_real` descends from `srresnet` too.
    lr = images(12, 14)
    assert np.array_equal(load_named(name, strength=0)(lr), load_named(faithful)(lr))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("child", {"strength": 0.5, "base": "stranger"}, "does not descend from"),
        ("parent", {"strength": 0.5, "base": "child"}, "does not descend from"),
        ("stranger", {"strength": 0.5}, "was trained from is not in its card"),
        ("parent", {"strength": 0.5}, "is no SRGAN; name an ancestor as base"),
        ("child", {"strength": 1.5, "base": "parent"}, "strength 1.5: must be from 0"),
        ("child", {"strength": float("nan"), "base": "parent"}, "strength nan"),
        ("child", {"base": "parent"}, "give strength too"),
    ],
)
def test_what_lies_between_strangers_is_refused(family, name, options, words):
    if "base" in options:
        options = options | {"base": family / f"{options['base']}.safetensors"}
    with pytest.raises(InputError, match=words):
        load_named(family / f"{name}.safetensors", **options)


def test_an_srgan_from_an_srgan_mixes_with_what_both_came_from(family, tmp_path):
    child = load_weights(family / "child.safetensors")
    grandchild = trained(4, child, "srgan")
    run = tmp_path / "run"
    run.mkdir()
    save_weights(run / "last.safetensors", grandchild)
    (run / "start.safetensors").write_bytes((family / "child.safetensors").read_bytes())
    with pytest.raises(InputError, match="is not at hand; name it as base"):
        load_named(run, strength=0)
    lr = images(12, 14)
    mixed = load_named(run, strength=0, base=family / "parent.safetensors")
    assert np.array_equal(mixed(lr), load_named(family / "parent.safetensors")(lr))


def test_an_ancestor_of_another_scale_is_no_base(family, tmp_path):
    parent = load_weights(family / "parent.safetensors")
    model, card = parent.model.clone(scale=2), {"recipe": {"stage": "srgan"}, "lineage": lineage(parent)}
    child = Weights(model, random_variables(model), card)
    (tmp_path / "run").mkdir()
    save_weights(tmp_path / "run/last.safetensors", child)
    (tmp_path / "run/start.safetensors").write_bytes((family / "parent.safetensors").read_bytes())
    with pytest.raises(InputError, match="is not at hand; name it as base"):
        load_named(tmp_path / "run", strength=0.5)


def test_interpolations_have_no_strength():
    with pytest.raises(InputError, match="bicubic is an interpolation"):
        load_named("bicubic", strength=0.5)


def test_the_card_carries_all_generations(family):
    hashes = ancestors(load_weights(family / "child.safetensors").card)
    assert hashes == [content_hash(trained(1).variables), content_hash(trained(0).variables)]
