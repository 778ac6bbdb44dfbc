from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.core.actor import Role
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.lifecycle import tasks
from governance.lifecycle.feeds import SHOWN
from governance.lifecycle.models import FeedRun, Source
from governance.lifecycle.states import RunState
from tests import builders
from tests.builders import Organisation
from tests.leases import started
from tests.lifecycle.feeding import a_file, a_source, administrator, handed_in, imported, row
from tests.web.conftest import Visit

pytestmark = pytest.mark.django_db

SOURCE = {
    "key": "staff",
    "name": "Staff",
    "columns": "key = key\nname = name\ntitle = job after #\nstatus = status",
    "statuses": "in = active\nout = ended",
    "date_form": "%Y-%m-%d",
    "encoding": "utf-8",
    "absence": "keep",
    "most_ended": "20",
}


@pytest.fixture
def admin(visit: Visit) -> Client:
    person = builders.person("Naomi")
    builders.portal_role(person, Role.ADMINISTRATOR)
    return visit(person)


@pytest.fixture
def source() -> Source:
    return a_source(administrator())


def sent(client: Client, source: Source, content: bytes, **more: str) -> FeedRun:
    file = SimpleUploadedFile("people.csv", content, "text/csv")
    response = client.post(reverse("feed-run-new"), {"source": source.pk, "file": file, **more})
    assert response.status_code == 302, response.content.decode()
    return FeedRun.objects.get(pk=response["Location"].rstrip("/").rpartition("/")[2])


class TestHandIn:
    def test_shows_what_the_file_would_do_and_does_nothing(self, admin: Client, source: Source) -> None:
        run = sent(admin, source, a_file(row("A", "Ada"), row("B", manager="A"), row("C", status="gone")))
        page = admin.get(reverse("feed-run-detail", args=[run.pk])).content.decode()
        for words in ("Ada", "Person B", "does not say what “gone” means", "Rows that change nothing"):
            assert words in page
        assert not Identity.objects.filter(source="staff").exists()

    def test_names_some_hundreds_of_bad_rows_and_counts_the_rest(self, admin: Client, source: Source) -> None:
        run = sent(admin, source, a_file(*[row(f"K{n}", status="gone") for n in range(SHOWN + 30)]))
        page = admin.get(reverse("feed-run-detail", args=[run.pk])).content.decode()
        assert "and 30 more" in page
        assert page.count("does not say what “gone” means") == SHOWN
        assert len(run.rejected) == SHOWN + 30

    def test_says_beside_the_form_why_a_file_can_not_be_read(self, admin: Client, source: Source) -> None:
        file = SimpleUploadedFile("people.csv", b"a,b\n1,2", "text/csv")
        response = admin.post(reverse("feed-run-new"), {"source": source.pk, "file": file})
        assert response.status_code == 422
        assert "The file has no column headed key" in response.content.decode()

    def test_shows_what_leavers_lose(self, admin: Client, source: Source) -> None:
        org = Organisation()
        Identity.objects.filter(pk=org.requester.pk).update(source="staff", external_key="R")
        started(org)
        run = sent(admin, source, a_file(row("R", status="left")))
        page = admin.get(reverse("feed-run-detail", args=[run.pk])).content.decode()
        assert "1 grant ends" in page
        assert "Held: nobody is ended before somebody has looked" in page


class TestDecide:
    def test_applies_the_file_by_a_worker(self, admin: Client, source: Source) -> None:
        run = sent(admin, source, a_file(row("A", "Ada")))
        response = admin.post(reverse("feed-run-accept", args=[run.pk]), {"reason": ""}, follow=True)
        assert "is being applied" in response.content.decode()
        tasks.apply_run(str(run.pk))
        assert Identity.objects.get(source="staff").state == Status.ACTIVE
        page = admin.get(reverse("feed-run-detail", args=[run.pk])).content.decode()
        assert "Applied" in page
        assert "Naomi" in page

    def test_asks_why_of_a_held_file(self, admin: Client, source: Source) -> None:
        imported(source, a_file(*[row(f"K{n}") for n in range(10)]), administrator())
        run = sent(admin, source, a_file(row("K1")))
        assert run.state == RunState.HELD
        address = reverse("feed-run-accept", args=[run.pk])
        assert "Say why so many end" in admin.post(address, {"reason": ""}).content.decode()
        assert admin.post(address, {"reason": "The yard was sold"}).status_code == 302

    def test_offers_no_yes_to_what_a_newer_file_has_overtaken(self, admin: Client, source: Source) -> None:
        older, newer = (sent(admin, source, a_file(row(key))) for key in "AB")
        admin.post(reverse("feed-run-accept", args=[newer.pk]), {"reason": ""})
        page = admin.get(reverse("feed-run-detail", args=[older.pk])).content.decode()
        assert f"{newer} came after it" in page
        assert reverse("feed-run-accept", args=[older.pk]) not in page
        assert admin.post(reverse("feed-run-accept", args=[older.pk]), {"reason": ""}).status_code == 409

    def test_leaves_everything_as_it_was_once_discarded(self, admin: Client, source: Source) -> None:
        run = sent(admin, source, a_file(row("A")))
        admin.post(reverse("feed-run-discard", args=[run.pk]), {"reason": "Wrong month"})
        page = admin.get(reverse("feed-run-detail", args=[run.pk])).content.decode()
        assert "Discarded" in page
        assert "Wrong month" in page
        assert admin.post(reverse("feed-run-accept", args=[run.pk]), {"reason": ""}).status_code == 409


class TestSource:
    def test_is_defined_with_its_mapping(self, admin: Client) -> None:
        assert admin.post(reverse("source-new"), SOURCE).status_code == 302
        made = Source.objects.get()
        assert made.columns["title"] == {"heading": "job", "after": "#"}
        assert made.statuses == {"in": "active", "out": "ended"}

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("columns", "key = key", "A name is needed"),
            ("columns", "key", "can’t be read"),
            ("statuses", "out = suspended", "A word can’t mean suspended"),
            ("external_purpose", "P-NONE", "no active purpose"),
        ],
    )
    def test_says_beside_the_field_what_is_wrong(self, admin: Client, field: str, value: str, words: str) -> None:
        response = admin.post(reverse("source-new"), {**SOURCE, field: value})
        assert response.status_code == 422
        assert words.replace("’", "&#x27;") in response.content.decode()

    def test_is_changed_with_a_reason(self, admin: Client) -> None:
        admin.post(reverse("source-new"), SOURCE)
        address = reverse("source-detail", args=[Source.objects.get().pk])
        assert "title = job after #" in admin.get(address).content.decode()
        assert admin.post(address, {**SOURCE, "most_ended": "5"}).status_code == 422
        assert admin.post(address, {**SOURCE, "most_ended": "5", "reason": "Careful"}).status_code == 302
        assert Source.objects.get().most_ended == 5

    def test_is_read_by_auditors(self, source: Source, visit: Visit) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        page = visit(auditor).get(reverse("source-detail", args=[source.pk])).content.decode()
        assert "Keep it so" not in page
        assert "disabled" in page


class TestList:
    def test_finds_files_by_words(self, admin: Client, source: Source) -> None:
        by = administrator()
        first, second = (handed_in(source, a_file(row(key)), by, now=timezone.now()) for key in "AB")
        rows = admin.get(reverse("feed-run-list"), {"q": f"staff {second}"}).context["rows"]
        assert [found.ref for found in rows] == [str(second)]
        assert len(admin.get(reverse("feed-run-list"), {"state": "proposed"}).context["rows"]) == 2
        assert str(first) in admin.get(reverse("feed-run-list")).content.decode()

    def test_is_in_the_navigation_of_those_who_may_see_it(self, admin: Client, visit: Visit) -> None:
        assert 'href="/people/"' in admin.get("/").content.decode()
        assert 'href="/people/"' not in visit(builders.person()).get("/").content.decode()
