"""SRResNet's training in jaxsr and in PyTorch, update by update, with the same photos, order, weights and schedule.

    python benchmarks/twins.py --json docs/results/twins.json [--steps 300]

jaxsr augments and reduces the crops of each update once and gives them to both. The losses should differ by rounding
only. That difference grows slowly, because training carries each difference on.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from comparison import channels_last, machine, photo_crops, pytorch, write_json
from tqdm import trange

from jaxsr.data.augmentation import augment
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.errors import reported
from jaxsr.models import SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.training.state import create_state, learning_rate_schedule
from jaxsr.training.steps import make_pixel_step


def main(
    json: Path,
    steps: int = 300,
    batch_size: int = 4,
    crop: int = 96,
    learning_rate: float = 1.5e-3,
    warmup: int = 20,
    initialisation: str = "upscaler",
    seed: int = 0,
) -> None:
    """Train both and write both losses.

    Args:
      json: File for the losses.
      steps: Updates.
      batch_size: Crops per update.
      crop: Side of the HR crops, in pixels.
      learning_rate: Peak of the half cosine, Adam.
      warmup: Updates of linear warm-up.
      initialisation: upscaler or paper.
      seed: Seed of weights, crops and augmentation.
    """
    torch, torch_twins = pytorch()
    model = SRResNet()
    rate = learning_rate_schedule(learning_rate, steps, schedule="cosine", warmup=warmup)
    optimizer = optax.adam(rate)
    variables = initialise(jax.random.key(seed), model, initialisation=initialisation)
    twin = torch_twins.load(torch_twins.SRResNet(), variables).train().to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(twin.parameters(), learning_rate)
    step = jax.jit(make_pixel_step(model, optimizer, seed=seed))
    pair = jax.jit(lambda key, crops: bicubic_pair(augment(key, crops), scale=model.scale))
    state, ours, theirs = create_state(variables, optimizer, ema=False), [], []
    for number in trange(steps):
        crops = jnp.asarray(photo_crops(batch_size, crop, seed=seed + number))
        low, high = map(channels_last, pair(jax.random.fold_in(jax.random.key(seed), number), crops))
        state, metrics = step(state, crops)
        ours.append(float(metrics["loss"]))
        adam.param_groups[0]["lr"] = float(rate(number))
        adam.zero_grad()
        loss = torch.nn.functional.mse_loss(twin(low), high)
        loss.backward()
        adam.step()
        theirs.append(loss.item())
    difference = np.abs(np.divide(ours, theirs) - 1)
    print(f"relative difference of the losses: median {np.median(difference):.1e}, largest {difference.max():.1e}")
    recipe = {"steps": steps, "batch_size": batch_size, "crop": crop, "learning_rate": learning_rate, "warmup": warmup}
    figures = {"recipe": recipe | {"initialisation": initialisation, "seed": seed}, "jaxsr": ours, "PyTorch": theirs}
    write_json(json, figures | {"machine": machine()})


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
