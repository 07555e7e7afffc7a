"""Makes colour profiles of encodings, for formats that cannot name these by numbers (ICC.1:2010, sections 7 to 10)."""

import struct

from jaxsr.imaging.encoding import Encoding
from jaxsr.imaging.primaries import D50_XYZ, adaptation, rgb_to_xyz, xyz


def icc_profile(encoding: Encoding, *, gray: bool) -> bytes:
    """An ICC profile, version 4, for RGB or gray in this encoding. White is adapted to D50 with Bradford's matrix."""
    curve = encoding.curve
    parameters = (curve.exponent, curve.slope, curve.offset, curve.linear, curve.end)
    curve_tag = b"para" + struct.pack(">4xH2x", 3) + _fixed(parameters)
    tags = {
        b"desc": _text_tag("Gray, as a picture described it" if gray else "RGB, as a picture described it"),
        b"cprt": _text_tag("No copyright"),
        b"wtpt": _xyz_tag(D50_XYZ),
    }
    if gray:
        return _profile(b"GRAY", tags | {b"kTRC": curve_tag})
    adapted = adaptation(xyz(encoding.primaries[3]), D50_XYZ)
    columns = (adapted @ rgb_to_xyz(encoding.primaries)).T
    tags |= {key: _xyz_tag(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve_tag)
    return _profile(b"RGB ", tags | {b"chad": b"sf32" + bytes(4) + _fixed(adapted.ravel())})


def _profile(space, tags):
    table, data = struct.pack(">L", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        table += struct.pack(">4sLL", key, begin + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size, version = struct.pack(">L", begin + len(data)), struct.pack(">L", 0x04200000)
    header = size + bytes(4) + version + b"mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28) + _fixed(D50_XYZ)
    return header.ljust(128, b"\0") + table + data


def _xyz_tag(values):
    return b"XYZ " + bytes(4) + _fixed(values)


def _text_tag(text):
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">4xLL2s2sLL", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def _fixed(values):
    return b"".join(struct.pack(">l", round(float(value) * 65536)) for value in values)
