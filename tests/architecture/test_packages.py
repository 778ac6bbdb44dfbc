"""What the import contracts can't see: that they name everything, and arrows that are no imports."""

import sys

import pytest
from django.apps import apps
from django.db.models import ForeignKey, Model

from config.celery import PACKAGES_WITH_TASKS
from config.paths import ROOT
from tests.architecture import source

OURS = [model for model in apps.get_models() if model.__module__.startswith("governance.")]


def package(model: type[Model]) -> str:
    return model.__module__.split(".")[1]


class TestForeignKeys:
    @pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
    def test_point_down_or_stay_inside_the_package(self, model: type[Model]) -> None:
        depth = {name: number for number, layer in enumerate(source.layers()) for name in layer}
        upward = [
            f"{field.name} → {field.related_model.__name__}"
            for field in model._meta.local_fields
            if isinstance(field, ForeignKey)
            and field.related_model in OURS
            and package(field.related_model) != package(model)
            and depth[package(field.related_model)] <= depth[package(model)]
        ]
        assert not upward


class TestPackages:
    def test_with_a_rung_of_the_ladder_are_held_to_it(self) -> None:
        ladders = {
            f"governance.{path.parent.name}"
            for path in (ROOT / "governance").glob("*/*.py")
            if path.stem in source.rungs()
        }
        assert ladders <= set(source.contracts()[1]["containers"])

    def test_have_their_models_in_the_switchboard(self) -> None:
        written = {f"governance.{path.parent.name}.models" for path in (ROOT / "governance").glob("*/models.py")}
        assert written <= sys.modules.keys()

    def test_with_tasks_are_known_to_celery(self) -> None:
        written = {f"governance.{path.parent.name}" for path in (ROOT / "governance").glob("*/tasks.py")}
        assert written <= set(PACKAGES_WITH_TASKS)
