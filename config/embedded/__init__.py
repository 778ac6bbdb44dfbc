"""A PostgreSQL and a Valkey server of our own, for the demonstration and the tests.

Only the standard library is needed here: the binaries come out of two packages, whose own launchers are not used.
One leaves servers behind after SIGTERM; the other, as root, opens home directories to everybody and trusts every
local user.
"""
