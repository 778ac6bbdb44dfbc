from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.memory import memory

if TYPE_CHECKING:
    from governance.core.actor import Actor
    from governance.lifecycle.models import Source

__all__ = ["memory"]


@pytest.fixture
def admin(db: None) -> Actor:
    from tests.lifecycle.feeding import administrator  # noqa: PLC0415 - models load once Django is set up

    return administrator()


@pytest.fixture
def staff(admin: Actor) -> Source:
    from tests.lifecycle.feeding import a_source  # noqa: PLC0415 - models load once Django is set up

    return a_source(admin)
