"""Parts that overlap: in order, bounded, and ended together."""

import threading
import time

import pytest

import jaxsr
from jaxsr.video.files import Wishes, plan_clip
from jaxsr.video.pipeline import ahead, enlarger, upscale_segments


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


def test_a_frame_that_is_being_computed_is_given_up_after_a_tile(tmp_path, clip_file):
    source, upscaler = clip_file("clip.mkv", codec="ffv1", frames=3), jaxsr.load("nearest")
    planned = plan_clip(upscaler, source, tmp_path / "out.mkv", Wishes(codec="ffv1"))
    whole, given_up, second = enlarger(upscaler, planned.clip, planned.encoding), [], threading.Event()

    def enlarge(planes, progress):
        result = whole(planes, progress)
        deadline = time.monotonic() + 20
        if given_up:
            second.set()
        try:
            # The second frame has no end.
            while given_up and time.monotonic() < deadline:
                progress(1, 2)
                time.sleep(0.001)
        finally:
            given_up.append(time.monotonic() < deadline)
        return result

    def interrupt():
        assert second.wait(20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upscale_segments(planned.clip, planned.segments, enlarge, planned.encoding, planned.folder, progress=interrupt)
    assert given_up == [True, True]
    assert not list(planned.folder.glob("*.nut"))
