"""Systems on which people work: somebody does it and shows it, somebody else says so, and nobody for themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.utils import timezone

from governance.access.models import Assignment, Verification
from governance.access.states import Observation, Proof
from governance.audit.models import AuditEvent
from governance.catalog.models import System
from governance.connectors.models import ConnectorConfiguration
from governance.core.actor import Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.actors import machine_actor
from governance.grants.states import GrantState
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.provisioning import actions, permissions
from governance.provisioning.models import ManualEvidence, ManualTask, ProvisioningTask, TaskAttempt
from governance.provisioning.states import AttemptOutcome, ManualState, TaskState
from tests import builders
from tests.builders import Organisation
from tests.handwork import PNG, a_file, asked, confirmed, done, manual_system, wanted, worked_by_hand
from tests.leases import backed, fresh, give_back, started, work

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


class Vault:
    """A system on which people work: an owner, a backup owner, a governance team, and somebody who is to hold it."""

    def __init__(self) -> None:
        self.owner, self.backup, self.holder = (builders.person(name) for name in ("Owner", "Backup", "Holder"))
        self.gwen, self.gus = builders.person("Gwen"), builders.person("Gus")
        builders.team("governance", self.gwen, self.gus)
        self.system = manual_system(self.owner, self.backup)
        self.now = timezone.now()

    def asked(self, holder: Identity | None = None, on: System | None = None) -> ManualTask:
        return asked(holder or self.holder, on or self.system, now=self.now)


@pytest.fixture
def vault() -> Vault:
    return Vault()


def told(who: Identity) -> list[str]:
    return list(Notification.objects.filter(recipient=who).order_by("created_at", "pk").values_list("title", flat=True))


def sent_back(manual: ManualTask, by: Identity, why: str = "The picture is dark.") -> ManualTask:
    return actions.send_back(manual_id=manual.pk, judgement=why, actor=builders.actor(by), now=timezone.now())


def late(manual: ManualTask, days: int = 0) -> ManualTask:
    """The task after a worker has looked at it behind its deadline."""
    now = manual.due_at + timedelta(days=days)
    assert manual.task_id in actions.due(now=now)
    actions.run_task(manual.task_id, clock=lambda: now)
    return fresh_task(manual)


def fresh_task(manual: ManualTask) -> ManualTask:
    return ManualTask.objects.with_names().get(pk=manual.pk)


class TestATask:
    def test_asks_the_owner_with_instructions_and_a_deadline(self, vault: Vault) -> None:
        manual = vault.asked()
        assert manual.instructions == "Hand the badge out at the front desk."
        assert manual.due_at == vault.now + 48 * HOUR
        assert manual.task.state == TaskState.RUNNING
        assert [title.partition(" to ")[2] for title in told(vault.owner)] == ["Holder is yours to do"]
        assert not told(vault.backup)

    def test_has_other_instructions_and_another_deadline_for_taking_away(self, vault: Vault) -> None:
        manual = confirmed(done(vault.asked(), vault.owner), vault.backup)
        removal = wanted(manual.task.assignment, False, now=vault.now)
        assert removal.instructions == "Take the badge back."
        assert removal.due_at == vault.now + 4 * HOUR

    def test_is_never_tried_by_a_worker(self, vault: Vault) -> None:
        manual = vault.asked()
        assert actions.due(now=manual.due_at - HOUR) == []
        assert not TaskAttempt.objects.exists()

    def test_keeps_no_other_work_on_the_system_waiting(self, vault: Vault) -> None:
        assert len({vault.asked().pk for _ in range(5)}) == 5

    def test_is_proven_by_a_confirmation_that_is_marked_so(self, vault: Vault) -> None:
        manual = confirmed(done(vault.asked(), vault.owner), vault.backup)
        look = Verification.objects.get()
        assert (look.observation, look.proof) == (Observation.PRESENT, Proof.CONFIRMATION)
        assert manual.evidence is not None
        assert look.answer_hash == manual.evidence.sha256
        assert "Owner" in look.detail
        assert "Backup confirmed it" in look.detail
        task = ProvisioningTask.objects.get()
        assert (task.state, task.claim_token) == (TaskState.VERIFIED, None)
        attempt = task.attempts.get()
        assert (attempt.outcome, attempt.said, attempt.verification) == (AttemptOutcome.PROVED, manual.report, look)

    def test_leaves_an_event_and_a_version_for_every_state(self, vault: Vault) -> None:
        manual = sent_back(done(vault.asked(), vault.owner), vault.backup)
        confirmed(done(manual, vault.owner), vault.backup)
        events = AuditEvent.objects.filter(subject_id=manual.pk).order_by("sequence")
        states = ["open", "done", "sent_back", "done", "confirmed"]
        assert [event.action.rpartition(".")[2] for event in events] == states
        assert list(manual.history.order_by("history_date", "pk").values_list("state", flat=True)) == states
        shown = events[1].content
        assert shown is not None
        assert shown["facts"]["evidence_sha256"] == ManualEvidence.objects.order_by("given_at")[0].sha256
        assert shown["actor"]["label"] == "Owner"

    def test_can_be_sent_back_with_a_reason_and_done_anew(self, vault: Vault) -> None:
        manual = sent_back(done(vault.asked(), vault.owner), vault.gwen)
        assert manual.state == ManualState.SENT_BACK
        assert told(vault.owner)[-1].endswith("was sent back")
        done(manual, vault.owner, evidence=a_file(PNG + b"brighter"))
        assert ManualEvidence.objects.count() == 2
        assert confirmed(fresh_task(manual), vault.gwen).state == ManualState.CONFIRMED

    def test_is_not_sent_back_without_a_reason(self, vault: Vault) -> None:
        manual = done(vault.asked(), vault.owner)
        with pytest.raises(Invalid, match="what is missing"):
            sent_back(manual, vault.backup, "  ")


class TestConfirming:
    def test_without_evidence_is_refused(self, vault: Vault) -> None:
        manual = vault.asked()
        with pytest.raises(Conflict, match="Nobody has done it"):
            confirmed(manual, vault.backup)
        given = done(manual, vault.owner).evidence
        assert given is not None
        default_storage.delete(given.kept_as)
        with pytest.raises(Conflict, match="missing from the storage"):
            confirmed(manual, vault.backup)
        assert not Verification.objects.exists()

    def test_of_evidence_that_somebody_has_exchanged_is_refused(self, vault: Vault) -> None:
        given = done(vault.asked(), vault.owner).evidence
        assert given is not None
        default_storage.delete(given.kept_as)
        default_storage.save(given.kept_as, a_file(PNG + b"another"))
        with pytest.raises(Conflict, match="not what was given"):
            confirmed(given.manual_task, vault.backup)

    def test_is_not_for_the_doer(self, vault: Vault) -> None:
        with pytest.raises(Denied, match="You did this yourself"):
            confirmed(done(vault.asked(), vault.owner), vault.owner)

    def test_is_not_for_another_identity_of_the_doer(self, vault: Vault) -> None:
        twin = builders.person("Owner as a contractor", human=vault.owner.human)
        builders.joined("governance", twin)
        manual = done(vault.asked(), vault.owner)
        with pytest.raises(Denied, match="You did this yourself"):
            confirmed(manual, twin)

    def test_is_not_for_whoever_did_it_before_it_was_sent_back(self, vault: Vault) -> None:
        manual = sent_back(done(vault.asked(), vault.backup), vault.owner)
        done(manual, vault.owner)
        with pytest.raises(Denied, match="You did this yourself"):
            confirmed(manual, vault.backup)

    def test_is_not_for_the_holder_nor_another_identity_of_theirs(self, vault: Vault) -> None:
        own = done(vault.asked(vault.backup), vault.owner)
        twin = builders.person("Backup as a contractor", human=vault.backup.human)
        builders.joined("governance", twin)
        for who in (vault.backup, twin):
            with pytest.raises(Denied, match="your own access"):
                confirmed(own, who)

    def test_is_not_for_the_owner_of_the_machine_that_holds_it(self, vault: Vault) -> None:
        manual = done(vault.asked(builders.machine(vault.backup)), vault.owner)
        with pytest.raises(Denied, match="an identity you answer for"):
            confirmed(manual, vault.backup)

    @pytest.mark.parametrize("role", list(Role))
    def test_is_no_power_of_a_role(self, vault: Vault, role: Role) -> None:
        manual = done(vault.asked(), vault.owner)
        with pytest.raises(Denied, match="Only another owner"):
            confirmed(manual, builders.actor(builders.person("Overseer"), role))

    def test_is_nothing_that_strangers_know_of(self, vault: Vault) -> None:
        manual = done(vault.asked(), vault.owner)
        with pytest.raises(NotFound):
            confirmed(manual, builders.person("Stranger"))

    def test_happens_once(self, vault: Vault) -> None:
        manual = confirmed(done(vault.asked(), vault.owner), vault.backup)
        with pytest.raises(Conflict, match="Backup has confirmed it"):
            confirmed(manual, vault.gwen)

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("judge_id = doer_id", "nobody_confirms_their_own_work"),
            ("evidence_id = NULL", "manual_work_has_a_doer_and_evidence"),
            ("judge_id = NULL", "manual_confirmation_has_a_judge"),
        ],
    )
    def test_is_held_to_by_the_database(self, vault: Vault, change: str, constraint: str) -> None:
        confirmed(done(vault.asked(), vault.owner), vault.backup)
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE governance_manualtask SET {change}")

    def test_rests_on_evidence_that_the_database_keeps(self, vault: Vault) -> None:
        done(vault.asked(), vault.owner)
        for statement in ("UPDATE governance_manualevidence SET sha256 = ''", "DELETE FROM governance_manualevidence"):
            with (
                pytest.raises(IntegrityError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


class TestDoing:
    def test_is_not_for_the_holder(self, vault: Vault) -> None:
        own = vault.asked(vault.owner)
        assert told(vault.backup)
        assert not told(vault.owner)
        with pytest.raises(Denied, match="your own access"):
            done(own, vault.owner)

    def test_is_not_for_governance_before_it_is_late(self, vault: Vault) -> None:
        manual = vault.asked()
        with pytest.raises(Denied, match="once it is late"):
            done(manual, vault.gwen)
        assert done(late(manual), vault.gwen).state == ManualState.DONE

    def test_is_not_for_a_machine_identity(self, vault: Vault) -> None:
        robot = builders.machine(vault.owner)
        manual, by = vault.asked(on=manual_system(robot)), machine_actor(robot.pk, 1, vault.now)
        assert by is not None
        with pytest.raises(Denied, match="Only a person"):
            actions.do_by_hand(manual_id=manual.pk, report="Done.", evidence=a_file(), actor=by, now=vault.now)

    def test_keeps_nothing_of_what_is_refused(self, vault: Vault) -> None:
        manual = vault.asked()
        done(vault.asked(), vault.owner)
        before = default_storage.listdir("evidence")
        with pytest.raises(Denied):
            done(manual, vault.gwen)
        assert default_storage.listdir("evidence") == before

    @pytest.mark.django_db(transaction=True)
    def test_keeps_the_evidence_where_something_breaks_once_it_is_on_record(self, vault: Vault) -> None:
        def breaks_after_the_commit(**_: object) -> None:
            transaction.on_commit(lambda: 1 / 0)

        manual = vault.asked()
        post_save.connect(breaks_after_the_commit, sender=ManualEvidence)
        try:
            with pytest.raises(ZeroDivisionError):
                done(manual, vault.owner)
        finally:
            post_save.disconnect(breaks_after_the_commit, sender=ManualEvidence)
        assert confirmed(fresh_task(manual), vault.backup).state == ManualState.CONFIRMED

    @pytest.mark.parametrize(
        ("content", "wrong"),
        [
            (b"", "empty"),
            (b"<script>alert(1)</script>\0", "not PDF"),
            (b"MZ\x90\x00", "not PDF"),
            (b"\xff\xfe\x00h", "not PDF"),
            (PNG + bytes(10 * 1024 * 1024), "larger than 10 MiB"),
        ],
    )
    def test_takes_no_file_that_shows_nothing(self, vault: Vault, content: bytes, wrong: str) -> None:
        with pytest.raises(Invalid, match=wrong):
            done(vault.asked(), vault.owner, evidence=a_file(content))

    @pytest.mark.parametrize(
        ("content", "name", "kept", "media_type"),
        [
            (PNG, "../../etc/pass\r\nwd.html", "passwd.html", "image/png"),
            ("Größe: ä".encode() * 900, "note", "note", "text/plain"),
            (b"%PDF-1.7 x", "C:\\scans\\a<b>.pdf", "ab.pdf", "application/pdf"),
            (b"plain", "x" * 300 + ".txt", "x" * 120 + ".txt", "text/plain"),
        ],
    )
    def test_believes_neither_the_name_nor_the_type_of_a_file(
        self, vault: Vault, content: bytes, name: str, kept: str, media_type: str
    ) -> None:
        file = a_file(content, "name", "text/html")
        file._name = name  # type: ignore[attr-defined]  # a browser may send anything
        given = done(vault.asked(), vault.owner, evidence=file).evidence
        assert given is not None
        assert (given.name, given.media_type) == (kept, media_type)
        assert name not in given.kept_as


class TestBeingLate:
    def test_reminds_the_governance_team_and_the_owner_each_day(self, vault: Vault) -> None:
        manual = late(vault.asked())
        assert manual.escalated_at == manual.due_at
        assert manual.task.state == TaskState.RUNNING
        late(manual, days=1)
        for who in (vault.gwen, vault.gus, vault.owner):
            assert len([title for title in told(who) if title.endswith("is late")]) == 2
        assert AuditEvent.objects.filter(action="manual_task.escalated").count() == 1

    def test_never_ends_a_removal(self, vault: Vault) -> None:
        given = confirmed(done(vault.asked(), vault.owner), vault.backup)
        removal = wanted(given.task.assignment, False, now=vault.now)
        for days in range(30):
            late(removal, days)
        assert fresh_task(removal).state == ManualState.OPEN
        assert confirmed(done(removal, vault.owner), vault.gus).task.state == TaskState.VERIFIED

    def test_of_a_confirmation_asks_those_who_may_give_it(self, vault: Vault) -> None:
        manual = done(vault.asked(), vault.owner)
        assert [title for title in told(vault.backup) if "confirm it" in title]
        late(manual)
        assert told(vault.backup)[-1].endswith("waits to be confirmed and is late")

    def test_is_at_once_where_nobody_can_be_asked(self, vault: Vault) -> None:
        orphan = builders.system(vault.holder)
        worked_by_hand(orphan)
        manual = vault.asked(on=orphan)
        assert manual.escalated_at is None
        assert told(vault.gwen)
        assert permissions.asked_to_do(manual, vault.now) == [vault.gus, vault.gwen]


class TestANewerGeneration:
    def test_closes_what_people_were_asked_for(self, vault: Vault) -> None:
        manual = done(vault.asked(), vault.owner)
        removal = wanted(manual.task.assignment, False, now=vault.now)
        assert fresh_task(manual).state == ManualState.CLOSED
        assert removal.state == ManualState.OPEN
        with pytest.raises(Conflict, match="closed"):
            confirmed(manual, vault.backup)
        assert not Verification.objects.exists()


class TestALease:
    """A person's word makes a lease active, and ends it; nothing else does."""

    def test_is_active_and_revoked_by_confirmations(self) -> None:
        org = Organisation()
        backed(org.system, org.backup)
        worked_by_hand(org.system)
        grant = started(org)
        work()
        manual = ManualTask.objects.get()
        assert fresh(grant).state == GrantState.PROVISIONING
        done(manual, org.owner)
        assert fresh(grant).state == GrantState.PROVISIONING
        confirmed(manual, org.backup)
        assert fresh(grant).state == GrantState.ACTIVE
        give_back(fresh(grant))
        work()
        removal = ManualTask.objects.waiting().get()
        assert fresh(grant).state == GrantState.REVOKING
        confirmed(done(removal, org.backup), org.owner)
        assert fresh(grant).state == GrantState.REVOKED
        assert set(Verification.objects.values_list("proof", flat=True)) == {Proof.CONFIRMATION}
        assert not Assignment.objects.get().wanted


def test_settings_of_a_manual_system_are_checked() -> None:
    with pytest.raises(Invalid) as refusal:
        worked_by_hand(builders.system(builders.person()), revoke_instructions="", grant_hours=0)
    assert set(refusal.value.fields) == {"revoke_instructions", "grant_hours"}
    assert not ConnectorConfiguration.objects.exists()
