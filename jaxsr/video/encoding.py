"""Frames to the file of a segment, and its packets from there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.video.clip import LIMITED_RANGE, Clip
from jaxsr.video.color import BT709, Coding
from jaxsr.video.planes import Layout, Planes, frame_of

# CRF with which a person sees no loss, and each encoder's usual preset.
_USUAL = {"libx264": ("18", "medium"), "libx265": ("20", "medium"), "libsvtav1": ("24", "8")}
# Seconds that a segment's times are moved by, since NUT has none below zero and encoders begin to decode before.
_LEAD = 3600
# What x265 prints goes past FFmpeg's log.
_QUIET = {"libx265": {"x265-params": "log-level=error"}}


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded.

    Attributes:
      codec: FFmpeg's name of the encoder.
      options: of the encoder.
      size: (height, width).
      layout: of the planes.
      coding: of the colours.
      tags: see `Clip`.
      sample_aspect: see `Clip`.
      time_base: see `Clip`.
      rate: see `Clip`.
      lead: what is added to a frame's time within a segment's file.
    """

    codec: str
    options: dict[str, str]
    size: tuple[int, int]
    layout: Layout
    coding: Coding
    tags: tuple[int, int, int, int]
    sample_aspect: Fraction | None
    time_base: Fraction
    rate: Fraction
    lead: int


def choose_encoding(
    clip: Clip, size: tuple[int, int], suffix: str, *, codec: str | None, crf: float | None, preset: str | None
) -> Encoding:
    """How the result of a clip is encoded.

    Args:
      clip: the clip.
      size: (height, width) of the result.
      suffix: of the result's file.
      codec: FFmpeg's name of an encoder; None for libsvtav1 in .webm, libx265 above 8 bits, else libx264.
      crf: constant rate factor, lower is better; None for one with which no loss is seen.
      preset: of the encoder, from fast to thorough; None for its usual one.

    Raises:
      InputError: this build has no such encoder, or it cannot take the frames or the options.
    """
    name = codec or ("libsvtav1" if suffix == ".webm" else "libx264" if clip.layout.bits == 8 else "libx265")
    try:
        encoder = av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError as error:
        there = ", ".join(filter(_exists, _USUAL))
        raise InputError(f"--codec {name}: FFmpeg has no such encoder here; take one of {there}") from error
    layout = _layout(clip, encoder, size)
    usual = dict(zip(("crf", "preset"), _USUAL.get(name, (None, None)), strict=True))
    given = {"crf": None if crf is None else f"{crf:g}", "preset": preset}
    options = {option: given[option] or usual[option] for option in usual if given[option] or usual[option]}
    known = {option.name for option in av.CodecContext.create(name, "w").supported_options.private}
    for option in options.keys() - known:
        raise InputError(f"--{option} {options[option]}: {name} has no such option; leave it out")
    options |= _QUIET.get(name, {})
    lead = round(_LEAD / clip.time_base) - clip.times[0]
    colors = _colors(clip, layout)
    encoding = Encoding(name, options, size, layout, *colors, clip.sample_aspect, clip.time_base, clip.rate, lead)
    _try(encoding, given)
    return encoding


def _exists(name):
    try:
        return av.Codec(name, "w") is not None
    except av.codec.codec.UnknownCodecError:
        return False


def _layout(clip, encoder, size):
    there = {format.name for format in encoder.video_formats or ()}
    # At twice the size and more, chroma of half the rows and columns has no fewer samples than the clip's.
    for layout in (clip.layout, Layout("yuv", clip.layout.bits, (True, True))):
        if layout.name in there:
            break
    else:
        raise InputError(
            f"{clip.path}: {encoder.name} takes no {clip.layout.bits} bits; give --codec libx265, or ffv1 and a name "
            "in .mkv"
        )
    for length, half in zip(size, layout.halved, strict=True):
        if half and length % 2:
            raise InputError(
                f"--size: {size[1]}x{size[0]} has an odd side, which {layout.name} has not; give even ones"
            )
    return layout


def _colors(clip, layout):
    """Coding and tags: those of the clip, but that chroma lies where players take it to."""
    if clip.layout.kind == "rgb" and layout.kind == "yuv":
        return Coding(BT709, full=False, cosited=True), (LIMITED_RANGE, BT709, *clip.tags[2:])
    return replace(clip.coding, cosited=True), clip.tags


def _try(encoding, given):
    """Open the encoder once, since hours of work come before it is used."""
    context = av.CodecContext.create(encoding.codec, "w")
    _configure(context, encoding)
    context.options = dict(encoding.options)
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        flags = " ".join(f"--{name} {value}" for name, value in given.items() if value is not None)
        height, width = encoding.size
        raise InputError(
            f"{encoding.codec} refuses {width} × {height} {encoding.layout.name} {flags}: {error}"
        ) from error


def _configure(context, encoding):
    context.height, context.width = encoding.size
    context.pix_fmt = encoding.layout.name
    context.time_base, context.framerate = encoding.time_base, encoding.rate
    set_picture(context, encoding)
    # In one place for all segments, as most formats want it.
    context.flags |= Flags.global_header


def set_picture(context: av.VideoCodecContext, encoding: Encoding) -> None:
    """Say what the colours and the shape of the pixels are."""
    if encoding.sample_aspect:
        context.sample_aspect_ratio = encoding.sample_aspect
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = encoding.tags


@contextmanager
def segment_writer(path: Path, encoding: Encoding) -> Iterator[Callable[[int, Planes], None]]:
    """What to call with each frame's time and planes; the file appears whole or not at all.

    It is in NUT, which alone keeps any unit of time.
    """
    with replacing(path) as temporary, av.open(str(temporary), "w", format="nut") as output:
        stream = output.add_stream(encoding.codec, rate=encoding.rate, options=dict(encoding.options))
        _configure(stream.codec_context, encoding)

        def write(time, planes):
            frame = frame_of(planes, encoding.layout)
            frame.pts, frame.time_base = time + encoding.lead, encoding.time_base
            output.mux(stream.encode(frame))

        yield write
        output.mux(stream.encode())


def segment_packets(path: Path, encoding: Encoding) -> Iterator[av.Packet]:
    """The packets of a segment, in the order of decoding, with the times that their frames are shown."""
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                # NUT takes a finer unit of time where it can.
                packet.pts = round(packet.pts * packet.time_base / encoding.time_base) - encoding.lead
                packet.time_base = encoding.time_base
                yield packet
