"""How long people wait, for those who oversee and for owners."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from governance.analysis import permissions
from governance.analysis.speed import DECISION, EDGES, FULFILMENT, GROUPS, Distribution, distributions
from governance.catalog.states import Risk
from governance.core.moves import plain
from governance.evidence.actions import Asked, export_rows
from governance.evidence.speed import SPEED
from governance.policy.words import length
from governance.web import bases, exports
from governance.web.periods import PeriodForm

MEASURES: Final = {
    DECISION: ("To the decision", "From the submission to the answer of those who were asked."),
    FULFILMENT: ("To the access", "From the submission to access that is verified present."),
}
BY: Final = {"all": "All", "system": "System", "owner": "Owner", "risk": "Risk"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket of a histogram: how many, and how many of a hundred that is."""

    label: str
    count: int
    percent: int


@dataclass(frozen=True, slots=True)
class Row:
    """One distribution as a line."""

    by: str
    name: str
    found: Distribution
    bars: Sequence[Bar]


class Speed(bases.Page):
    """Time to decision and to fulfilment, as distributions, by system, owner and risk."""

    http_method_names = bases.READS
    template_name = "speed/index.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """The distributions of the period that is asked for, or all of them as a file."""
        form = PeriodForm(request.GET or None)
        since, until = form.period(self.now)
        whose = permissions.measurable(self.actor, self.now)
        found = distributions(since, until, self.now, entitlements=whose)
        if kind := exports.form_of(request):
            period = {"since": str(plain(since)), "until": str(plain(until))}
            asked = Asked(kind, period, self.actor, timezone.now)
            return exports.sent(SPEED, export_rows(SPEED, found, asked), kind)
        parts = [(*words, [_row(one) for one in _ordered(found, measure)]) for measure, words in MEASURES.items()]
        context = {"form": form, "since": since, "until": until, "parts": parts, "exports": exports.links(request)}
        return self.draw({**context, "buckets": _labels()})


def _ordered(found: Sequence[Distribution], measure: str) -> list[Distribution]:
    return sorted((one for one in found if one.measure == measure), key=lambda one: GROUPS.index(one.by))


def _row(one: Distribution) -> Row:
    bars = [
        Bar(label, count, round(100 * count / one.count)) for label, count in zip(_labels(), one.buckets, strict=True)
    ]
    return Row(BY[one.by], _named(one), one, bars)


def _named(one: Distribution) -> str:
    if one.by == "risk":
        return str(Risk(one.name).label)
    return "Everything" if one.by == "all" else one.name or "Nobody"


def _labels() -> list[str]:
    return [*(f"Under {length(edge)}" for edge in EDGES), "Longer"]
