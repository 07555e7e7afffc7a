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
from comparison import channels_last, photo_crops, pytorch, write_json
from tqdm import trange

from jaxsr.data.augmentation import augment
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.errors import reported
from jaxsr.models import SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.training.state import create_state, learning_rate_schedule
from jaxsr.training.steps import make_pixel_step

# Adam's learning rate is the peak of a half cosine. The seed is that of weights, crops and augmentation.
RECIPE = {
    "batch_size": 4,
    "crop": 96,
    "learning_rate": 1.5e-3,
    "warmup": 20,
    "initialisation": "upscaler",
    "seed": 0,
}


def main(json: Path, steps: int = 300) -> None:
    """Train both and write both losses.

    Args:
      json: File for the losses.
      steps: Updates.
    """
    torch, torch_twins = pytorch()
    model, seed, learning_rate = SRResNet(), RECIPE["seed"], RECIPE["learning_rate"]
    rate = learning_rate_schedule(learning_rate, steps, schedule="cosine", warmup=RECIPE["warmup"])
    optimizer = optax.adam(rate)
    variables = initialise(jax.random.key(seed), model, initialisation=RECIPE["initialisation"])
    twin = torch_twins.load(torch_twins.SRResNet(), variables).train().to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(twin.parameters(), learning_rate)
    step = jax.jit(make_pixel_step(model, optimizer, seed=seed))
    pair = jax.jit(lambda key, crops: bicubic_pair(augment(key, crops), scale=model.scale))
    state, ours, theirs = create_state(variables, optimizer, ema=False), [], []
    for number in trange(steps):
        crops = jnp.asarray(photo_crops(RECIPE["batch_size"], RECIPE["crop"], seed=seed + number))
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
    write_json(json, {"recipe": {"steps": steps, **RECIPE}, "jaxsr": ours, "PyTorch": theirs})


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
