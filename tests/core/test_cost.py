"""What `move_set` costs beside the bare UPDATE of the same rows, under the indexes that a lease has.

Prints both; run by `make long`. The bare one writes neither history nor events.
"""

import time
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models.functions import Least

from governance.core.locking import unit_of_work
from governance.core.setmoves import move_set
from tests.core.things import ADA, NOW, Thing, a_shelf

ROWS, BATCH, ROUNDS = 20_000, 5_000, 3
MOST = 6.0  # far above what was seen, far below one row at a time

INDEXES = """
CREATE INDEX IF NOT EXISTS things_by_tag ON things_thing (tag, day, ends_at);
CREATE INDEX IF NOT EXISTS things_by_shelf ON things_thing (shelf_id, day, ends_at);
CREATE INDEX IF NOT EXISTS things_by_end ON things_thing (ends_at, id);
CREATE INDEX IF NOT EXISTS things_by_period ON things_thing
    USING gist (shelf_id, tag, tstzrange('2026-01-01', ends_at));
"""

FILL = """
INSERT INTO things_thing (id, shelf_id, number, name, state, note, ends_at, fragile, tag)
SELECT uuid_v7(), %s, n, 'Vase ' || n, 'new', '', now() + n * interval '1 s', false, gen_random_uuid()
FROM generate_series(1, %s) AS n
"""

BARE = """
WITH due AS MATERIALIZED (
    SELECT id FROM things_thing WHERE state = 'new' ORDER BY ends_at, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE things_thing AS thing SET state = 'kept', ends_at = LEAST(ends_at, %s) FROM due WHERE thing.id = due.id
"""


def fill() -> None:
    shelf = a_shelf()
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        cursor.execute("DELETE FROM things_thing")
        cursor.execute(FILL, [shelf.pk, ROWS])
        cursor.execute("VACUUM ANALYZE things_thing")


def bare() -> None:
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(BARE, [BATCH, NOW])


def whole() -> None:
    due = Thing._base_manager.order_by("ends_at", "id")
    with unit_of_work():
        ends = Least("ends_at", NOW)
        assert move_set(due, "new", "kept", actor=ADA, why="its end", now=NOW, limit=BATCH, ends_at=ends)


def seconds(act: Callable[[], None]) -> float:
    best = []
    for _ in range(ROUNDS):
        fill()
        started = time.perf_counter()
        for _ in range(ROWS // BATCH):
            act()
        best.append(time.perf_counter() - started)
    return min(best)


@pytest.mark.long
@pytest.mark.usefixtures("emptied")
def test_costs_a_small_multiple_of_the_bare_update(capsys: pytest.CaptureFixture[str]) -> None:
    update, move = seconds(bare), seconds(whole)
    with capsys.disabled():
        print(f"\n{ROWS} rows: UPDATE {update:.2f} s, move_set {move:.2f} s: {move / update:.1f} times")  # noqa: T201
    assert move / update < MOST
