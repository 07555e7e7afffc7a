"""Joining of segments to the result, with the clip's sound, subtitles, chapters and metadata."""

import heapq
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.video.clip import Clip
from jaxsr.video.encoding import VideoEncoding, segment_packets, set_picture
from jaxsr.video.ffmpeg import location, opened
from jaxsr.video.holding import codec_of, is_copied
from jaxsr.video.inputs import WRITTEN_FORMATS

# Metadata that describe the file or its coding, not its content. MKVToolNix's can end in a language, as BPS-eng.
_OWN = re.compile(
    "major_brand|minor_version|compatible_brands|encoder|vendor_id"
    "|(duration|bps|number_of_frames|number_of_bytes|_statistics_.*)(-.*)?",
    re.IGNORECASE,
)


def join(clip: Clip, segments: Sequence[Path], target: Path, encoding: VideoEncoding, *, shift: bool) -> int:
    """Write the result, complete or not at all, from the files of its segments in order.

    With `shift`, for a clip that was trimmed, the first frame moves to time zero, and what other streams have outside
    the frames' times is left out.

    Returns:
      The number of frames.

    Raises:
      InputError: the segments do not fit together, or FFmpeg cannot read or write the other streams.
    """
    try:
        return _join(clip, segments, target, encoding, shift)
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise InputError(
            f"{target}: FFmpeg cannot join the frames with the other streams of {clip.path.name} ({error.strerror}); "
            "give the output a name in .mkv"
        ) from error


def _join(clip, segments, target, encoding, shift):
    name = WRITTEN_FORMATS[target.suffix.lower()]
    begin, end = clip.times[0] * clip.time_base, (clip.times[-1] + clip.last) * clip.time_base
    _check_alike(segments)
    frames = 0
    with ExitStack() as stack:
        temporary = stack.enter_context(replacing(target))
        source = stack.enter_context(opened(clip.path))
        options = _mp4_options(clip.time_base, source.metadata) if name in ("mp4", "mov") else {}
        output = stack.enter_context(
            av.open(location(temporary), "w", format=name, container_options=options, metadata_errors="surrogateescape")
        )
        first = stack.enter_context(av.open(location(segments[0])))
        output.metadata.update(_described(source.metadata))
        video = _video_stream(output, first.streams.video[0], source.streams[clip.stream], clip, encoding)
        copies = {stream.index: _copy_stream(output, stream) for stream in source.streams if is_copied(stream, name)}
        chapters = source.chapters()
        output.set_chapters(_trimmed_chapters(chapters, begin, end) if shift else chapters)
        packets = _video_packets(clip, segments, encoding, video, begin if shift else 0)
        # Matroska keeps packets of the same time, such as two subtitles; the others refuse them.
        step = 0 if name in ("matroska", "webm") else 1
        copied = _copied_packets(source, copies, (begin, end) if shift else None, step)
        for _, packet in heapq.merge(packets, copied, key=lambda pair: pair[0]):
            frames += packet.stream is video
            output.mux(packet)
    return frames


def _check_alike(segments):
    """Raise `InputError` if the segments' headers differ, since the result has one header."""
    headers = {}
    for path in segments:
        with av.open(location(path)) as container:
            headers.setdefault(container.streams.video[0].codec_context.extradata, path)
    if len(headers) > 1:
        raise InputError(
            f"{[*headers.values()][1]}: made by another encoder than the first segment; delete its folder to start anew"
        )


def _mp4_options(time_base, metadata):
    # FFmpeg drops keys such as com.apple.quicktime.model without this flag. With it, all keys are written as Apple's
    # are, where fewer programs look for a title, so other clips go without.
    apple = any(key.startswith("com.apple.quicktime.") for key in metadata)
    flags = "+faststart+use_metadata_tags" if apple else "+faststart"
    # With the default of milliseconds, the time of the first frame would be rounded.
    return {"movflags": flags, "movie_timescale": str(time_base.denominator)}


def _described(metadata):
    return {key: value for key, value in metadata.items() if not _OWN.fullmatch(key)}


def _video_stream(output, template, original, clip, encoding):
    video = output.add_stream_from_template(template, opaque=True)
    # Not every codec stores the colour tags itself.
    set_picture(video.codec_context, encoding)
    if output.format.name in ("mp4", "mov") and codec_of(template) == "hevc":
        # Apple's players require this tag.
        video.codec_context.codec_tag = "hvc1"
    video.set_display_matrix(clip.display_matrix)
    video.metadata.update(_described(original.metadata))
    video.disposition = original.disposition
    return video


def _copy_stream(output, stream):
    copy = output.add_stream_from_template(stream)
    copy.metadata.update(_described(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def _trimmed_chapters(chapters, begin, end):
    """The chapters between two times in seconds, counted from the first."""
    kept = []
    for chapter in chapters:
        unit = chapter["time_base"]
        start, stop = (chapter[edge] * unit for edge in ("start", "end"))
        if stop > begin and start < end:
            moved = round(max(start - begin, 0) / unit), round((min(stop, end) - begin) / unit)
            kept.append(chapter | {"start": moved[0], "end": moved[1]})
    return kept


def _video_packets(clip, segments, encoding, video, origin) -> Iterator[tuple[Fraction, av.Packet]]:
    """Yield (decoding time in seconds, packet) of all frames. Decoding times ascend over all segments."""
    order = [time for path in segments for time, _ in segment_packets(path, encoding)]
    times = sorted(order)
    place = {time: number for number, time in enumerate(times)}
    until = dict(zip(times, [*times[1:], times[-1] + clip.last], strict=True))
    # The largest number of frames by which decoding must run ahead; decoding starts as much earlier.
    delay = max(number - place[time] for number, time in enumerate(order))
    step = times[1] - times[0] if len(times) > 1 else clip.last
    decoding = [times[0] - (delay - number) * step for number in range(delay)] + times
    moved = round(origin / clip.time_base)
    packets = (pair for path in segments for pair in segment_packets(path, encoding))
    for dts, (shown, packet) in zip(decoding, packets, strict=False):
        packet.duration = until[shown] - shown
        packet.pts, packet.dts = shown - moved, dts - moved
        packet.stream = video
        yield packet.dts * clip.time_base, packet


def _copied_packets(source, copies, span, step) -> Iterator[tuple[Fraction, av.Packet]]:
    """Yield (time in seconds, packet) of the copied streams, each `step` units after the one before or later.

    With a span, (begin, end) in seconds, only the packets within it are yielded, and their times are counted from its
    begin.
    """
    earliest = {}
    for packet in source.demux(*copies) if copies else ():
        packet.pts = packet.dts if packet.pts is None else packet.pts
        packet.dts = packet.pts if packet.dts is None else packet.dts
        if packet.pts is None or not packet.size:
            continue
        if span is not None:
            if not span[0] <= packet.pts * packet.time_base < span[1]:
                continue
            moved = round(span[0] / packet.time_base)
            packet.pts, packet.dts = packet.pts - moved, packet.dts - moved
        index = packet.stream.index
        packet.dts = max(packet.dts, earliest.get(index, packet.dts))
        packet.pts = max(packet.pts, packet.dts)
        earliest[index] = packet.dts + step
        packet.stream = copies[index]
        yield packet.dts * packet.time_base, packet
