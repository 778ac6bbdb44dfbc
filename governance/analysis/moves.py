"""What a replay writes: how far it has come, what it has found, and its end. Of what it reads it changes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import rfc8785

from governance.analysis import queries
from governance.analysis.models import Finding, Replay, ReplayProgress
from governance.analysis.queries import Row
from governance.analysis.states import ReplayState, Source
from governance.core.actor import Actor
from governance.core.moves import move
from governance.lifecycle.reevaluation import fate
from governance.lifecycle.states import Fate
from governance.policy import moves as policy
from governance.policy.judging import Differs, Judge
from governance.policy.models import PolicyDecision
from governance.policy.states import Change

MOST_FINDINGS: Final = 10_000
"""How many findings of a replay are kept; its counts know all."""

PREFIXES: Final = {Source.REQUEST: "R", Source.GRANT: "G"}
NOTHING: Final[Mapping[str, int]] = {"read": 0, "changed": 0, "not_replayable": 0, **dict.fromkeys(Change.values, 0)}
NOTHING_OF: Final[Mapping[str, Mapping[str, int]]] = {
    Source.REQUEST: NOTHING,
    Source.GRANT: {**NOTHING, **dict.fromkeys(Fate.values, 0)},
}


def wording_of(replay: Replay) -> dict[str, Any]:
    """What its version says."""
    return asdict(policy.wording_of(replay.version))


def advance(replay: Replay, progress: ReplayProgress, judge: Judge) -> bool:
    """Replay one batch of the held replay, and keep what was found with how far it has come. False once all is done."""
    found = queries.batch(replay, progress.source, progress.place, judge.names)
    if found.place is None:
        return _next_source(progress)
    judge.learn((judge.rule.key, row.kept.spoken) for row in found.rows if row.kept and row.kept.spoken)
    _note(replay, progress, judge, found.rows)
    progress.place = found.place
    progress.save()
    return True


def _next_source(progress: ReplayProgress) -> bool:
    if progress.source == Source.GRANT:
        return False
    progress.source, progress.place = Source.GRANT, []
    progress.save()
    return True


def _note(replay: Replay, progress: ReplayProgress, judge: Judge, rows: Sequence[Row]) -> None:
    """Count the batch, and keep the findings for which there is room."""
    suspects = [row for row in rows if row.kept is not None and judge.may_differ(row.kept)]
    decisions = PolicyDecision.objects.filter(pk__in=[row.kept.decision_id for row in suspects if row.kept])
    judged = judge.differ(decisions.iterator(chunk_size=1000)) if suspects else {}
    counts = Counter(progress.counts.get(progress.source, NOTHING_OF[progress.source]))
    counts["read"] += sum(row.kept is not None for row in rows)
    counts["not_replayable"] += sum(one is None for one in judged.values())
    findings = [
        (row, row.kept.decision_id, one)
        for row in suspects
        if row.kept and (one := judged[row.kept.decision_id]) is not None and one.changes
    ]
    counts["changed"] += len(findings)
    if progress.source == Source.GRANT:
        counts.update(str(_fate(row, judged)) for row in rows)
    counts.update(change for _, _, one in findings for change in one.changes)
    progress.counts = {**progress.counts, progress.source: dict(counts)}
    room = findings[: MOST_FINDINGS - progress.kept]
    _keep(replay, progress, room)


def _fate(row: Row, judged: Mapping[UUID, Differs | None]) -> Fate:
    """What the version would mean to a live lease; one without a decision can't be judged."""
    if row.kept is not None and row.kept.decision_id not in judged:
        return Fate.UNCHANGED
    return fate(judged[row.kept.decision_id] if row.kept is not None else None)


def _keep(replay: Replay, progress: ReplayProgress, found: Sequence[tuple[Row, UUID, Differs]]) -> None:
    made = [_finding(replay, progress, progress.kept + number, *one) for number, one in enumerate(found, start=1)]
    Finding.objects.bulk_create(made)
    progress.kept += len(made)


def _finding(
    replay: Replay, progress: ReplayProgress, number: int, row: Row, decision_id: UUID, differs: Differs
) -> Finding:
    facts = differs.facts
    met = {"fate": str(fate(differs))} if progress.source == Source.GRANT else {}
    return Finding(
        replay=replay,
        number=number,
        source=progress.source,
        subject_id=row.subject_id,
        reference=f"{PREFIXES[Source(progress.source)]}-{row.number}",
        decision_id=decision_id,
        holder=facts.identity.name[:300],
        entitlement=facts.entitlement.name[:300],
        system=facts.system.name[:300],
        change=differs.changes[0],
        changes=list(differs.changes),
        before=differs.before.told(),
        after={**differs.after.told(), "why": differs.why, **met},
    )


def finish(replay: Replay, progress: ReplayProgress, *, actor: Actor, now: datetime) -> None:
    """End a held replay that has read everything; its event has the counts, and a digest over the findings."""
    facts = {"findings": progress.kept, "findings_sha256": _digest(replay)}
    counts = {source: {**NOTHING_OF[source], **progress.counts.get(source, {})} for source in Source}
    why = "Everything has been replayed"
    move(replay, ReplayState.DONE, actor=actor, why=why, now=now, facts=facts, counts=counts, closed_at=now)


def _digest(replay: Replay) -> str:
    """SHA-256 over the findings in their order, each line in canonical form (RFC 8785)."""
    digest = sha256()
    rows = Finding.objects.filter(replay=replay).order_by("number")
    names = ("number", "source", "reference", "changes", "before", "after")
    for said in rows.values_list(*names).iterator(chunk_size=1000):
        digest.update(rfc8785.dumps(dict(zip(names, said, strict=True))) + b"\n")
    return digest.hexdigest()


def stop(replay: Replay, *, actor: Actor, why: str, now: datetime) -> Replay:
    """End a held replay before it has read everything."""
    counts: Mapping[str, Any] = ReplayProgress.objects.get(replay=replay).counts
    changes: dict[str, Any] = {"state_reason": why, "counts": dict(counts), "closed_at": now}
    return move(replay, ReplayState.STOPPED, actor=actor, why=why, now=now, **changes)
