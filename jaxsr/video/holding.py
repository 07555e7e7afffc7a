"""Which streams of a clip are copied, and whether a file format can hold the streams of a result."""

import io
from pathlib import Path

import av
from av.stream import Stream

from jaxsr.errors import InputError
from jaxsr.video.clip import Clip
from jaxsr.video.encoding import VideoEncoding
from jaxsr.video.ffmpeg import opened, usual_priority
from jaxsr.video.inputs import WRITTEN_FORMATS


def is_copied(stream: Stream, format: str) -> bool:
    """Whether a stream is copied from the clip to a result in a format: sound, subtitles, and fonts in Matroska."""
    return stream.type in ("audio", "subtitle") or (stream.type == "attachment" and format == "matroska")


def check_streams(clip: Clip, target: Path, encoding: VideoEncoding) -> list[str]:
    """Check that the format of `target` can hold the streams of the result.

    Returns:
      A sentence for each stream of the clip that is not copied.

    Raises:
      InputError: it cannot hold the codec of the result or a copied stream.
    """
    name = WRITTEN_FORMATS[target.suffix.lower()]
    if not _has_header(name, encoding):
        codec = av.Codec(encoding.codec, "w").canonical_name
        raise InputError(
            f"{target}: this format cannot hold {codec}; give the output a name in .mkv or another --codec"
        )
    with opened(clip.path) as source:
        others = [stream for stream in source.streams if stream.index != clip.stream]
        for stream in others:
            unknown = codec_of(stream) is None and stream.type != "attachment"
            if is_copied(stream, name) and (unknown or not _has_header(name, encoding, stream)):
                raise InputError(
                    f"{target}: this format cannot hold stream {stream.index} of {clip.path.name}, {stream.type} in "
                    f"{codec_of(stream) or 'an unknown codec'}; give the output a name in .mkv"
                )
        return [f"stream {s.index} ({s.type}) is not copied" for s in others if not is_copied(s, name)]


def _has_header(name, encoding, *copied):
    """Whether a format writes the header of a file with the codec of the result and these streams.

    FFmpeg's list of a format's codecs names some that the header refuses.
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


def codec_of(stream: Stream) -> str | None:
    """The name of a stream's codec; None if FFmpeg does not know it."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else None
