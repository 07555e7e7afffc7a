"""The point that a run has reached, as its checkpoints hold it, and the crops from there on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import grain

from jaxsr.config import TrainConfig

Scores = dict[str, float]


class Moment(NamedTuple):
    """The point that a run has reached: all that a checkpoint holds.

    Attributes:
      state: the training state.
      order: number of the data order that the run follows.
      data: position in that order of the first batch not yet used, or None for its beginning.
      best: the best validation scores, whose weights are in best.safetensors.
      unimproved: validations since the best one.
    """

    state: Any
    order: int
    data: Any
    best: Scores | None
    unimproved: int = 0

    @property
    def step(self) -> int:
        """Updates done. It waits for the device."""
        return int(self.state.step)


def moment_of(state: Any, progress: dict[str, Any], config: TrainConfig, *, extended_at: int | None) -> Moment:
    """The moment of a checkpoint.

    Args:
      state: the training state of the checkpoint.
      progress: from `progress_of`; its batch size is removed.
      config: settings of the run. If the checkpoint has another batch size, the moment begins another data order.
      extended_at: step whose moment begins with no validation counted as unimproved, see `fit`.
    """
    batch_size = progress.pop("batch_size")
    moment = Moment(state, **progress)
    if moment.step == extended_at:
        moment = moment._replace(unimproved=0)
    # A position counts batches of one size, and means nothing for another size.
    return moment if batch_size == config.batch_size else moment._replace(order=moment.order + 1, data=None)


def progress_of(moment: Moment, config: TrainConfig) -> dict[str, Any]:
    """The values that a checkpoint holds beside the state, as JSON."""
    kept = {name: getattr(moment, name) for name in ("order", "data", "best", "unimproved")}
    return kept | {"batch_size": config.batch_size}


def open_crops_at(moment: Moment, open_crops: Callable[[int], grain.DatasetIterator]) -> grain.DatasetIterator:
    """The crops of the moment's data order, at its position; `open_crops` opens a data order at its beginning."""
    crops = open_crops(moment.order)
    if moment.data is not None:
        crops.set_state(moment.data)
    return crops
