"""Groups of a SCIM 2.0 application (RFC 7643, RFC 7644): members added and removed by PATCH, read back from the group.

Harm is possible here: a wrong answer of `observe` calls a lease active, or gone, that is not. So "absent" takes a
group that was read in full and does not name the user, neither itself nor through groups within it, and a user who
does not name the group either; or a complete list of groups without this one. Everything else is "unknown". The
group as a whole is never written: a PUT would take with it what others have added meanwhile.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import httpx2
from scim2_client import SCIMClientException
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import (
    Group,
    GroupMember,
    NoTargetException,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    User,
)

from governance.connectors.interface import (
    AccountName,
    Capability,
    Connector,
    Deadlines,
    Observation,
    Observed,
    Refused,
    Unreachable,
)
from governance.connectors.scim_lists import Incomplete, Paging, labels
from governance.connectors.settings import Settings
from governance.connectors.transport import Line

METHOD = "SCIM group"
GONE = frozenset({httpx2.codes.NOT_FOUND, httpx2.codes.GONE})
CONFLICTING = frozenset({httpx2.codes.CONFLICT, httpx2.codes.PRECONDITION_FAILED})
CONFLICTS = 4
"""How often a change is tried on a group that others are changing at the same time."""
MOST_GROUPS = 50
"""How many groups within a group are looked into; with more, nobody knows."""
SCHEMES = frozenset({"http", "https"})
TOKEN = re.compile(r"[!-~]+")

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Path = tuple[str, ...]
Operation = Mapping[str, Any]


class ScimConnector(Connector):
    """Governs memberships: the account's native id is a user's id, the entitlement's key a group's id.

    Users are not made here: a user that is missing is refused, like a login that is missing on a database server.
    """

    capabilities: ClassVar = frozenset({Capability.WRITE, Capability.OBSERVE, Capability.OTHER_PATHS})
    accounts_by = AccountName.NATIVE_ID

    def __init__(self, base_url: str, token: str, paging: Paging, deadlines: Deadlines, *, private: bool) -> None:
        self._base_url, self._token, self._paging, self._private = base_url, token, paging, private
        self.deadlines = deadlines

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        reader = Settings(settings)
        private = reader.flag("private_address")
        made = cls(
            _base_url(reader, private=private),
            _token(reader),
            Paging(reader.choice("paging", [*Paging])),
            reader.deadlines(),
            private=private,
        )
        reader.finish()
        return made

    def ensure_present(self, login: str, entitlement: str) -> str:
        with self._session() as session:
            if session.user(login) is None:
                msg = f"{session.source} has no user with the id {login}."
                raise Refused(msg)
            add = {"op": "add", "path": "members", "value": [{"value": login}]}
            return session.change(entitlement, login, add, wanted=True)

    def ensure_absent(self, login: str, entitlement: str) -> str:
        with self._session() as session:
            remove = {"op": "remove", "path": f"members[value eq {_quoted(login)}]"}
            return session.change(entitlement, login, remove, wanted=False)

    def observe(self, login: str, entitlement: str) -> Observed:
        with self._session() as session:
            try:
                observation, detail, paths = session.look(login, entitlement)
            except Incomplete as incomplete:
                observation, detail, paths = Observation.UNKNOWN, str(incomplete), ()
            return Observed(observation, session.heard(), METHOD, session.source, detail, paths)

    def check(self) -> str:
        with self._session() as session:
            try:
                groups = labels(session.client, Group, self._paging)
            except Incomplete as incomplete:
                raise Unreachable(f"{session.source}: {incomplete}", sent=False) from None
            return f"{session.source} answers with {len(groups)} groups"

    @contextmanager
    def _session(self) -> Iterator["_Session"]:
        """A fresh connection, until the total deadline. Raises Unreachable, Refused."""
        line = Line(self.deadlines, private=self._private, secret=self._token)
        headers = {"Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"}
        with httpx2.Client(base_url=self._base_url, headers=headers, transport=line, trust_env=False) as http:
            provider = ScimProvider(models=[User, Group], policy=ScimPolicy(unknown=ScimPolicy.Unknown.ignore))
            session = _Session(SyncSCIMClient(http, provider=provider), line, self._base_url, self._paging)
            with session.translated():
                yield session


class _Session:
    """What is asked over one connection."""

    def __init__(self, client: SyncSCIMClient, line: Line, base_url: str, paging: Paging) -> None:
        self.client, self._line, self._paging = client, line, paging
        self.source = base_url.partition("://")[2]
        self._in_doubt = False

    def heard(self) -> bytes:
        """Everything that the system has answered, as it came."""
        return b"\n".join(self._line.heard)

    def user(self, user_id: str) -> User[Any] | None:
        """The user with the id, None if there is none."""
        found: User[Any] | None = self._read(User, user_id, ["userName", "groups"])
        return found

    def group(self, group_id: str) -> Group | None:
        """The group with the id and all its members, None if there is none."""
        found: Group | None = self._read(Group, group_id, ["displayName", "members", "meta"])
        return found

    def _read(self, kind: Any, pk: str, attributes: list[str]) -> Any:
        """One resource by its immutable id. A 404 that is no answer in SCIM raises: it may be a proxy's."""
        try:
            found = self.client.query(kind, pk, {"attributes": ",".join(attributes)}, check_request_payload=False)
        except SCIMException as error:
            if error.status in GONE:
                return None
            raise
        if getattr(found, "id", None) != pk:
            msg = f"{self.source} answers with another record than {pk}."
            raise Refused(msg)
        return found

    def change(self, group_id: str, user_id: str, operation: Operation, *, wanted: bool) -> str:
        """Have the group name the user, or not: anew from the start whenever somebody else has changed it meanwhile."""
        for _ in range(CONFLICTS):
            group = self.group(group_id)
            if group is None:
                return self._without(group_id, wanted=wanted)
            if (_direct(group, user_id) is not None) == wanted:
                return f"{_label(group)} had it so already"
            try:
                return self._patch(group, operation)
            except SCIMException as error:
                self._in_doubt = False
                if error.status not in CONFLICTING:
                    raise
        raise Unreachable(f"{self.source}: {group_id} is being changed by others all the time", sent=False)

    def _without(self, group_id: str, *, wanted: bool) -> str:
        if wanted:
            msg = f"{self.source} has no group with the id {group_id}."
            raise Refused(msg)
        return f"There is no group with the id {group_id}"

    def _patch(self, group: Group, operation: Operation) -> str:
        version = group.meta.version if group.meta else None
        headers = {"If-Match": version} if version else {}
        self._in_doubt = True
        try:
            self.client.modify(Group, str(group.id), {"schemas": [PATCH], "Operations": [operation]}, headers=headers)
            said = f"PATCH of {_label(group)} accepted"
        except NoTargetException:
            said = f"{_label(group)} had it so already"
        self._in_doubt = False
        return said

    def look(self, user_id: str, group_id: str) -> tuple[Observation, str, tuple[Path, ...]]:
        """What the group and the user say of each other. Raises Incomplete when that is not enough to tell."""
        group = self.group(group_id)
        if group is None:
            return Observation.ABSENT, self._gone(group_id), ()
        if member := _direct(group, user_id):
            return Observation.PRESENT, f"{member.display or user_id} is a member of {_label(group)}", ()
        if paths := self._paths(group, user_id):
            ways = "; ".join(" → ".join(path) for path in paths)
            return Observation.OTHER_PATH, f"no direct member, but through {ways}", paths
        user = self.user(user_id)
        if user is not None and any(one.value == group_id for one in user.groups or ()):
            msg = f"{_label(group)} does not name {user.user_name}, but {user.user_name} names the group"
            raise Incomplete(msg)
        name = user.user_name if user else f"{user_id}, who is gone,"
        return Observation.ABSENT, f"{name} is no member of {_label(group)}", ()

    def _gone(self, group_id: str) -> str:
        """The words for a group that is gone. A complete list must say so too: a 404 alone may be a wrong address."""
        known = labels(self.client, Group, self._paging)
        if group_id in known:
            msg = f"the list of groups has {group_id}, but it can't be read"
            raise Incomplete(msg)
        return f"there is no group {group_id} among {len(known)}"

    def _paths(self, group: Group, user_id: str) -> tuple[Path, ...]:
        """The ways to the user through groups within the group, each from the inside out."""
        seen, found = {str(group.id)}, list[Path]()
        waiting: list[tuple[str, Path]] = [(inner, (_label(group),)) for inner in _inner(group)]
        while waiting:
            pk, outer = waiting.pop()
            if pk in seen:
                continue
            if len(seen) > MOST_GROUPS:
                msg = f"{_label(group)} has more than {MOST_GROUPS} groups within it"
                raise Incomplete(msg)
            seen.add(pk)
            within = self.group(pk)
            if within is None:
                continue
            path = (_label(within), *outer)
            found += [path] if _direct(within, user_id) else []
            waiting += [(inner, path) for inner in _inner(within)]
        return tuple(sorted(found, key=lambda path: (len(path), path)))

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The client's errors as the two that the portal knows. An answer that can't be read proves nothing."""
        try:
            yield
        except SCIMException as error:
            raise Refused(f"{self.source}: {self._line.hide(str(error))}") from None
        except SCIMClientException as error:
            msg = f"{self.source} gave no answer in SCIM: {self._line.hide(str(error))}"
            raise Unreachable(msg, sent=self._in_doubt) from None


def _base_url(reader: Settings, *, private: bool) -> str:
    """The address, from the setting or from the variable that it names. Plain HTTP is for private addresses alone."""
    name = "base_url_env" if reader.given("base_url_env") else "base_url"
    url = reader.secret(name) if name == "base_url_env" else reader.text(name)
    if url and (wrong := _wrong_with(url, private=private)):
        reader.problem(name, wrong)
    return url.rstrip("/")


def _wrong_with(url: str, *, private: bool) -> str:
    """What keeps the address from being used, if anything does. Never the address itself: it may hold a secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and httpx2.URL(url).host and parts.port != 0
    except (ValueError, httpx2.InvalidURL):
        usable = False
    if not usable:
        return "must be an http or https address"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "must have no user, no query and no fragment"
    if parts.scheme == "http" and not private:
        return "must begin with https unless private_address is true"
    return ""


def _token(reader: Settings) -> str:
    """The bearer token. One that HTTP can't carry would be quoted, in another spelling, by whoever complains of it."""
    token = reader.secret("token_env")
    if token and not TOKEN.fullmatch(token):
        reader.problem("token_env", "names a variable that holds no bearer token, but spaces, line ends or the like")
    return token


def _quoted(value: str) -> str:
    """A string as a SCIM filter has it, which is how JSON has it (RFC 7644, 3.4.2.2)."""
    return json.dumps(value, ensure_ascii=False)


def _direct(group: Group, user_id: str) -> GroupMember | None:
    """The group's own entry for the user."""
    return next((member for member in group.members or () if member.value == user_id), None)


def _inner(group: Group) -> list[str]:
    """Ids of the groups within the group."""
    members = group.members or ()
    return [str(one.value) for one in members if one.value and _is_group(one)]


def _is_group(member: GroupMember) -> bool:
    return (member.type or "").lower() == "group" or "/Groups/" in str(member.ref or "")


def _label(group: Group) -> str:
    return group.display_name or str(group.id)
