"""The form of one example: what is expected over the ordinary facts with some of them changed."""

from typing import Any, Final

from django import forms

from governance.policy.cel import type_name
from governance.policy.kept import entered, settable
from governance.policy.moves import Expected
from governance.policy.states import OutcomeKind
from governance.web.fields import OwnWords

ROWS: Final = 6
"""Facts that one example can change on the page."""

NOT_SETTABLE: Final = "Choose one of the listed facts: %(value)s is none, or follows from others."

APPLIES = (("yes", "The rule applies"), ("no", "The rule does not apply"))


class ExampleForm(forms.Form):
    """An example: over the ordinary one with some facts changed, what is expected."""

    title = forms.CharField(label="Title", max_length=200, help_text="What it shows, such as An agent in production.")
    applies = forms.ChoiceField(label="Expected", choices=APPLIES, initial="yes")
    outcome = forms.ChoiceField(
        label="What has to follow", choices=[("", "Whatever the rule says"), *OutcomeKind.choices], required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        facts = [("", "No fact"), *((one.name, f"{one.name} ({type_name(one.type)})") for one in settable())]
        for number in range(1, ROWS + 1):
            self.fields[f"fact_{number}"] = forms.ChoiceField(
                label=f"Fact {number}", choices=facts, required=False, error_messages={"invalid_choice": NOT_SETTABLE}
            )
            self.fields[f"value_{number}"] = forms.CharField(label=f"Value {number}", max_length=500, required=False)
        self.fields["why"] = OwnWords("Say why: it is kept with the example.", label="Why it is kept", rows=2)

    @property
    def rows(self) -> list[tuple[Any, Any]]:
        """The facts with their values, row by row."""
        return [(self[f"fact_{number}"], self[f"value_{number}"]) for number in range(1, ROWS + 1)]

    def clean(self) -> dict[str, Any]:
        """Each value read as its fact is declared; a fact is changed once."""
        said = super().clean() or self.cleaned_data
        found: dict[str, Any] = {}
        for number in range(1, ROWS + 1):
            self._read(number, said, found)
        if said.get("applies") == "no" and said.get("outcome"):
            self.add_error("outcome", "Choose no outcome: nothing follows from a rule that does not apply.")
        return {**said, "changed_facts": found}

    def _read(self, number: int, said: dict[str, Any], found: dict[str, Any]) -> None:
        name, text = said.get(f"fact_{number}", ""), said.get(f"value_{number}", "")
        if not name:
            if text:
                self.add_error(f"fact_{number}", "Choose the fact that has this value.")
            return
        if name in found:
            self.add_error(f"fact_{number}", "This fact is changed above.")
            return
        try:
            found[name] = entered(name, text)
        except ValueError as error:
            self.add_error(f"value_{number}", str(error))

    def expected(self) -> Expected:
        """What the example expects."""
        said = self.cleaned_data
        return Expected(said["changed_facts"], said["applies"] == "yes", said["outcome"])
