"""Roles mined from access as it stands: sets of entitlements that many hold together. Pure, and the same every time.

Whatever is held is a matrix of holders and entitlements, each entitlement a set of bits. Candidates are what nearly all
of a group of peers hold, and what nearly all hold who hold two entitlements that are often held together: closed sets,
but for the noise that real access has. They are taken greedily, each time the one that explains most of what no role
explains yet, less what it would give too much; what a larger part of the holders has as a set of its own is taken
first. Then all begins anew with what is left. docs/analysis.md has it in words.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import combinations
from typing import Final

FEWEST: Final = 5
"""Holders and peers of a role, at least."""

SMALLEST: Final = 3
"""Entitlements of a role, at least."""

MOST: Final = 75
"""Per cent of a set that somebody holds who counts as its member, and of members who hold what belongs to it."""

FITTING: Final = 80
"""Per cent of the members that criteria must match, and of those matched that must be members."""

WIDER: Final = 150
"""Per cent of a set's members that a part of it must have to be taken before it."""

ROUNDS: Final = 4
LONGEST_ROW: Final = 100
"""Entitlements of one holder: pairs of those who hold more are not counted, so that one of them costs no minutes."""

MOST_PAIRS: Final = 20_000
MOST_ROLES: Final = 500
SAMPLE: Final = 24
"""Members whose entitlements are looked at for what the others hold as well."""


@dataclass(frozen=True, slots=True, order=True)
class Peers:
    """Who they are by department and title; an empty one stands for any."""

    department: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Mined:
    """A role that stands in access already.

    `members` hold most of it, `covered` of their access is explained by it and by no role before it, `missing` is what
    members would get anew. `peers` says who they are where department or title do, `matched` how many those are, and
    `excess` what all of them and the members would get anew.
    """

    items: tuple[int, ...]
    members: int
    covered: int
    missing: int
    peers: Peers | None
    matched: int
    excess: int


class Access:
    """Who holds what, as bits: `columns` by entitlement, each with a bit for every holder."""

    def __init__(self, holders: Sequence[Peers], held: Iterable[tuple[int, int]], items: int) -> None:
        size = (len(holders) + 7) // 8
        bits = [bytearray(size) for _ in range(items)]
        for holder, item in held:
            bits[item][holder >> 3] |= 1 << (holder & 7)
        self.columns = [int.from_bytes(column, "little") for column in bits]
        self.total = sum(column.bit_count() for column in self.columns)
        self.holders = holders
        self.groups = _groups(holders)

    def members(self, items: Collection[int]) -> int:
        """Those who hold most of the items, as bits."""
        return _at_least([self.columns[item] for item in items], -(-len(items) * MOST // 100))


def _groups(holders: Sequence[Peers]) -> Mapping[Peers, int]:
    """The holders of each department, title and both, in this order, as bits; small groups are left out."""
    found: dict[Peers, list[int]] = {}
    for number, one in enumerate(holders):
        for peers in {Peers(one.department), Peers("", one.title), one} - {Peers()}:
            found.setdefault(peers, []).append(number)
    ordered = sorted(found, key=lambda peers: (bool(peers.department) + 2 * bool(peers.title), peers))
    return {peers: _bits(found[peers]) for peers in ordered if len(found[peers]) >= FEWEST}


def _bits(numbers: Iterable[int]) -> int:
    found = bytearray()
    for number in numbers:
        if (place := number >> 3) >= len(found):
            found.extend(bytes(place + 1 - len(found)))
        found[place] |= 1 << (number & 7)
    return int.from_bytes(found, "little")


def _numbers(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _at_least(columns: Sequence[int], fewest: int) -> int:
    """The bits that are set in so many columns: each bit's count is kept in planes, one for each binary digit."""
    planes: list[int] = []
    for column in columns:
        carry = column
        for place, plane in enumerate(planes):
            planes[place], carry = plane ^ carry, plane & carry
        if carry:
            planes.append(carry)
    above, equal = 0, -1
    for place in range(max(len(planes), fewest.bit_length()) - 1, -1, -1):
        plane = planes[place] if place < len(planes) else 0
        if fewest >> place & 1:
            equal &= plane
        else:
            above |= equal & plane
            equal &= ~plane
    return above | (max(equal, 0))


def mined(access: Access, agreed: Iterable[Collection[int]] = ()) -> list[Mined]:
    """The roles, the one that explains most first. What the sets that are `agreed` on explain needs no others."""
    left: list[int] = list(access.columns)
    found: list[Mined] = []
    for items in agreed:
        _explained(left, items, access.members(items))
    known: set[frozenset[int]] = set()
    for _ in range(ROUNDS):
        candidates = _candidates(access, left) - known
        taken = [one for one in _greedy(access, left, candidates) if frozenset(one.items) not in known]
        if not taken:
            break
        known |= {frozenset(one.items) for one in taken}
        found += taken
    return sorted(found, key=lambda one: (-one.covered, one.items))[:MOST_ROLES]


# Candidates -----------------------------------------------------------------------------------------------------------


def _candidates(access: Access, left: Sequence[int]) -> set[frozenset[int]]:
    rows = _rows(left, len(access.holders))
    seeds = [*access.groups.values(), *(left[one] & left[two] for one, two in _pairs(rows))]
    return {found for seed in seeds if (found := _closed(access, left, rows, seed)) is not None}


def _rows(columns: Sequence[int], holders: int) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(holders)]
    for item, column in enumerate(columns):
        for byte, bits in enumerate(column.to_bytes((holders + 7) // 8, "little")):
            for place in _PLACES[bits]:
                rows[byte * 8 + place].append(item)
    return rows


_PLACES: Final = tuple(tuple(place for place in range(8) if byte >> place & 1) for byte in range(256))


def _pairs(rows: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """The entitlements that are held together most often."""
    counted: Counter[tuple[int, int]] = Counter()
    for row in rows:
        if len(row) <= LONGEST_ROW:
            counted.update(combinations(row, 2))
    often = [(-count, pair) for pair, count in counted.items() if count >= FEWEST]
    return [pair for _, pair in sorted(often)[:MOST_PAIRS]]


def _closed(access: Access, left: Sequence[int], rows: Sequence[Sequence[int]], seed: int) -> frozenset[int] | None:
    """What nearly all of the holders hold, and nearly all of those who hold most of that; None if too little or few."""
    items: frozenset[int] = frozenset()
    for _ in range(3):
        if seed.bit_count() < FEWEST:
            return None
        core = _core(left, rows, seed)
        if len(core) < SMALLEST:
            return None
        if core == items:
            break
        items, seed = core, access.members(core)
    return items


def _core(left: Sequence[int], rows: Sequence[Sequence[int]], members: int) -> frozenset[int]:
    """The entitlements that most of the members hold."""
    sampled = (number for number, _ in zip(_numbers(members), range(SAMPLE), strict=False))
    near = {item for number in sampled for item in rows[number]}
    fewest = -(-members.bit_count() * MOST // 100)
    return frozenset(item for item in near if (left[item] & members).bit_count() >= fewest)


# Cover ----------------------------------------------------------------------------------------------------------------


def _greedy(access: Access, left: list[int], candidates: Collection[frozenset[int]]) -> Iterator[Mined]:
    """Take the best, and take what it explains out of what is left, until nothing explains enough.

    What a candidate explains only ever becomes less, so that its score of before is a bound: it is scored anew when it
    comes to the top.
    """
    wider = _Wider(access, candidates)
    heap = [(-_score(access, left, items), sorted(items)) for items in candidates]
    heapify(heap)
    while heap:
        _, listed = heappop(heap)
        items = wider.instead_of(_trimmed(access, left, frozenset(listed)), left)
        if len(items) < SMALLEST:
            continue
        score = _score(access, left, items)
        if heap and (-score, sorted(items)) > heap[0] and items == frozenset(listed):
            heappush(heap, (-score, listed))
        elif score >= FEWEST * SMALLEST:
            heappush(heap, (-score, listed))
            yield _taken(access, left, items)


def _score(access: Access, left: Sequence[int], items: frozenset[int]) -> int:
    """How much it explains that nothing else does, less what its members don't hold."""
    members = access.members(items)
    explained = sum((left[item] & members).bit_count() for item in items)
    held = sum((access.columns[item] & members).bit_count() for item in items)
    return explained - (len(items) * members.bit_count() - held)


def _trimmed(access: Access, left: Sequence[int], items: frozenset[int]) -> frozenset[int]:
    """Without what other roles explain for half of its members already."""
    members = access.members(items)
    half = members.bit_count() / 2
    return frozenset(item for item in items if (left[item] & members).bit_count() > half)


class _Wider:
    """Candidates by their entitlements, to find the part of a set that many more hold."""

    def __init__(self, access: Access, candidates: Collection[frozenset[int]]) -> None:
        self.access = access
        self.counts = {items: access.members(items).bit_count() for items in candidates}
        self.containing: dict[int, list[frozenset[int]]] = {}
        for items in sorted(candidates, key=sorted):
            for item in items:
                self.containing.setdefault(item, []).append(items)

    def instead_of(self, items: frozenset[int], left: Sequence[int]) -> frozenset[int]:
        """The most widely held part of the set that is worth taking before it; the set where there is none."""
        if not items:
            return items
        fewest = self.access.members(items).bit_count() * WIDER / 100
        near = {part for item in items for part in self.containing.get(item, ()) if part < items}
        worth = [part for part in near if self.counts[part] >= fewest and _trimmed(self.access, left, part) == part]
        return max(worth, key=lambda part: (self.counts[part], sorted(part)), default=items)


def _taken(access: Access, left: list[int], items: frozenset[int]) -> Mined:
    members = access.members(items)
    covered = _explained(left, items, members)
    peers = _described(access, members)
    matched = access.groups[peers] if peers else 0
    return Mined(
        items=tuple(sorted(items)),
        members=members.bit_count(),
        covered=covered,
        missing=_lacking(access, items, members),
        peers=peers,
        matched=matched.bit_count(),
        excess=_lacking(access, items, members | matched),
    )


def _explained(left: list[int], items: Collection[int], members: int) -> int:
    """Take what the members hold of the items out of what is left; how much that was."""
    covered = sum((left[item] & members).bit_count() for item in items)
    for item in items:
        left[item] &= ~members
    return covered


def _lacking(access: Access, items: frozenset[int], holders: int) -> int:
    return sum((holders & ~access.columns[item]).bit_count() for item in items)


def _described(access: Access, members: int) -> Peers | None:
    """The department, title or both that match the members best, if they match well enough; the first of several."""
    best: tuple[float, Peers] | None = None
    for peers, group in access.groups.items():
        both = (group & members).bit_count()
        if both * 100 >= FITTING * group.bit_count() and both * 100 >= FITTING * members.bit_count():
            fit = both / (group | members).bit_count()
            best = max(best or (fit, peers), (fit, peers), key=lambda one: one[0])
    return best[1] if best else None
