"""Where a call may go: whatever a name says, no governed system is where cloud platforms hand out secrets."""

import pytest

from governance.connectors.addresses import resolve
from governance.connectors.interface import Refused

PORT = 443


class TestResolve:
    @pytest.mark.parametrize(
        "address",
        [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "224.0.0.1",
            "0.0.0.0",
        ],
    )
    def test_leads_nowhere_where_secrets_are_handed_out(self, address: str) -> None:
        with pytest.raises(Refused, match="no governed system"):
            resolve(address, PORT)

    @pytest.mark.parametrize(
        "address", ["127.0.0.1", "10.1.2.3", "::1", "fd12::1", "64:ff9b::a01:203", "2002:a01:203::1"]
    )
    def test_leads_to_a_private_address_only_if_told_so(self, address: str) -> None:
        assert resolve(address, PORT) == address
        with pytest.raises(Refused, match="private address"):
            resolve(address, PORT, private=False)

    @pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
    def test_leads_to_the_internet(self, address: str) -> None:
        assert resolve(address, PORT, private=False) == address
