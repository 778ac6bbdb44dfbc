"""Lists of a SCIM application, page by page to their end. A list whose end nobody has seen proves no absence."""

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import ListResponse

PAGE = 100
MOST_PAGES = 200


class Paging(StrEnum):
    """How a list is asked for: by the number of its first entry, or by the last page's mark (RFC 9865)."""

    INDEX = "index"
    CURSOR = "cursor"


class Incomplete(Exception):
    """What was read is not enough to say that something is absent. The message says what is missing."""


def labels(client: SyncSCIMClient, kind: type[Any], paging: Paging) -> dict[str, str]:
    """All resources of a kind, by id, with what they are called.

    Members and groups are left out: they make long pages, and nothing here reads them. Raises Incomplete when the
    pages don't add up to what the list says it has, when that changes on the way (what has moved to a page that was
    read already is on none of them), or when there are too many.
    """
    found: dict[str, str] = {}
    totals: set[int | None] = set()
    asked: dict[str, Any] = {"startIndex": 1} if paging == Paging.INDEX else {"cursor": ""}
    for _ in range(MOST_PAGES):
        page = _page(client, kind, asked)
        totals.add(page.total_results)
        new = {str(one.id): _called(one) for one in page.resources or ()}
        again = found.keys() & new.keys()
        found |= new
        if page.next_cursor:
            asked = {"cursor": page.next_cursor}
        elif not new or len(found) >= (page.total_results or 0):
            return _whole(found, totals, again=bool(again))
        else:
            asked = {"startIndex": len(found) + 1}
        if again:
            break
    msg = f"the list of {kind.__name__.lower()}s gives no end: {len(found)} read so far"
    raise Incomplete(msg)


def _page(client: SyncSCIMClient, kind: type[Any], asked: dict[str, Any]) -> "ListResponse[Any]":
    parameters = {**asked, "count": PAGE, "excludedAttributes": "members,groups"}
    page = client.query(kind, query_parameters=parameters, check_request_payload=False)
    if not isinstance(page, ListResponse):
        msg = f"the list of {kind.__name__.lower()}s is no list"
        raise Incomplete(msg)
    return page


def _whole(found: dict[str, str], totals: Collection[int | None], *, again: bool) -> dict[str, str]:
    """What was found, if it is all there is. A total may be left out where cursors are used; then the end is enough."""
    said = sorted(total for total in totals if total is not None)
    if again or any(total != len(found) for total in said):
        msg = f"the list says it has {' or '.join(map(str, said))} entries, and {len(found)} were read"
        raise Incomplete(msg)
    return found


def _called(resource: Any) -> str:
    return getattr(resource, "display_name", None) or getattr(resource, "user_name", None) or str(resource.id)
