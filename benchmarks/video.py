"""A clip of 640×360 to 2560×1440: frames per second, and the shares of decoding, network and encoding.

    python benchmarks/video.py [--models espcn srresnet --frames 48 4] [--json FILE]

All programs use the same threads, decoder and encoder (libx264, CRF 18, medium). They differ in what upscales the
planes of a frame: jaxsr's network, the same weights in PyTorch (channels_last, inference mode, one thread per core), or
FFmpeg's `scale=flags=lanczos`, which needs no network. The clip pans over a bundled photo. The results for the first
frame are compared first.

The seconds of a part are those in which its thread works. The parts overlap, and on few cores they also wait for each
other. Processor seconds do not depend on what else the machine does.
"""

import os
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import tyro
from comparison import channels_last, pytorch, write_json
from PIL import Image

import jaxsr
from jaxsr.errors import InputError, reported
from jaxsr.evaluation.metrics import psnr
from jaxsr.upscaling.upscaler import Upscaler
from jaxsr.video.clip import open_clip
from jaxsr.video.encoding import choose_encoding
from jaxsr.video.pipeline import enlarger, upscale_segments
from jaxsr.video.planes import frame_of, planes_of
from jaxsr.video.segments import cut
from jaxsr.weights import load_weights

HEIGHT, WIDTH = 360, 640
# PSNR in dB of luma whose rounding differs by one level now and then.
_EQUAL = 60


def main(
    models: tuple[str, ...] = ("espcn", "srresnet"),
    frames: tuple[int, ...] = (48, 4),
    preset: str = "medium",
    torch: bool = True,
    json: Path | None = None,
) -> None:
    """Upscale a clip by each program in turn.

    Args:
      models: Bundled networks.
      frames: Frames of the clip, for each network.
      preset: Preset of libx264.
      torch: Also do the same in PyTorch.
      json: File for the figures (None: not written).
    """
    if len(models) != len(frames):
        raise InputError(f"--frames has {len(frames)} numbers for {len(models)} of --models; give one for each")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model, count in zip(models, frames, strict=True):
            clip = open_clip(pan(Path(folder, f"{model}.mp4"), count))
            encoding = choose_encoding(clip, (4 * HEIGHT, 4 * WIDTH), ".mp4", codec="libx264", crf=18, preset=preset)
            programs = {f"jaxsr {model}": enlarger(jaxsr.load(model), clip, encoding)}
            if torch:
                programs[f"PyTorch {model}"] = enlarger(torch_upscaler(model), clip, encoding)
            programs["scale=lanczos"] = lanczos(clip, encoding)
            first = next(decoded(clip))
            # This compiles jaxsr's programs and lets PyTorch choose its own.
            results = {name: program(first)[0] for name, program in programs.items()}
            for name, result in results.items():
                score = float(psnr(result[None, ..., None], results[f"jaxsr {model}"][None, ..., None])[0])
                if name.startswith("PyTorch") and score < _EQUAL:
                    raise SystemExit(f"{name}: {score:.1f} dB from ours; there is nothing to compare")
                rows.append(
                    {"program": name, "frames": count, "psnr": score} | measured(clip, encoding, programs[name])
                )
                print(line(rows[-1]), flush=True)
    write_json(json, {"results": rows})


def pan(path: Path, count: int) -> Path:
    """Write a clip that moves over a photo."""
    photo = Image.open(Path(jaxsr.__file__).parent / "samples/flowers.jpg")
    photo = np.asarray(photo.resize((WIDTH + 2 * count, (WIDTH + 2 * count) * photo.height // photo.width)))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, width=WIDTH, height=HEIGHT, options={"crf": "18"})
        for number in range(count):
            part = np.ascontiguousarray(photo[number : number + HEIGHT, 2 * number : 2 * number + WIDTH])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(part)))
        output.mux(stream.encode())
    return path


def decoded(clip):
    """Yield the planes of each frame."""
    with av.open(str(clip.path)) as container:
        for frame in container.decode(video=0):
            yield planes_of(frame, clip.layout)


def torch_upscaler(model):
    """The same network in PyTorch, on whole frames."""
    torch, torch_twins = pytorch()
    weights = load_weights(model)
    kind = type(weights.model).__name__
    twin = (
        torch_twins.load(getattr(torch_twins, kind)(), weights.variables).eval().to(memory_format=torch.channels_last)
    )

    def strips(rows, size, to, progress):
        with torch.inference_mode():
            larger = (twin(channels_last(rows(0, size[0])[None]))[0].clamp(-1, 1) + 1) / 2
            yield larger.permute(1, 2, 0).cpu().numpy()

    return Upscaler(model, 4, {}, "PyTorch", strips)


def lanczos(clip, encoding):
    """FFmpeg's own filter, from planes to planes."""
    graph = av.filter.Graph()
    height, width = encoding.size
    source = graph.add_buffer(
        width=WIDTH, height=HEIGHT, format=av.VideoFormat(clip.layout.name), time_base=Fraction(1, 25)
    )
    scale, sink = graph.add("scale", f"{width}:{height}:flags=lanczos"), graph.add("buffersink")
    graph.link_nodes(source, scale, sink).configure()

    def enlarge(planes, _=None):
        graph.push(frame_of(planes, clip.layout))
        return planes_of(graph.pull(), encoding.layout)

    return enlarge


def measured(clip, encoding, enlarge):
    """Frames per second of one run, and the seconds per frame and the shares of the three parts."""
    with tempfile.TemporaryDirectory() as folder:
        start, processor = time.perf_counter(), time.process_time()
        tally = upscale_segments(clip, cut(clip), enlarge, encoding, Path(folder))
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
    parts = {part: getattr(tally, part) for part in ("decoding", "network", "encoding")}
    return {
        "frames_per_second": tally.frames / seconds,
        "processor_seconds_per_frame": processor / tally.frames,
        "seconds_per_frame": {part: spent / tally.frames for part, spent in parts.items()},
        "share": {part: spent / sum(parts.values()) for part, spent in parts.items()},
        "load": os.getloadavg()[0],
    }


def line(row):
    """A row of figures in words."""
    parts = ", ".join(
        f"{part} {share:.1%} ({row['seconds_per_frame'][part]:.3f} s)" for part, share in row["share"].items()
    )
    speed = (
        f"{row['frames_per_second']:.3f} frames/s, {row['processor_seconds_per_frame']:.2f} processor seconds a frame"
    )
    return f"{row['program']}: {speed}; {parts}; {row['psnr']:.1f} dB from ours"


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
