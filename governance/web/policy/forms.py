"""The editor of rules: a condition, what follows from it in fields of its own, and a reason. It saves nothing."""

from typing import Any, Final
from uuid import uuid4

from django import forms

from governance.analysis.actions import MOST_DAYS
from governance.changes.rule_versions import AT_ONCE
from governance.core.moves import plain
from governance.identities.models import Team
from governance.lifecycle.states import Denied
from governance.policy.cel import LONGEST_CONDITION
from governance.policy.consequences import LAST_STAGE, MOST_APPROVERS, ConsequenceError, StepSpec, read
from governance.policy.models import PolicyRuleVersion
from governance.policy.moves import Wording
from governance.policy.states import OF_RULES, Mode, StepKind
from governance.web.fields import Length, OwnWords

SPARE_TEAMS: Final = 2
"""Empty rows for teams' steps, besides those of the teams that are asked already."""

FOLLOWS = (
    ("steps", "People decide", "Each step below asks for a decision."),
    ("allow_without_human", "Nobody has to decide", "Takes effect where no other rule asks for a step."),
    ("deny", "Access is denied", "One rule that denies is enough."),
    ("limits", "Only limits", "A shorter lease or oftener reviews; other rules say whether access may be had."),
)
MODES = (
    (Mode.RECORD, "Kept with each decision, and nothing else: nobody is told but those who read the log."),
    (Mode.WARN, "Requester and approvers are told. It has no effect."),
    (
        Mode.REQUIRE_APPROVAL,
        "Those whom its steps name decide, security where it names none. Its limits hold; it opens nothing.",
    ),
    (Mode.BLOCK, "All that follows takes effect."),
)
LENGTHS: Final = {"cap": "cap_seconds", "cadence": "cadence_seconds", "break_glass": "break_glass_seconds"}
"""The fields that are lengths of time, and what the stored form calls them."""

CODE = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", "data-code": ""}


class StepForm(forms.Form):
    """One step that can be asked for: of a kind, or of a team."""

    asked = forms.BooleanField(required=False)
    required = forms.IntegerField(label="How many", min_value=1, max_value=MOST_APPROVERS, required=False)
    everyone = forms.BooleanField(label="All of them", required=False)
    stage = forms.IntegerField(label="Stage", min_value=1, max_value=LAST_STAGE, required=False)
    when = forms.CharField(label="Only when", required=False, widget=forms.TextInput(attrs=CODE))
    counts = forms.CharField(label="Who counts", required=False, widget=forms.Textarea(attrs={"rows": 2, **CODE}))
    skip_repeat = forms.BooleanField(label="Skipped where they have approved another step", required=False)

    def __init__(self, kind: StepKind, step: StepSpec | None, data: Any, prefix: str) -> None:
        self.kind = kind
        super().__init__(data, prefix=prefix, initial=_initial_of(step))
        self.fields["asked"].label = str(kind.label)

    @property
    def is_asked(self) -> bool:
        """Whether this step is to be taken."""
        return bool(self.cleaned_data.get("asked"))

    def said(self) -> dict[str, Any]:
        """The step in its JSON form."""
        said = self.cleaned_data
        rest = {
            "everyone": said["everyone"],
            "stage": said["stage"],
            "team": self.team,
            "when": said["when"],
            "counts": [line.strip() for line in said["counts"].splitlines() if line.strip()],
            "skip_repeat": said["skip_repeat"],
        }
        return {"kind": str(self.kind), "required": said["required"] or 1, **{k: v for k, v in rest.items() if v}}

    @property
    def team(self) -> str:
        """The key of the team that is asked; empty for all other kinds."""
        return ""


class TeamForm(StepForm):
    """A step of a team, which it names."""

    named = forms.ChoiceField(label="Team", required=False)

    def __init__(self, step: StepSpec | None, data: Any, prefix: str) -> None:
        super().__init__(StepKind.TEAM, step, data, prefix)
        del self.fields["asked"]
        teams = list(Team.objects.order_by("name").values_list("key", "name"))
        self.fields["named"].choices = [("", "No team"), *teams]  # type: ignore[attr-defined]  # a ChoiceField's

    @property
    def is_asked(self) -> bool:
        """Whether a team is named."""
        return bool(self.team)

    @property
    def team(self) -> str:
        """The key of the team that is asked."""
        return str(self.cleaned_data.get("named", ""))


def _initial_of(step: StepSpec | None) -> dict[str, Any]:
    if step is None:
        return {"required": 1}
    rest = {
        "everyone": step.everyone,
        "stage": step.stage or None,
        "named": step.team,
        "when": step.when,
        "counts": "\n".join(" ".join(one.splitlines()) for one in step.counts),
        "skip_repeat": step.skip_repeat,
    }
    return {"asked": True, "required": step.required, **rest}


class WordingForm(forms.Form):
    """What a version is to say."""

    condition = forms.CharField(
        label="When",
        max_length=LONGEST_CONDITION,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, **CODE}),
        help_text="A question of yes or no over the facts, such as entitlement.risk == 'high'.",
        error_messages={"required": "Say when the rule applies; true for always."},
    )
    follows = forms.ChoiceField(
        label="What follows",
        choices=[(value, label) for value, label, _ in FOLLOWS],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what follows."},
    )
    cap = Length(label="A lease lasts at most", required=False, help_text="Such as 7 days or 8 hours.")
    cadence = Length(label="Review at least every", required=False, help_text="Such as 90 days.")
    break_glass = Length(
        label="Break-glass for at most",
        required=False,
        help_text="Such as 4 hours. Whoever the condition is true of takes it at once in an emergency. Empty: nobody.",
    )
    mode = forms.ChoiceField(
        label="How far it reaches",
        choices=Mode.choices,
        initial=Mode.BLOCK,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how far it reaches."},
    )
    reason = OwnWords(
        "Say in words that a requester can read why this follows.",
        rows=2,
        help_text="Requesters read it. {fact} is replaced by the fact in words, and {cap}, {cadence}"
        " and {break_glass} by the rule's own.",
    )
    priority = forms.IntegerField(
        label="Priority",
        min_value=0,
        max_value=32767,
        initial=100,
        help_text="Which reasons are told first, the higher the sooner. It never decides.",
    )
    why = OwnWords("Say why: it is kept with the version.", label="Why you write it so", rows=2)

    def __init__(self, data: Any = None, version: PolicyRuleVersion | None = None) -> None:
        asked = read(version.outcomes).steps if version else ()
        super().__init__(data, initial=_initial(version) if version else None)
        by_kind = {step.kind: step for step in asked if step.kind != StepKind.TEAM}
        kinds = [kind for kind in OF_RULES if kind != StepKind.TEAM]
        self.steps = [StepForm(kind, by_kind.get(kind), data, f"step-{kind}") for kind in kinds]
        of_teams = [step for step in asked if step.kind == StepKind.TEAM]
        rows = [*of_teams, *[None] * SPARE_TEAMS]
        self.teams = [TeamForm(step, data, f"team-{number}") for number, step in enumerate(rows)]

    def is_valid(self) -> bool:
        """Whether every field can be read, those of the steps that are asked for too."""
        whole = super().is_valid()
        if self.cleaned_data.get("follows") != "steps":
            return whole
        wrong = [step for step in (*self.steps, *self.teams) if not step.is_valid()]
        return whole and not wrong

    def clean(self) -> dict[str, Any]:
        """Lengths of time that a rule can say."""
        said = super().clean() or self.cleaned_data
        for name in LENGTHS:
            if length := self._length(name):
                try:
                    read(length)
                except ConsequenceError as error:
                    self.add_error(name, str(error))
        return said

    def _length(self, name: str) -> dict[str, int]:
        """A length of time in its stored form; nothing where none is given."""
        seconds = self.cleaned_data.get(name)
        return {} if seconds is None else {LENGTHS[name]: seconds}

    def outcomes(self) -> dict[str, Any]:
        """What follows, in the JSON form that a version keeps."""
        follows, said = self.cleaned_data.get("follows"), dict[str, Any]()
        if follows == "steps":
            said = {"steps": [step.said() for step in (*self.steps, *self.teams) if step.is_valid() and step.is_asked]}
        elif follows in {"deny", "allow_without_human"}:
            said = {follows: True}
        if follows == "deny":
            return said
        return {**said, **{stored: seconds for name in LENGTHS for stored, seconds in self._length(name).items()}}

    def wording(self) -> Wording:
        """What the form says."""
        said = self.cleaned_data
        return Wording(said["condition"], self.outcomes(), said["reason"], said["priority"], said["mode"])


def _initial(version: PolicyRuleVersion) -> dict[str, Any]:
    """A version as its form shows it."""
    outcomes = version.outcomes
    return {
        "condition": version.condition,
        "follows": next((value for value, *_ in FOLLOWS if outcomes.get(value)), "limits"),
        **{name: outcomes.get(stored) for name, stored in LENGTHS.items()},
        "mode": version.mode,
        "reason": version.reason,
        "priority": version.priority,
    }


class RuleForm(WordingForm):
    """A new rule with its first draft."""

    key = forms.CharField(label="Key", max_length=32, help_text="Like POL-11; it stays.")
    title = forms.CharField(label="Title", max_length=200, help_text="What it says, in a line.")
    owner = forms.EmailField(
        label="Owner", required=False, help_text="The e-mail address of who answers for it; you, if left empty."
    )
    field_order = ("key", "title", "owner")


class RetireForm(forms.Form):
    """Why a version is to end."""

    reason = OwnWords("Say why, in a sentence: those who decide read this first.", label="Why")
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": {"token": uuid4()}, **kwargs})

    def payload(self) -> dict[str, Any]:
        """What is proposed."""
        return {}


class PublishForm(RetireForm):
    """Why a version is to take effect, and when."""

    effective_from = forms.DateTimeField(
        label="Takes effect, in UTC",
        required=False,
        help_text="When it is approved, if left empty.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )

    denied_leases = forms.ChoiceField(
        label="Live leases that it denies",
        choices=[("", "Choose"), *Denied.choices],
        help_text="Whoever answers for leases that stay, although they would not be given so any more, is told.",
        error_messages={"required": "Say what becomes of them."},
    )
    field_order = ("reason", "denied_leases", "effective_from")

    def payload(self) -> dict[str, Any]:
        """What is proposed."""
        said = self.cleaned_data
        start = plain(said["effective_from"]) if said["effective_from"] else AT_ONCE
        return {"effective_from": start, "denied_leases": said["denied_leases"]}


class ReplayForm(forms.Form):
    """Over how many days a version is replayed."""

    days = forms.IntegerField(
        label="Days",
        min_value=1,
        max_value=MOST_DAYS,
        initial=90,
        help_text="Requests of so many days, and every grant that is live now.",
    )


class StopForm(forms.Form):
    """Why a replay is stopped, if there is something to say."""

    reason = OwnWords(help_text="Optional. Kept with the replay.")


class DropForm(forms.Form):
    """Why an example is kept no longer."""

    reason = OwnWords("Say why it is kept no longer.")
