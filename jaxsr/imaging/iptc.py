"""IPTC, which a JPEG keeps in a block of Photoshop's resources and a TIFF without them (IPTC-IIM 4.2)."""

import struct

from jaxsr.imaging.formats import Kind

_BLOCK, _RESOURCE, _IPTC = b"Photoshop 3.0\0", b"8BIM", 0x0404


def iptc_for(data: bytes, kind: Kind) -> bytes:
    """What libvips must be given to write the IPTC that it read into a file of a kind; empty if there is none."""
    if kind == "JPEG" and not data.startswith(_BLOCK):
        name_and_length = struct.pack(">HHL", _IPTC, 0, len(data))
        return _BLOCK + _RESOURCE + name_and_length + data + bytes(len(data) % 2)
    if kind == "TIFF":
        found = _resource(data) if data.startswith(_BLOCK) else data
        # libvips writes a quarter of the bytes that it is given.
        return found + bytes(3 * len(found))
    return data


def _resource(block):
    place = len(_BLOCK)
    while block[place : place + 4] == _RESOURCE and place + 12 <= len(block):
        (number, name) = struct.unpack_from(">HB", block, place + 4)
        # A name, with its length before it, and the data take an even number of bytes.
        place += 6 + (1 + name + 1) // 2 * 2
        length = int.from_bytes(block[place : place + 4], "big")
        if number == _IPTC:
            return block[place + 4 : place + 4 + length]
        place += 4 + (length + 1) // 2 * 2
    return b""
