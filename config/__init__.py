"""How the process is put together: environment, settings, servers. Nothing of the domain."""
