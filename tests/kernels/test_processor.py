import platform

import numpy as np
import pytest

from jaxsr.kernels.processor import processor_features


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="features are read on Linux alone"
)
def test_features_are_those_that_numpy_found():
    # numpy asks the processor itself.
    asked = np._core._multiarray_umath.__cpu_features__
    for theirs, ours in (("AVX2", "avx2"), ("AVX512F", "avx512f"), ("FMA3", "fma")):
        assert (ours in processor_features()) == asked[theirs], theirs
