from __future__ import annotations

import pytest
from django.http import QueryDict

from governance.core.errors import NotFound
from governance.identities.models import Human
from governance.web.paging import Keyset, Page
from tests import builders


@pytest.fixture
def names(db: None) -> list[str]:
    """Two people share each name, so that the second column has to decide."""
    return [builders.keep(Human(name=f"Human {number // 2}")).name for number in range(10)]


def walk(keyset: Keyset, step: str, start: Page) -> list[list[str]]:
    """The names on each further page."""
    pages, page = [], start
    while address := getattr(page, step):
        part = keyset.slice(Human.objects.all(), QueryDict(address.removeprefix("?")))
        pages.append([row.name for row in part.rows])
        page = part.page
    return pages


class TestKeyset:
    @pytest.mark.parametrize("descending", [False, True])
    def test_walks_there_and_back_over_every_row_once(self, names: list[str], descending: bool) -> None:
        keyset = Keyset(("name", "id"), descending=descending, size=3)
        first = keyset.slice(Human.objects.all(), QueryDict())
        there = [[row.name for row in first.rows], *walk(keyset, "next", first.page)]
        assert [name for page in there for name in page] == sorted(names, reverse=descending)
        last = keyset.slice(Human.objects.all(), QueryDict(_last(keyset, first.page)))
        assert walk(keyset, "previous", last.page) == there[-2::-1]

    def test_keeps_the_filters_of_the_address(self, names: list[str]) -> None:
        first = Keyset(("id",), size=3).slice(Human.objects.all(), QueryDict("q=human")).page
        assert first.next is not None
        assert first.next.startswith("?q=human&after=")

    def test_says_when_there_is_no_other_page(self, names: list[str]) -> None:
        page = Keyset(("id",)).slice(Human.objects.all(), QueryDict()).page
        assert page == Page(None, None, "All 10")

    @pytest.mark.parametrize("place", ["after=nonsense", "before=", "after=a~b"])
    def test_knows_no_place_that_can_not_be_read(self, names: list[str], place: str) -> None:
        with pytest.raises(NotFound):
            Keyset(("id",)).slice(Human.objects.all(), QueryDict(place))


def _last(keyset: Keyset, page: Page) -> str:
    address = ""
    while page.next:
        address = page.next.removeprefix("?")
        page = keyset.slice(Human.objects.all(), QueryDict(address)).page
    return address
