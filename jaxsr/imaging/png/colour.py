"""Reads and writes the chunks with which a PNG describes its colours (PNG, third edition, sections 4.3 and 11.3.2).

The precedence is cICP, then iCCP, then sRGB, then gAMA and cHRM.
"""

import os
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyvips

from jaxsr.errors import InputError
from jaxsr.imaging.decoded import Decoded
from jaxsr.imaging.encoding import HDR_CURVES, SRGB, SRGB_CURVE, Curve, Encoding, encoding_of_numbers
from jaxsr.imaging.metadata import without
from jaxsr.imaging.png.chunks import Chunk, read_chunks
from jaxsr.imaging.primaries import SRGB_PRIMARIES

_KINDS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT")
# The gamma that writers of sRGB give for readers without the sRGB chunk (section 11.3.2.5), and tolerances.
_SRGB_GAMMA, _NEAR_GAMMA, _NEAR_POINT = 45455, 500, 0.001


def with_png_colour(path: Path, image: pyvips.Image) -> Decoded:
    """A PNG's pixels with what its chunks say about their colours. A profile that is not in force is taken out.

    Raises:
      InputError: the colours are HDR or of narrow range.
    """
    found = dict(read_chunks(path, _KINDS))
    chunks = tuple((kind, found[kind]) for kind in _KINDS if kind in found and kind != b"iCCP")
    notes = ()
    if b"cICP" in found:
        encoding = _by_numbers(path, found[b"cICP"])
        if encoding is not None:
            return Decoded(without(image, "icc-profile-data"), None if encoding == SRGB else encoding, chunks)
        notes = ("its cICP chunk has unsupported values, and is not kept",)
        chunks = tuple(one for one in chunks if one[0] != b"cICP")
    if b"iCCP" in found or b"sRGB" in found:
        return Decoded(image, None, chunks, notes=notes)
    try:
        return Decoded(image, _by_values(found), chunks, notes=notes)
    except (ValueError, struct.error):
        kept = tuple(one for one in chunks if one[0] == b"sBIT")
        notes += ("its gAMA or cHRM chunk has unsupported values; the colours are read as sRGB",)
        return Decoded(image, None, kept, notes=notes)


def cicp_chunk(primaries: int, transfer: int) -> Chunk:
    """The cICP chunk of a full-range encoding, from its numbers in H.273."""
    return b"cICP", bytes([primaries, transfer, 0, 1])


def significant_bits(path: str | os.PathLike) -> tuple[int, ...]:
    """The significant bits of each channel of a PNG (sBIT), and then those that it stores; empty if it has no sBIT."""
    found = dict(read_chunks(path, (b"IHDR", b"sBIT")))
    if not found.get(b"sBIT"):
        return ()
    depth, kind = found[b"IHDR"][8:10]
    return (*found[b"sBIT"], 8 if kind == 3 else depth)


def significant_only(image: pyvips.Image, bits: tuple[int, ...]) -> pyvips.Image:
    """Scale the samples of a PNG, or a frame of it, with fewer `significant_bits` than it stores to the full range.

    White is then white, even if the other bits were left zero.
    """
    if not bits or image.format not in ("uchar", "ushort"):
        return image
    # The opacity of a palette, or of a single transparent colour, always has all bits.
    significant, depth = bits[: image.bands], bits[-1]
    if len(significant) != image.bands or min(significant) < 1 or min(significant) == max(*significant, depth):
        return image
    stored = 8 if image.format == "uchar" else 16
    levels = np.arange(2**stored)
    tables = [np.round((levels >> (stored - kept)) * (2**stored - 1) / (2**kept - 1)) for kept in significant]
    table = np.stack(tables, axis=-1)[None].astype(np.uint8 if stored == 8 else np.uint16)
    return image.maplut(pyvips.Image.new_from_array(table)).copy(interpretation=image.interpretation)


def chunks_for(chunks: tuple[Chunk, ...], *, bands: int, bits: int) -> list[Chunk]:
    """The chunks of a result, in which all bits are significant."""
    return [(kind, bytes([bits] * bands) if kind == b"sBIT" else body) for kind, body in chunks]


def _by_numbers(path, body):
    """The encoding of a cICP chunk; None if it is invalid or unsupported."""
    if len(body) != 4 or body[2] or body[3] > 1:
        return None
    primaries, transfer, _, full = body
    if transfer in HDR_CURVES:
        name = HDR_CURVES[transfer]
        raise InputError(
            f"{path}: its colours are HDR ({name}, by its cICP chunk), which is not supported; convert it to SDR"
        )
    encoding = encoding_of_numbers(primaries, transfer)
    if encoding is not None and not full:
        raise InputError(
            f"{path}: its samples have the narrow range of video, by its cICP chunk; convert it to full range"
        )
    return encoding


def _by_values(found: Mapping[bytes, bytes]) -> Encoding | None:
    primaries, curve = SRGB_PRIMARIES, SRGB_CURVE
    if b"cHRM" in found:
        white, red, green, blue = ((x / 1e5, y / 1e5) for x, y in struct.iter_unpack(">2L", found[b"cHRM"]))
        points = (red, green, blue, white)
        near = np.abs(np.subtract(points, SRGB_PRIMARIES)).max() < _NEAR_POINT
        primaries = SRGB_PRIMARIES if near else points
    if b"gAMA" in found:
        (gamma,) = struct.unpack(">L", found[b"gAMA"])
        if not 1e4 <= gamma <= 1e6:
            raise ValueError("with such a gamma, nearly all samples would be black, or white")
        if primaries != SRGB_PRIMARIES or abs(gamma - _SRGB_GAMMA) > _NEAR_GAMMA:
            curve = Curve(1e5 / gamma)
    encoding = Encoding(primaries, curve)
    return None if encoding == SRGB else encoding
