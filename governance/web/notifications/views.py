"""The inbox: what was said to the visitor, each message leading to the exact thing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from governance.evidence import tables
from governance.notifications import actions, permissions
from governance.notifications.filters import NotificationFilter
from governance.notifications.models import Notification
from governance.notifications.states import CHOSEN
from governance.web import bases, present
from governance.web.notifications.forms import PreferenceForm
from governance.web.paging import Keyset

PAGES = {
    "access_request": "request-detail",
    "approval_step": "approval-detail",
    "break_glass": "break-glass-detail",
    "grant": "grant-detail",
    "manual_task": "task-detail",
    "policy_rule": "rule-detail",
    "proposed_change": "change-detail",
    "mitigation": "mitigation-detail",
    "separation_rule": "separation-rule-detail",
    "separation_violation": "violation-detail",
}
"""Where what a message is about has its page."""

OWN_PAGES = {"user": "mfa_index", "survey": "finding-list", "delegation": "delegation-list"}
"""Where the one thing of its kind that is the reader's own has its page, or where all of it stands."""


class NotificationList(bases.ListPage):
    """What was said to the actor, latest first."""

    template_name = "notifications/list.html"
    title, things = "Notifications", "notifications"
    lede = "What was said to you, each message leading to what it is about."
    filters = NotificationFilter
    table = tables.NOTIFICATIONS
    keyset = Keyset(("created_at", "id"))
    empty = "Nothing was said to you yet. Decisions, questions and ends of access that concern you appear here."

    def visible(self) -> "QuerySet[Notification]":
        """From the permissions of notifications."""
        return permissions.visible(self.actor)

    def rows(self, found: Sequence[Notification]) -> list[Notification]:
        """As they are: a message is plain words."""
        return list(found)

    def context(self) -> dict[str, Any]:
        """Whether there is something to mark as read."""
        return {"unread": permissions.unread(self.actor).exists()}


class OpenNotification(bases.Page):
    """The way from a message to what it is about."""

    http_method_names = bases.READS

    def get(self, _request: HttpRequest, pk: UUID) -> HttpResponse:
        """Count it as read and go there."""
        opened = actions.open_notification(notification_id=pk, actor=self.actor, now=self.now)
        own = OWN_PAGES.get(opened.subject_kind)
        return redirect(own) if own else redirect(PAGES[opened.subject_kind], pk=opened.subject_id)


class ReadAll(bases.Page):
    """Everything said so far counts as read."""

    http_method_names = bases.SENDS

    def post(self, _request: HttpRequest) -> HttpResponse:
        """Mark it and go back to the list."""
        count = actions.read_all(actor=self.actor, now=self.now)
        messages.success(self.request, f"{present.counted(count, 'notification')} marked as read.")
        return redirect("notification-list")


class Preferences(bases.FormPage):
    """What comes by mail as well."""

    template_name = "notifications/preferences.html"
    form_class = PreferenceForm

    def form(self, data: Any = None) -> PreferenceForm:
        """The form as the actor has it now."""
        return PreferenceForm(data, initial=permissions.preference(self.actor))

    def act(self, form: PreferenceForm) -> HttpResponse:
        """Keep the choice."""
        chosen = form.cleaned_data
        rhythms = {topic: chosen[topic.value] for topic in CHOSEN}
        actions.prefer(rhythms=rhythms, digest_hour=chosen["digest_hour"], actor=self.actor)
        messages.success(self.request, "Your choice is kept.")
        return redirect("notification-preferences")

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, and where mail goes."""
        return self.draw({"form": form, "addresses": permissions.addresses(self.actor, self.now)}, status=status)
