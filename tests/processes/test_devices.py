import pytest

from jaxsr.errors import InputError
from jaxsr.processes.devices import make_mesh


@pytest.mark.parametrize(("batch_size", "expected"), [(16, 8), (6, 6), (9, 3), (11, 1)])
def test_as_many_devices_as_divide_the_batch(batch_size, expected):
    assert make_mesh(None, batch_size=batch_size).size == expected


@pytest.mark.parametrize(("devices", "batch_size", "flag"), [(9, 18, "--devices 9"), (3, 16, "--batch-size 16")])
def test_what_does_not_fit_is_refused(devices, batch_size, flag):
    with pytest.raises(InputError, match=flag):
        make_mesh(devices, batch_size=batch_size)
