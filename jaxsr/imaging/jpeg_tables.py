"""Numbers of JPEG (ITU-T T.81)."""

import numpy as np

# Tables K.1 and K.2, for quality 50, which libjpeg scales. Rows are vertical frequencies.
_LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
_CHROMA = """17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"""
LUMA_TABLE, CHROMA_TABLE = (np.array(table.split(), int).reshape(8, 8) for table in (_LUMA, _CHROMA))
_FREQUENCY = np.arange(8)
# The cosine transform of eight samples (A.3.3): [frequency, sample].
COSINES = np.cos(np.outer(_FREQUENCY, 2 * _FREQUENCY + 1) * np.pi / 16) * np.where(_FREQUENCY, 0.5, 0.125**0.5)[:, None]
