"""The further pictures in a JPEG (CIPA DC-007, section 5)."""

import io
import struct
from pathlib import Path

from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from jaxsr.imaging.broken import BROKEN

_ENTRIES = 0xB002
_ENTRY = 16
# Of an entry's attributes: its type, the types of smaller copies, and the type of what the standard does not know.
_TYPE, _COPIES, _UNDEFINED = 0xFFFFFF, (0x010001, 0x010002), 0
# In the metadata of gain maps for HDR, and of depth maps.
_AUXILIARY = (b"hdr-gain-map", b"iso:ts:21496", b"AuxiliaryImageType")
_METADATA = 2**16


def jpeg_count(path: Path) -> int:
    """The number of pictures in a JPEG; smaller copies, gain maps and depth maps do not count."""
    try:
        with JpegImageFile(path) as opened:
            table, base = opened.info["mp"], opened.info["mpoffset"]
        directory = ImageFileDirectory_v2(table[:8])
        file = io.BytesIO(table)
        file.seek(directory.next)
        directory.load(file)
        entries = directory[_ENTRIES]
        order = ">" if table.startswith(b"MM") else "<"
        further = 0
        with path.open("rb") as file:
            for place in range(_ENTRY, len(entries), _ENTRY):
                attributes, length, offset = struct.unpack_from(order + "LLL", entries, place)
                kind = attributes & _TYPE
                file.seek(base + offset)
                start = file.read(min(length, _METADATA)) if kind == _UNDEFINED else b""
                further += kind not in _COPIES and not any(mark in start for mark in _AUXILIARY)
    except BROKEN:
        return 1
    return 1 + further
