from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

from governance.core import labels
from governance.core.labels import UnsayableLabel
from governance.core.models import Recorded
from tests.core.things import Shelf, Thing, a_thing


def labelled() -> list[Any]:
    return [model for model in apps.get_models() if issubclass(model, Recorded) and model.LABEL]


@pytest.mark.django_db
class TestLabel:
    @pytest.mark.parametrize("label", ["{number}", "{shelf}", "{shelf.name} – {name}", "100% {name}", "{{{name}}}"])
    @pytest.mark.parametrize("name", ["Vase", "", 'a {brace} \\ "quote" %s', "\U0001f3fa"])
    def test_is_the_same_in_python_and_in_sql(
        self, shelf: Shelf, label: str, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        thing = a_thing(shelf, name=name, number=-7)
        monkeypatch.setattr(Thing, "LABEL", label)
        said = Thing._base_manager.annotate(said=labels.expression(Thing)).values_list("said", flat=True)
        assert said.get() == str(thing)

    @pytest.mark.parametrize("label", ["{tag}", "{ends_at}", "{fragile}", "{number:05}", "{name.upper}", "{day}"])
    def test_refuses_what_the_two_would_write_differently(self, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Thing, "LABEL", label)
        with pytest.raises(UnsayableLabel):
            labels.expression(Thing)

    def test_names_only_fields(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Thing, "LABEL", "{colour}")
        with pytest.raises(FieldDoesNotExist):
            labels.expression(Thing)


class TestEveryModelWithALabel:
    def test_can_say_it_in_sql(self) -> None:
        for model in labelled():
            assert labels.expression(model) is not None

    def test_says_it_nowhere_else(self) -> None:
        assert [model.__name__ for model in labelled() if "__str__" in model.__dict__] == []
