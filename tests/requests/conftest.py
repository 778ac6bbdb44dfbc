from tests.harness.memory import memory

__all__ = ["memory"]
