from tests.harness.governed import _governed_server, governed
from tests.harness.scim import _scim_process, lying_scim, lying_scim_over_tls, scim

__all__ = ["_governed_server", "_scim_process", "governed", "lying_scim", "lying_scim_over_tls", "scim"]
