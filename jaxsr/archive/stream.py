"""A stream of tasks through the replicas of a cluster, which survives the loss of machines."""

import math
import pickle
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray.data
from ray.data import ActorPoolStrategy
from ray.exceptions import RayError

from jaxsr.archive.cluster import Replicas, fitting_replicas, resources
from jaxsr.errors import InputError

# Tasks are divided into about this many calls. Ray lists all calls, and reports a call's results when it ends.
_CALLS = 10_000
_MOST_PER_CALL = 16


def stream(
    kind: Callable[..., Callable[[Any], Any]],
    arguments: tuple,
    tasks: Sequence[Any],
    replicas: Replicas,
    *,
    calls: int,
    unit: str,
) -> Iterator[tuple[int, Any, bool]]:
    """Give tasks to replicas. Only tasks and answers are held in memory, never pictures.

    When a machine or process dies, other replicas get its tasks, one at a time.

    Args:
      kind: makes a replica, which is called with a task and returns its answer.
      arguments: arguments of `kind`.
      tasks: the tasks.
      replicas: the replicas.
      calls: number of tasks on which a replica works at the same time, in threads.
      unit: what the tasks are, in the plural.

    Yields:
      (number of the task in `tasks`, answer, whether a replica got it more than once) for each task, once and in any
      order. The answer is None if its replica died again.

    Raises:
      InputError: the replicas cannot start.
      Exception: the replica's own, from its making or for a task.
    """
    left, alone = {number: pickle.dumps(task) for number, task in enumerate(tasks)}, False
    while left:
        before = len(left)
        for row in _one_pass(kind, arguments, left, replicas, calls=1 if alone else calls):
            answer = pickle.loads(row["answer"])
            if isinstance(answer, Exception):
                raise answer
            if left.pop(row["number"], None) is not None:
                yield row["number"], answer, alone
        if left and alone and len(left) == before:
            break
        if left:
            warnings.warn(f"a process or machine died; {unit} left for others: {len(left)}", stacklevel=2)
            replicas = fitting_replicas(workers=replicas.count, cores=replicas.cores)
        # One at a time, so that a picture that kills its replica does not take others with it.
        alone = True
    for number in left:
        yield number, None, True


class _Process:
    """A replica as Ray Data calls it: with rows of tables, which do not hold all names and objects.

    It is made for its first task, which is lost if its process dies of that, so that tasks that are lost again end the
    stream. A process that dies before its first task would be started again and again by Ray.
    """

    def __init__(self, kind, arguments):
        self._kind, self._arguments = kind, arguments
        self._replica, self._making = None, threading.Lock()

    def __call__(self, row):
        try:
            with self._making:
                if self._replica is None:
                    self._replica = self._kind(*self._arguments)
            answer = self._replica(pickle.loads(row["task"]))
        except Exception as error:
            # What is raised again elsewhere no longer knows where it came from.
            error.add_note(traceback.format_exc())
            answer = error
        return {"number": row["number"], "answer": pickle.dumps(answer)}


def _one_pass(kind, arguments, tasks, replicas, *, calls):
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    per_call = 1 if calls == 1 else max(1, min(_MOST_PER_CALL, len(tasks) // _CALLS))
    rows = [{"number": number, "task": task} for number, task in tasks.items()]
    pool = ActorPoolStrategy(
        size=min(replicas.count, len(rows)),
        max_concurrent_calls_per_actor=calls,
        max_tasks_in_flight_per_actor=1 if calls == 1 else 2 * calls,
        enable_true_multi_threading=True,
    )
    with warnings.catch_warnings():
        # The deprecated argument sets `max_task_retries`, and there is no other way yet. With retries, Ray holds back
        # the tasks of a dead replica until there is room to start it again, possibly forever.
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
        results = ray.data.from_items(rows, override_num_blocks=math.ceil(len(rows) / per_call)).map(
            # ray.data accepts a class whose instances are called with rows; its stubs do not say so.
            _Process,  # ty: ignore[invalid-argument-type]
            fn_constructor_args=(kind, arguments),
            compute=pool,
            max_task_retries=0,
            **resources(replicas),
        )
    try:
        yield from results.iter_rows()
    except RayError as error:
        # The lines before it are Ray's trace.
        cause = str(error).strip().splitlines()[-1].strip()
        raise InputError(f"the replicas cannot start: {cause}") from error
