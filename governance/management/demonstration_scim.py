"""The demonstration's SCIM application: the users and groups that it has before anybody is granted anything."""

from collections.abc import Collection, Mapping
from typing import Any

import httpx2

USERS, GROUPS = "/Users", "/Groups"
NAMES = {USERS: "userName", GROUPS: "displayName"}
SCHEMAS = {
    USERS: "urn:ietf:params:scim:schemas:core:2.0:User",
    GROUPS: "urn:ietf:params:scim:schemas:core:2.0:Group",
}
MOST = 500


def prepared(url: str, token: str, users: Collection[str], groups: Collection[str]) -> Mapping[str, Mapping[str, str]]:
    """Have the users and groups be there; the ids that the application gave them, by name. Nobody is in a group yet."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=url, headers=headers, trust_env=False) as application:
        return {USERS: _there(application, USERS, users), GROUPS: _there(application, GROUPS, groups)}


def _there(application: httpx2.Client, where: str, names: Collection[str]) -> dict[str, str]:
    answer = application.get(where, params={"count": MOST, "excludedAttributes": "members"})
    answer.raise_for_status()
    found = {one[NAMES[where]]: one["id"] for one in answer.json().get("Resources", [])}
    return {name: found.get(name) or _made(application, where, name) for name in names}


def _made(application: httpx2.Client, where: str, name: str) -> str:
    body: dict[str, Any] = {"schemas": [SCHEMAS[where]], NAMES[where]: name}
    answer = application.post(where, json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])
