"""PostgreSQL as Django's tests need it: a database that can be emptied although its audit log can't be truncated.

Only the tests use this. The product's triggers stay as they are; the superuser of the test server goes around them.
"""

from collections.abc import Iterable
from typing import Any

from django.db import OperationalError, transaction
from django.db.backends.postgresql import base, operations

ATTEMPTS = 5

# What migrations have put into the tables is kept beside them, and comes back whenever they are emptied.
KEEP = """
CREATE SCHEMA pristine;
DO $$
DECLARE name text;
BEGIN
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
          AND relname <> 'django_migrations'
    LOOP
        EXECUTE format('CREATE TABLE pristine.%1$I AS TABLE public.%1$I', name);
    END LOOP;
END $$
"""

# Every table is locked first, against reading too: a worker of the portal that has begun finishes, and none that has
# looked at the rows of one test writes what follows from them into the next.
RESET = """
SET LOCAL session_replication_role = replica;
DO $$
DECLARE name text; columns text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'pristine'::regnamespace AND relkind = 'r'
    LOOP
        EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', name);
    END LOOP;
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'pristine'::regnamespace AND relkind = 'r'
    LOOP
        EXECUTE format('DELETE FROM public.%I', name);
        SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
        WHERE attrelid = format('public.%I', name)::regclass AND attnum > 0
          AND NOT attisdropped AND attgenerated = '';
        EXECUTE format(
            'INSERT INTO public.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM pristine.%1$I', name, columns);
    END LOOP;
END $$
"""


class DatabaseOperations(operations.DatabaseOperations):
    """PostgreSQL's, with another way to empty the database."""

    def keep_pristine(self) -> None:
        """Note what the tables hold now: it is what every flush returns to."""
        with self.connection.cursor() as cursor:
            cursor.execute(KEEP)

    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        """Bring every table back to what `keep_pristine` has noted. No trigger fires, `sql_list` is not needed.

        A worker that writes meanwhile may make it the victim of a deadlock: then it begins anew.
        """
        for remaining in reversed(range(ATTEMPTS)):
            try:
                with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
                    cursor.execute(RESET)
            except OperationalError:
                if not remaining:
                    raise
            else:
                return


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend that `config.settings_test` names."""

    ops_class: Any = DatabaseOperations
