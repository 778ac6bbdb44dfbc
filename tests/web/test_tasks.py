from __future__ import annotations

from http import HTTPStatus

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from config import bodies
from governance.core import files
from governance.core.actor import Role
from governance.lifecycle.reading import LARGEST_FILE
from governance.provisioning.models import ManualTask
from governance.provisioning.states import ManualState
from tests import builders
from tests.builders import Organisation
from tests.handwork import PNG, a_file, asked, confirmed, done, manual_system, worked_by_hand
from tests.leases import backed, give_back, started, work
from tests.web.conftest import Visit


@pytest.fixture
def task(org: Organisation) -> ManualTask:
    return asked(org.requester, manual_system(org.owner, org.backup))


def at(task: ManualTask, name: str = "task-detail", *more: object) -> str:
    return reverse(name, args=[task.pk, *more])


class TestTaskPage:
    def test_offers_each_what_is_theirs(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        owner, backup = visit(org.owner), visit(org.backup)
        assert "It is done</button>" in owner.get(at(task)).content.decode()
        sent = owner.post(at(task, "task-done"), {"report": "The badge is out.", "evidence": a_file()}, follow=True)
        page = sent.content.decode()
        assert "Somebody else confirms it next" in page
        assert "Confirm</button>" not in page
        assert "Confirm</button>" in backup.get(at(task)).content.decode()
        page = backup.post(at(task, "task-confirm"), {"judgement": "Seen."}, follow=True).content.decode()
        assert "It stands for reading the system back" in page
        assert "</form>" not in page.partition("<main")[2].partition("</main>")[0]

    def test_needs_evidence(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        response = visit(org.owner).post(at(task, "task-done"), {"report": "Done."})
        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "can&#x27;t be confirmed" in response.content.decode()
        response = visit(org.owner).post(at(task, "task-done"), {"report": "Done.", "evidence": a_file(b"MZ\0")})
        assert "The file is not PDF" in response.content.decode()
        task.refresh_from_db()
        assert task.state == ManualState.OPEN

    def test_needs_a_reason_to_send_back(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        done(task, org.owner)
        response = visit(org.backup).post(at(task, "task-send-back"), {"judgement": ""})
        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        response = visit(org.backup).post(at(task, "task-send-back"), {"judgement": "Too dark."}, follow=True)
        assert "Sent back by Backup" in response.content.decode()

    def test_says_who_came_first(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        done(task, org.owner)
        response = visit(org.backup).post(at(task, "task-done"), {"report": "Done.", "evidence": a_file()})
        assert response.status_code == HTTPStatus.CONFLICT
        assert "Owner has done it" in response.content.decode()


class TestEvidence:
    def test_without_end_is_refused_before_it_is_read(self, task: ManualTask, visit: Visit, org: Organisation) -> None:
        length = {"Content-Length": str(10 * 1024**3)}
        for address in (at(task, "task-done"), reverse("account_login")):
            response = visit(org.owner).generic(
                "POST", address, b"x", "multipart/form-data; boundary=x", headers=length
            )
            assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def test_has_room_beside_the_largest_file_of_all(self) -> None:
        assert max(LARGEST_FILE, files.LARGEST) + 1024**2 <= bodies.LARGEST

    def test_is_only_ever_saved(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        given = done(task, org.owner, evidence=a_file(PNG, "ä.png", "text/html")).evidence
        assert given is not None
        response = visit(org.backup).get(at(task, "task-evidence", given.pk))
        assert response.getvalue() == PNG
        assert response["Content-Type"] == "image/png"
        assert response["Content-Disposition"].startswith("attachment")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]

    def test_of_another_task_is_not_there(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        other = done(asked(org.requester, manual_system(org.owner)), org.owner)
        assert visit(org.owner).get(at(task, "task-evidence", other.evidence_id)).status_code == HTTPStatus.NOT_FOUND

    def test_that_is_lost_is_said_to_be(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        given = done(task, org.owner).evidence
        assert given is not None
        default_storage.delete(given.kept_as)
        assert visit(org.owner).get(at(task, "task-evidence", given.pk)).status_code == HTTPStatus.NOT_FOUND


class TestNavigation:
    def test_leads_to_tasks_for_those_who_have_any_or_oversee(
        self, org: Organisation, task: ManualTask, visit: Visit
    ) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        link = f'href="{reverse("task-list")}"'
        there = {who: link in visit(who).get("/").content.decode() for who in (org.owner, auditor, org.requester)}
        assert list(there.values()) == [True, True, False]

    def test_leads_from_a_message_to_the_task(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        said = org.owner.notifications.get(subject_id=task.pk)
        response = visit(org.owner).get(reverse("notification-open", args=[said.pk]))
        assert response["Location"] == at(task)

    def test_marks_what_is_yours(self, org: Organisation, task: ManualTask, visit: Visit) -> None:
        assert "Yours to do" in visit(org.owner).get(reverse("task-list")).content.decode()
        done(task, org.owner)
        assert "Yours to confirm" in visit(org.backup).get(reverse("task-list")).content.decode()
        assert "Yours" not in visit(org.owner).get(reverse("task-list")).content.decode()


class TestGrantPage:
    def test_shows_the_kind_of_proof(self, org: Organisation, visit: Visit) -> None:
        backed(org.system, org.backup)
        worked_by_hand(org.system)
        grant = started(org)
        work()
        holder = visit(org.requester)
        page = reverse("grant-detail", args=[grant.pk])
        assert "A person has a task for it" in holder.get(page).content.decode()
        confirmed(done(ManualTask.objects.get(), org.owner), org.backup)
        shown = holder.get(page).content.decode()
        for words in (
            "Active, verified present (a person&#x27;s confirmation)",
            "Given to a person",
            "Done by Owner",
            "Verified present, by a person&#x27;s confirmation",
            "Backup confirmed it",
            "Evidence file",
        ):
            assert words in shown, words
        give_back(grant)
        work()
        confirmed(done(ManualTask.objects.waiting().get(), org.backup), org.owner)
        assert "Revoked, verified absent, by a person&#x27;s confirmation" in holder.get(page).content.decode()
