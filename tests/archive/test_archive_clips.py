"""A clip on a cluster whose machines do not see the same folder, in this process."""

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("ray")

import av

import jaxsr
from jaxsr.archive import clips
from jaxsr.archive.cluster import Replicas
from jaxsr.errors import InputError
from jaxsr.video.files import Wishes, plan_clip


@pytest.mark.parametrize("shared", [True, False])
def test_a_segment_that_is_not_seen_here_is_told(tmp_path, monkeypatch, shared):
    with av.open(str(tmp_path / "clip.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=16, height=16, pix_fmt="yuv420p")
        output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))))
        output.mux(stream.encode())
    planned = plan_clip(jaxsr.load("nearest"), tmp_path / "clip.mkv", tmp_path / "out.mkv", Wishes(codec="ffv1"))

    def stream(kind, arguments, tasks, replicas, **_):
        clip, encoding, folder, *rest = arguments
        replica = kind(clip, encoding, folder if shared else tmp_path / "elsewhere", *rest)
        return ((number, replica(task), False) for number, task in enumerate(tasks))

    monkeypatch.setattr(clips, "stream", stream)
    segments = clips._upscaled(planned, "nearest", {}, Replicas(1, 1), False)
    if shared:
        assert list(segments) == planned.segments
    else:
        with pytest.raises(InputError, match="segment 0 is missing here; give the result a folder that all"):
            list(segments)
