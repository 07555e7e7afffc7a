"""Properties of the training step that a GPU needs, read off the program that JAX hands to XLA for CUDA.

That program can be had on any machine, also where there is no GPU to run it on.
"""

from functools import cache

import jax
import jax.numpy as jnp
import optax
import pytest
from jax.extend.mlir import ir
from random_networks import random_variables

from jaxsr.kernels import onednn
from jaxsr.models import SRResNet
from jaxsr.models.discriminator import Discriminator
from jaxsr.models.vgg import VGG
from jaxsr.training.gan import GanLosses, GanState, make_gan_step
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps, make_pixel_step

CROP, BATCH, STEPS = 32, 4, 3
OPTIMIZER = optax.adam(1e-3)


def pixel_stage(dtype, *, features=8):
    model = SRResNet(features=features, blocks=1, dtype=dtype)
    state = create_state(random_variables(model), OPTIMIZER, ema=True)
    return make_pixel_step(model, OPTIMIZER, seed=0, ema=0.9), state, ()


def gan_stage(dtype):
    model, judge = SRResNet(features=8, blocks=1, dtype=dtype), Discriminator(features=4, dtype=dtype)
    vgg = VGG(16, ("relu2_1",), dtype=dtype)
    state = GanState(
        jnp.int32(0),
        create_state(random_variables(model), OPTIMIZER, ema=True),
        create_state(random_variables(judge, side=CROP, train=False), OPTIMIZER, ema=False),
    )
    losses = GanLosses({"relu2_1": 1.0}, 0.1, pixel_weight=0.1)
    step = make_gan_step(model, judge, vgg, (OPTIMIZER, OPTIMIZER), losses, seed=0, ema=0.9)
    return step, state, (random_variables(vgg, side=CROP)["params"],)


STAGES = {"pixel": pixel_stage, "gan": gan_stage}


def lowered(step, state, constants, *, platform):
    """K updates, as JAX hands them to XLA."""
    batches = jax.ShapeDtypeStruct((STEPS, BATCH, CROP, CROP, 3), jnp.uint8)
    return compile_steps(step, unroll=False).trace(state, batches, *constants).lower(lowering_platforms=(platform,))


@cache
def cuda_program(stage):
    return lowered(*STAGES[stage](jnp.bfloat16), platform="cuda")


def operations(program, name="", *, within=None):
    """All operations whose name ends so, in the order of the program."""
    found = []

    def visit(operation):
        if operation.name.endswith(name):
            found.append(operation)
        return ir.WalkResult.ADVANCE

    (within or program.compiler_ir("stablehlo").operation).walk(visit)
    return found


def shape(value):
    return tuple(value.type.shape)


@pytest.mark.parametrize("stage", STAGES)
def test_convolutions_are_bfloat16_parameters_and_losses_float32(stage):
    program = cuda_program(stage)
    float32 = []
    for operation in operations(program, ".convolution"):
        types = {str(value.type.element_type) for value in [*operation.operands, *operation.results]}
        assert types in ({"bf16"}, {"f32"})
        if types == {"f32"}:
            float32.append({shape(value) for value in [*operation.operands, *operation.results]})
    # The last convolution alone, against banding: itself and its two gradients.
    assert float32 == [{(BATCH, CROP, CROP, 8), (9, 9, 8, 3), (BATCH, CROP, CROP, 3)}] * 3
    state, metrics = program.out_info
    for leaves in (state, metrics, program.in_avals):
        dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves(leaves)}
        assert "float32" in dtypes
        assert dtypes <= {"float32", "int32", "uint8"}


@pytest.mark.parametrize("stage", STAGES)
def test_no_float64_and_nothing_but_arithmetic_inside(stage):
    """No callback, transfer or infeed: only operations that are computed where the data is."""
    program = cuda_program(stage)
    assert "f64" not in program.as_text()
    assert not talking(program)


def talking(program):
    talk = ("custom_call", "infeed", "outfeed", "send", "recv")
    return [operation for name in talk for operation in operations(program, f"stablehlo.{name}")]


def test_a_callback_would_be_seen(monkeypatch):
    monkeypatch.setattr(onednn, "DTYPES", frozenset())
    step, *rest = pixel_stage(jnp.float32)

    def noisy(state, batch):
        jax.debug.print("{}", state.step)
        return step(state, batch)

    assert len(talking(lowered(noisy, *rest, platform="cpu"))) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_several_updates_are_one_loop_on_the_device(stage):
    program = cuda_program(stage)
    (loop,) = operations(program, ".while")
    assert f"dense<{STEPS}> : tensor<i32>" in str(loop.regions[0].blocks[0])
    # The update is one function, and the loop's body alone calls it, once.
    functions = operations(program, "func.func")
    (update,) = [f.attributes["sym_name"].value for f in functions if operations(program, ".convolution", within=f)]
    for where in (None, loop):
        callees = [call.attributes["callee"].value for call in operations(program, "func.call", within=where)]
        assert callees.count(update) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_the_state_is_donated(stage):
    leaves = len(jax.tree.leaves(STAGES[stage](jnp.float32)[1]))
    # The state's leaves are the first of the arguments, and the first of the results in the same order.
    for index, attributes in enumerate(argument_attributes(stage)[:leaves]):
        assert f"tf.aliasing_output = {index} : i32" in str(attributes)


def argument_attributes(stage):
    (main,) = [f for f in operations(cuda_program(stage), "func.func") if "main" in str(f.attributes["sym_name"])]
    return list(main.attributes["arg_attrs"])
