"""The stream of tasks without a cluster: passes over tables are made in this process, and some rows are lost."""

import pickle

import pytest

pytest.importorskip("ray")

from jaxsr.archive import stream as module
from jaxsr.archive.cluster import Replicas
from jaxsr.archive.stream import stream

REPLICAS = Replicas(2, 1)


@pytest.fixture
def passes(monkeypatch):
    """The (tasks, calls at the same time) of all passes, in which a task "dies" as often as its number says."""
    made = []

    def one_pass(kind, arguments, tasks, replicas, *, calls):
        made.append((sorted(pickle.loads(task) for task in tasks.values()), calls))
        process = module._Process(kind, arguments)
        for number, task in list(tasks.items()):
            if pickle.loads(task) < len(made):
                yield process({"number": number, "task": task})

    monkeypatch.setattr(module, "_one_pass", one_pass)
    monkeypatch.setattr(module, "fitting_replicas", lambda **_: REPLICAS)
    return made


def answers(kind, tasks):
    return sorted(stream(kind, (), tasks, REPLICAS, calls=3, unit="pictures"))


def test_what_died_is_done_alone_and_what_dies_again_has_no_answer(passes):
    with pytest.warns(UserWarning, match="a process or machine died; pictures left for others: "):
        done = answers(lambda: lambda task: task * 10, [0, 9, 1, 0])
    assert done == [(0, 0, False), (1, None, True), (2, 10, True), (3, 0, False)]
    assert passes == [([0, 0, 1, 9], 3), ([1, 9], 1), ([9], 1)]


def raise_full(*_):
    raise OSError(28, "No space left on device", "/out/a.nut")


# If it is made before its first task and its process dies of that, Ray starts it again without end.
@pytest.mark.parametrize("kind", [lambda: raise_full, raise_full], ids=["for a task", "from its making"])
def test_an_error_of_a_replica_is_raised_here_and_tells_where_it_was(passes, kind):
    with pytest.raises(OSError, match="No space left") as raised:
        answers(kind, [0])
    assert raised.value.filename == "/out/a.nut"
    assert "in raise_full" in raised.value.__notes__[0]
