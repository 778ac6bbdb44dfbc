"""Several requests decided by one act: what is chosen, what has to be opened alone, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse

from governance.approvals import actions, permissions
from governance.approvals.actions import MOST_TOGETHER, Outcome
from governance.approvals.states import Verdict
from governance.web import bases
from governance.web.approvals import forms, items
from governance.web.approvals.present import Marks


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen: what can be decided together, and what is decided alone."""

    free: Sequence[items.Row]
    held: Sequence[items.Row]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one."""

    name: str
    url: str
    done: bool
    words: str


class TogetherPage(bases.FormPage):
    """One answer to all that is chosen in the inbox; what is sensitive is opened one by one."""

    template_name = "approvals/together.html"
    form_class = forms.TogetherForm

    def form(self, data: Any = None) -> forms.TogetherForm:
        """For what is chosen and not decided alone. What was sent is taken as it was: each is judged on its own."""
        sent = [UUID(pk) for pk in _ids(data.getlist("steps"))] if data is not None else []
        return forms.TogetherForm(data, steps=sent or [row.pk for row in self._chosen().free])

    def act(self, form: forms.TogetherForm) -> HttpResponse:
        """Decide each, and say what became of it."""
        given = form.cleaned_data
        verdict = Verdict(given["verdict"])
        outcomes = actions.decide_together(
            step_ids=given["steps"], verdict=verdict, reason=given["reason"], actor=self.actor, now=self.now
        )
        lines = self._lines(outcomes)
        done = sum(line.done for line in lines)
        return self.draw({"lines": lines, "done": done, "refused": len(lines) - done, "verdict": verdict})

    def show(self, form: forms.TogetherForm, *, status: int = 200) -> HttpResponse:
        """What is chosen, and the form for it."""
        return self.draw({"form": form, "chosen": self._chosen()}, status=status)

    def _chosen(self) -> Chosen:
        """Steps about access that ask the actor, by whether they are decided together."""
        ids = _ids([*self.request.GET.getlist("steps"), *self.request.POST.getlist("steps")])[:MOST_TOGETHER]
        steps = permissions.inbox(self.actor).filter(pk__in=ids).select_related("route", "claimed_by")
        rows = items.rows(list(steps.order_by("due_at", "pk")), Marks((), None, self.now)).values()
        return Chosen([row for row in rows if not row.alone], [row for row in rows if row.alone])

    def _lines(self, outcomes: Sequence[Outcome]) -> list[Line]:
        visible = permissions.visible(self.actor).filter(pk__in=[one.step_id for one in outcomes])
        labels = dict(visible.values_list("pk", "route__subject_label"))
        return [_line(one, labels) for one in outcomes]


def _line(outcome: Outcome, labels: dict[UUID, str]) -> Line:
    decision = outcome.decision
    return Line(
        name=labels.get(outcome.step_id, "A step that is not yours to see"),
        url=reverse("approval-detail", args=[outcome.step_id]) if outcome.step_id in labels else "",
        done=decision is not None,
        words=f"{decision.get_verdict_display()}, on record" if decision else outcome.message,
    )


def _ids(words: Sequence[str]) -> list[str]:
    """Those of the words that are ids, each once."""
    found: list[str] = []
    for word in words:
        try:
            found.append(str(UUID(word)))
        except ValueError:
            continue
    return list(dict.fromkeys(found))
