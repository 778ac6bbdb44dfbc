"""The benchmarks' own server is configured as a process that starts has to be."""

from pathlib import Path

import pytest

from bench import data
from config import env
from config.embedded.place import Place
from config.embedded.postgres import Postgres
from config.env import VARIABLES, Environment


def test_environment_lacks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    postgres = Postgres(Place(tmp_path, tmp_path / "s", None), "database", "leasehold", "bench", "secret")
    assert Environment(data._environ(postgres, "S"))[env.DEMO_MODE]
