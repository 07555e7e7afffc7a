"""Parts that overlap: in order, bounded, and ended together."""

import threading
import time

import pytest

from jaxsr.video.pipeline import ahead


def test_items_come_in_order_and_few_wait():
    made, used = [], []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    for item in ahead(items(), most=3):
        used.append(item)
        time.sleep(0.001)
        # Three wait, one is in the thread's hands and one in ours.
        assert len(made) - len(used) <= 5
    assert used == list(range(50))


def test_errors_come_through_all_parts():
    def broken():
        yield 1
        raise ValueError("broken")

    items = ahead(ahead(broken(), most=2), most=2)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_all_threads_end_with_the_last_part():
    closed = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    before = threading.active_count()
    items = ahead(ahead(endless(), most=2), most=2)
    assert next(items) == 0
    items.close()
    assert closed == [True]
    assert threading.active_count() == before
