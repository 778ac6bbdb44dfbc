from tests.harness.governed import _governed_server, governed

__all__ = ["_governed_server", "governed"]
