"""What makes a training step fast on a GPU, read off the programs, where there may be no GPU to run them on.

Two programs are looked at: the one that JAX hands to XLA for CUDA, which can be had on any machine, and the optimised
one of XLA's CPU backend. Dtypes and layouts are held in the first: the CPU backend computes bfloat16 convolutions in
float32, and transposes the operands of weight gradients into the one layout that it can convolve.
"""

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend.mlir import ir
from random_networks import random_variables

from jaxsr.models import SRResNet, onednn
from jaxsr.models.discriminator import Discriminator
from jaxsr.models.vgg import VGG
from jaxsr.processes.devices import make_mesh, replicated, sharded_batches
from jaxsr.training.gan import GanLosses, GanState, make_gan_step
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps, make_pixel_step

CROP, BATCH, STEPS = 32, 4, 3
OPTIMIZER = optax.adam(1e-3)
# A quick compilation: the instructions stay, LLVM does less with them.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
# With one block, first, body and last convolution, and two pixel shuffles; of VGG the layers up to relu2_1.
GENERATOR_CONVOLUTIONS, JUDGE_CONVOLUTIONS, VGG_CONVOLUTIONS = 7, 8, 3


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


@cache
def cpu_program(stage):
    """One update on two devices, as XLA optimises it for a CPU, without oneDNN, of which XLA sees only calls."""
    step, state, constants = STAGES[stage](jnp.float32)
    mesh = make_mesh(2, batch_size=BATCH)
    batches = sharded_batches(np.zeros((1, BATCH, CROP, CROP, 3), np.uint8), mesh)
    arguments = (replicated(state, mesh), batches, *replicated(constants, mesh))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onednn, "DTYPES", frozenset())
        return compile_steps(step).lower(*arguments).compile(compiler_options=QUICK).as_text()


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
    (aliases,) = re.findall(r"input_output_alias=\{(.*?\)) \}", cpu_program(stage))
    pairs = re.findall(r"\{(\d+)\}: \((\d+), \{\}, \w+-alias\)", aliases)
    # The state's leaves are the first of the arguments, and the first of the results in the same order.
    assert pairs == [(str(i), str(i)) for i in range(leaves)]
    assert all("tf.aliasing_output" in str(attribute) for attribute in argument_attributes(stage)[:leaves])


def argument_attributes(stage):
    (main,) = [f for f in operations(cuda_program(stage), "func.func") if "main" in str(f.attributes["sym_name"])]
    return list(main.attributes["arg_attrs"])


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_is_convolved_twice(stage):
    """Forward once, then a gradient for the weights and one for the input; both optimised program and CUDA's."""
    # The first convolution needs no gradient for the picture.
    generator = 3 * GENERATOR_CONVOLUTIONS - 1
    # The discriminator's update sees real and fake; judging has no gradient for weights, but one for the pictures.
    judge = 2 * (3 * JUDGE_CONVOLUTIONS - 1) + 2 * JUDGE_CONVOLUTIONS
    # The originals need no gradient, the upscaled ones none for weights.
    vgg = VGG_CONVOLUTIONS + 2 * VGG_CONVOLUTIONS
    expected = generator + (judge + vgg if stage == "gan" else 0)
    assert len(operations(cuda_program(stage), ".convolution")) == expected
    # On a CPU products take the place of the generator's weight gradients and of those of the discriminator's
    # convolutions without strides (jaxsr/models/weight_gradient.py).
    products = GENERATOR_CONVOLUTIONS + (2 * JUDGE_CONVOLUTIONS // 2 if stage == "gan" else 0)
    assert cpu_program(stage).count(" convolution(") == expected - products


@pytest.mark.parametrize("stage", STAGES)
def test_features_stay_in_one_layout(stage):
    program = cuda_program(stage)
    layouts = {
        re.search(r"<(\[.*\])>", str(operation.attributes["dimension_numbers"]))[1].replace(" ", "")
        for operation in operations(program, ".convolution")
    }
    # Forward, gradient for the input, gradient for the weights: NHWC, whatever the axes are to each.
    assert layouts == {
        "[b,0,1,f]x[0,1,i,o]->[b,0,1,f]",
        "[b,0,1,f]x[0,1,o,i]->[b,0,1,f]",
        "[f,0,1,b]x[i,0,1,o]->[0,1,b,f]",
    }
    transposed = [shape(transpose.operands[0]) for transpose in operations(program, ".transpose")]
    # Two pixel shuffles, there and back.
    assert len([axes for axes in transposed if len(axes) == 6]) == 4
    # Pictures of three channels are turned in the augmentation and shrunk along each axis, matrices are multiplied.
    assert all(len(axes) == 2 or (len(axes) == 4 and 3 in axes) for axes in transposed if len(axes) != 6)


def test_the_compiled_step_has_the_flops_that_it_needs():
    features, side = 64, 24
    step, state, _ = pixel_stage(jnp.float32, features=features)
    crops = jax.ShapeDtypeStruct((1, BATCH, 4 * side, 4 * side, 3), jnp.uint8)
    # CUDA's program, for of the CPU's XLA cannot count what oneDNN does; XLA counts it wherever it is compiled.
    anywhere = [jax.export.DisabledSafetyCheck.platform()]
    program = jax.export.export(compile_steps(step), platforms=["cuda"], disabled_checks=anywhere)(state, crops)
    compiled = jax.jit(program.call).lower(state, crops).compile(compiler_options=QUICK)

    def products(side, kernel, inputs, outputs):
        # Of each axis, the pairs of a pixel and a pixel within the kernel's reach: k for each, fewer at the borders.
        reach = kernel // 2
        pairs = side * kernel - reach * (reach + 1)
        return pairs**2 * inputs * outputs

    first = products(side, 9, 3, features)
    others = 3 * products(side, 3, features, features)
    others += products(side, 3, features, 4 * features) + products(2 * side, 3, features, 4 * features)
    others += products(4 * side, 9, features, 3)
    # A product and a sum each; forward, and for the weights and (but for the picture) the input.
    expected = 2 * BATCH * (2 * first + 3 * others)
    assert compiled.cost_analysis()["flops"] == pytest.approx(expected, rel=0.05)
