"""What the rule's owner and security are told of violations. Said once to each, however often these run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.separation.models import Mitigation, SeparationRule, SeparationViolation
from governance.separation.queries import REVIEW_ONCE, concerned, names


def tell_opened(violations: Iterable[SeparationViolation], *, now: datetime) -> None:
    """Somebody breaks a rule. Where one scan finds many of a rule, they are told together."""
    by_rule: dict[UUID, list[SeparationViolation]] = defaultdict(list)
    for violation in violations:
        by_rule[violation.rule_id].append(violation)
    people = concerned(by_rule.keys(), now) if by_rule else {}
    called = names({pk for found in by_rule.values() for pk in (found[0].left_id, found[0].right_id)})
    notify(
        (
            _together(person, found, now) if len(found) > 1 else _opened(person, found[0], called)
            for rule_id, found in by_rule.items()
            for person in people[rule_id]
        ),
        now=now,
    )


def _opened(person: UUID, one: SeparationViolation, called: Mapping[UUID, str]) -> Notice:
    left, right = called[one.left_id], called[one.right_id]
    title = f"{one.identity} breaks {one.rule}"
    body = f"{one.rule.title}: holds {left} together with {right}."
    return Notice(person, Topic.WORK, title, body, (one.NOUN, one.pk), f"opened:{one.pk}")


def _together(person: UUID, found: list[SeparationViolation], now: datetime) -> Notice:
    rule = found[0].rule
    title = f"{len(found)} identities break {rule}"
    body = f"{rule.title}: each of them holds both sides."
    subject = (SeparationRule.NOUN, rule.pk)
    return Notice(person, Topic.WORK, title, body, subject, f"opened:{rule.pk}:{now.isoformat()}")


def tell_back(violations: Iterable[SeparationViolation], *, now: datetime) -> None:
    """Mitigations have ended, and what they covered is an open violation again."""
    found = list(violations)
    people = concerned({one.rule_id for one in found}, now) if found else {}
    notify(
        (
            Notice(
                person,
                Topic.WORK,
                f"{one.identity} breaks {one.rule} again: the mitigation has ended",
                f"{one.rule.title}: holds {one.left} together with {one.right}.",
                (one.NOUN, one.pk),
                f"back:{one.pk}:{now.isoformat()}",
            )
            for one in found
            for person in people[one.rule_id]
        ),
        now=now,
    )


def tell_proposed(mitigation: Mitigation, *, now: datetime) -> None:
    """Somebody asks for a mitigation: those who may decide are asked."""
    title = f"A mitigation of {mitigation.rule} is asked for {mitigation.identity}"
    subject = (Mitigation.NOUN, mitigation.pk)
    people = concerned([mitigation.rule_id], now)[mitigation.rule_id] - {mitigation.requester_id}
    once = f"proposed:{mitigation.pk}"
    notify([Notice(pk, Topic.WORK, title, mitigation.reason, subject, once) for pk in people], now=now)


def tell_decided(mitigation: Mitigation, *, now: datetime) -> None:
    """Whoever asked for it learns what became of it."""
    title = f"{mitigation} is {mitigation.get_state_display().lower()}"
    subject = (Mitigation.NOUN, mitigation.pk)
    notify(
        [
            Notice(
                mitigation.requester_id,
                Topic.OUTCOME,
                title,
                mitigation.state_reason,
                subject,
                f"decided:{mitigation.pk}",
            )
        ],
        now=now,
    )


def remind(mitigations: Iterable[Mitigation], *, now: datetime) -> None:
    """The review of each is due: whoever answers for its rule, security, and whoever approved it look at it again."""
    found = list(mitigations)
    people = concerned({one.rule_id for one in found}, now) if found else {}
    notify(
        (_due(pk, one) for one in found for pk in {*people[one.rule_id], one.decider_id} if pk is not None),
        now=now,
    )


def _due(person: UUID, one: Mitigation) -> Notice:
    title = f"{one} of {one.rule} is due for review"
    body = f"{one.identity}: {one.control} End it, or have another asked for. It ends {one.ends_at:%d %b %Y}."
    return Notice(person, Topic.WORK, title, body, (one.NOUN, one.pk), f"{REVIEW_ONCE}{one.pk}")
