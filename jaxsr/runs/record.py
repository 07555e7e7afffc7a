"""The record of a run while it goes: log, TensorBoard, progress bar, curves."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxsr.files import replacing
from jaxsr.runs.monitor import draw_curves


@dataclasses.dataclass
class Record:
    """Where a run writes what it sees.

    Attributes:
      workdir: of the run.
      rows: the log so far, dicts with "step"; metrics.jsonl holds the same.
      board: TensorBoard's writer, None where nothing is written.
      bar: the progress bar.
      title: of the curves.
      writes: whether it writes at all; otherwise it only remembers.
      shown: warnings that stand, kind to sentence.
      timed: numbers of updates in one dispatch whose program has been compiled, which the time left counts.
    """

    workdir: Path
    rows: list[dict]
    board: Any
    bar: tqdm
    title: str
    writes: bool = True
    shown: dict[str, str] = dataclasses.field(default_factory=dict)
    timed: set[int] = dataclasses.field(default_factory=set)

    def write(self, line: str) -> None:
        """A line above the progress bar."""
        self.bar.write(line)

    def advance(
        self, step: int, metrics: Mapping[str, np.ndarray], *, seconds: float, waited: float, batch_size: int
    ) -> None:
        """Note a dispatch that ended at `step`.

        Args:
          step: updates done.
          metrics: name to values [K].
          seconds: that the dispatch took, from the one before to its results.
          waited: seconds of them in which the device may have had no data.
          batch_size: crops per update.
        """
        row = {name: float(values.mean()) for name, values in metrics.items()}
        count = len(next(iter(metrics.values())))
        row |= {"patches_per_second": batch_size * count / seconds, "waited": waited / seconds}
        self._add(step, row)
        self._count(count)
        self.bar.set_postfix_str(f"loss {row['loss']:.5f}, {row['patches_per_second']:.0f} patches/s", refresh=False)

    def _count(self, count):
        # A bar that is off has no clock.
        if count in self.timed or self.bar.disable:
            self.bar.update(count)
            return
        # The first dispatch of its length compiles a program, which no later one does.
        self.timed.add(count)
        self.bar.unpause()
        self.bar.initial += count
        self.bar.n += count
        self.bar.last_print_n = self.bar.n
        self.bar.refresh()

    def show(self, step: int, scores: dict) -> None:
        """Note validation scores, and draw the curves anew."""
        if scores:
            self.write(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
            self._add(step, scores)
        if self.writes:
            draw_curves(self.workdir / "curves.png", self.rows, title=self.title)

    def warn(self, found: Mapping[str, str]) -> None:
        """Show the warnings of a kind that did not stand before."""
        for kind in found.keys() - self.shown.keys():
            self.write(f"warning: {found[kind]}")
        self.shown = dict(found)

    def cut(self, step: int) -> None:
        """Forget all that came after `step`."""
        self.rows = read_log(self.workdir / "metrics.jsonl", until=step, rewrite=self.writes)
        if self.writes:
            self.board.close()
            self.board = _board(self.workdir, step)
        self.bar.n = step
        self.bar.refresh()

    def _add(self, step, values):
        row = {"step": step} | values
        self.rows.append(row)
        if not self.writes:
            return
        with (self.workdir / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)


@contextlib.contextmanager
def open_record(workdir: Path, *, until: int, total: int, title: str, writes: bool = True) -> Iterator[Record]:
    """The record of a run that stands at step `until` of `total`; what an earlier start wrote after that is removed.

    Without `writes` it is kept in memory alone.
    """
    # What was seen before the first update is seen once more.
    rows = read_log(workdir / "metrics.jsonl", until=until or -1, rewrite=writes)
    bar = tqdm(total=total, initial=until, unit="step", dynamic_ncols=True, disable=not writes)
    record = Record(workdir, rows, _board(workdir, until) if writes else None, bar, title, writes)
    try:
        yield record
    finally:
        if writes:
            record.board.close()
        bar.close()


def read_log(path: Path, *, until: int, rewrite: bool = True) -> list[dict]:
    """Rows of a metrics.jsonl up to and with step `until`.

    With `rewrite` the file is cut to them, a torn last line included.
    """
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        if row["step"] <= until:
            rows.append(row)
    if rewrite:
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def _board(workdir, step):
    from tensorboardX import SummaryWriter

    return SummaryWriter(str(workdir / "tensorboard"), purge_step=step + 1, write_to_disk=True)
