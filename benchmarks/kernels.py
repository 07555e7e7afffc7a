"""What each method of `jaxsr/kernels/choice.py` gains a whole training update on a CPU.

    python benchmarks/kernels.py [--programs srresnet srgan] [--dtypes float32 bfloat16] [--rounds 5] [--json FILE]

Each program is timed with the whole table and without one method at a time, in turns. Without a method, the next rule
that applies is used; if it was the last one, XLA. A method that the program does not use is left out. The updates are
those of train_step.py and gan_step.py.
"""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Literal

import gan_step
import jax
import jax.numpy as jnp
import numpy as np
import train_step
import tyro
from comparison import CORES, in_turns, photo_crops, write_json

from jaxsr.errors import reported
from jaxsr.kernels import choice, convolution
from jaxsr.models import SRResNet
from jaxsr.models.discriminator import Discriminator
from jaxsr.models.initialisation import initialise
from jaxsr.processes.devices import split_cpu_into_devices
from jaxsr.processes.memory import restart_with_huge_pages


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    programs: tuple[Literal["srresnet", "srgan"], ...] = ("srresnet", "srgan")
    """Stages whose update is timed."""
    dtypes: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    """Dtypes of computation."""
    rounds: int = 5
    """Timed updates of each program."""
    batch_size: int = 16
    """Crops per update."""
    crop: int = 96
    """Side of the HR crops, in pixels."""
    json: Path | None = None
    """Write the figures here too."""


def without(rules: tuple[choice.Rule, ...], dropped: choice.Rule) -> tuple[choice.Rule, ...]:
    """The table without one rule. The last rule of a part becomes XLA's."""
    last = [rule for rule in rules if rule.part == dropped.part][-1]
    if dropped is last:
        return tuple(rule._replace(method="xla") if rule is dropped else rule for rule in rules)
    return tuple(rule for rule in rules if rule is not dropped)


def traced(program, rules: tuple[choice.Rule, ...]) -> set[choice.Rule]:
    """Call a program for the first time, by a table of rules; the rules that were applied to its convolutions."""
    whole, used, choose = choice.RULES, set(), choice.chosen

    def recorded(part, case):
        used.add(next(rule for rule in rules if rule.part == part and rule.applies(case)))
        return choose(part, case)

    choice.RULES, convolution.chosen = rules, recorded
    try:
        program()
    finally:
        choice.RULES, convolution.chosen = whole, choose
    return used


def update(program: str, dtype: str, options: Options):
    """A function that makes one update."""
    variables = jax.tree.map(np.asarray, initialise(jax.random.key(0), SRResNet()))
    crops = photo_crops(options.batch_size, options.crop, seed=0)[None]
    if program == "srresnet":
        steps, _ = train_step.our_steps(dtype, variables, train_step.Options(batch_size=options.batch_size))
        return partial(steps, crops)
    given = gan_step.Options(batch_size=options.batch_size, crop=options.crop)
    image = jnp.zeros((1, options.crop, options.crop, 3))
    judge = jax.tree.map(np.asarray, Discriminator().init(jax.random.key(1), image, train=False))
    steps, _ = gan_step.our_steps(dtype, variables, judge, given)
    return partial(steps, crops)


def main(options: Options) -> None:
    split_cpu_into_devices(None)
    figures = {}
    for program in options.programs:
        for dtype in options.dtypes:
            name = f"{program} {dtype}"
            figures[name] = _measured(partial(update, program, dtype, options), options.rounds)
            print(f"{name}; {CORES} cores")
            for variant, seconds in figures[name].items():
                gain = seconds / figures[name]["whole table"] - 1
                print(f"  {variant:<48} {seconds:7.3f} s  {gain:+.1%}", flush=True)
            write_json(options.json, {"fastest": figures})


def _measured(new_update, rounds):
    # The first program of a process is slower than the same program made again, so it is not timed.
    used = traced(new_update(), choice.RULES)
    programs = {"whole table": new_update()}
    traced(programs["whole table"], choice.RULES)
    for rule in choice.RULES:
        if rule in used and rule.method not in ("turned xla", "onednn"):
            title = f"without {rule.method} ({rule.part})"
            programs[title] = new_update()
            traced(programs[title], without(choice.RULES, rule))
    return {name: min(seconds) for name, seconds in in_turns(programs, rounds=rounds).items()}


if __name__ == "__main__":
    restart_with_huge_pages()
    with reported():
        main(tyro.cli(Options, description=__doc__))
