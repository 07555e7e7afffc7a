"""The address of the first process, before anything is tried."""

import pytest

from jaxsr.errors import InputError
from jaxsr.processes.distributed import Cluster, join


@pytest.mark.parametrize("coordinator", ["localhost", "localhost:abc", "localhost:99999", "localhost:", ":7990", "a:²"])
def test_an_address_without_host_or_port_is_refused_at_once(coordinator):
    with pytest.raises(InputError, match="give HOST:PORT"):
        join(Cluster(coordinator, 1, 0))
