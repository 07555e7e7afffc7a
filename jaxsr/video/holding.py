"""Whether a file format can hold the streams of a result."""

import io
from pathlib import Path

import av
from av.stream import Stream

from jaxsr.errors import InputError
from jaxsr.video.priority import usual_priority
from jaxsr.video.clip import Clip
from jaxsr.video.encoding import Encoding
from jaxsr.video.inputs import WRITTEN_FORMATS

# Kinds of streams that are copied from the clip.
COPIED = ("audio", "subtitle")


def check_streams(clip: Clip, target: Path, encoding: Encoding) -> None:
    """Raise `InputError` if the format of `target` cannot hold the copied streams or the codec of the result."""
    name = WRITTEN_FORMATS[target.suffix.lower()]
    with av.open(io.BytesIO(), "w", format=name) as output:
        supported = set(map(canonical, output.supported_codecs))
    codec = av.Codec(encoding.codec, "w").canonical_name
    if codec not in supported or not _has_header(name, encoding):
        raise InputError(
            f"{target}: this format cannot hold {codec}; give the output a name in .mkv or another --codec"
        )
    with av.open(str(clip.path)) as source:
        for stream in source.streams:
            if stream.type in COPIED and (codec_of(stream) not in supported or not _has_header(name, encoding, stream)):
                raise InputError(
                    f"{target}: this format cannot hold stream {stream.index} of {clip.path.name}, {stream.type} in "
                    f"{codec_of(stream) or 'an unknown codec'}; give the output a name in .mkv"
                )


def _has_header(name, encoding, *copied):
    """Whether a format writes the header of a file with the codec of the result and these streams.

    Only then does FFmpeg refuse some codecs that it counts among those of the format.
    """
    try:
        with av.open(io.BytesIO(), "w", format=name) as output:
            size = {"width": 64, "height": 64, "pix_fmt": encoding.layout.name}
            video = output.add_stream(encoding.codec, rate=25, options=dict(encoding.options), **size)
            video.codec_context.time_base = encoding.time_base
            for stream in copied:
                output.add_stream_from_template(stream)
            with usual_priority():
                output.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def canonical(name: str) -> str:
    """The name of a codec, from the name of its decoder or encoder: hdmv_pgs_subtitle from pgssub."""
    try:
        return av.Codec(name, "r").canonical_name
    except av.codec.codec.UnknownCodecError:
        return av.Codec(name, "w").canonical_name


def codec_of(stream: Stream) -> str | None:
    """The name of a stream's codec; None if FFmpeg does not know it."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else None
