"""The demonstration's SCIM application: scim2-server with a storage that outlives it.

`scim_app.py PORT FILE`, with the bearer token on standard input, where no list of processes shows it. The package's
own server keeps everything in memory; what was granted would be gone after a restart, and every read of it untrue. So
each change is written to the file before it is answered. Run as a program of its own: it imports nothing of ours.
"""

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

from scim2_models import Resource, ResourceType, ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.testserver.cli import ThreadingWSGIServer
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)


class KeptStorage(InMemoryStorage):
    """The package's storage in memory, written to a file as a whole after each change: it holds some dozen records."""

    def __init__(self, path: Path, provider: ScimProvider) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            self.resources = [_loaded(provider, one) for one in json.loads(path.read_text())]
            self.versions = itertools.count(1 + max(map(_version, self.resources), default=0))

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        with self.lock:
            made = super().create(resource_type, resource)
            self._keep()
            return made

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        with self.lock:
            changed = super().update(resource_type, resource, expected_version=expected_version)
            self._keep()
            return changed

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        with self.lock:
            super().delete(resource_type, resource_id, expected_version=expected_version)
            self._keep()

    def _keep(self) -> None:
        unfinished = self._path.with_suffix(".unfinished")
        with unfinished.open("w") as file:
            json.dump([one.model_dump() for one in self.resources], file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path)


def _loaded(provider: ScimProvider, kept: dict[str, Any]) -> Resource[Any]:
    model: Any = provider.model_for(kept["schemas"][0])
    found: Resource[Any] = model.model_validate(kept)
    return found


def _version(resource: Resource[Any]) -> int:
    """The number in a version such as W/"7"."""
    version = resource.meta.version if resource.meta else None
    return int((version or "").strip('W/"') or 0)


def main() -> None:
    """Serve until the process is told to stop."""
    port, path, token = int(sys.argv[1]), Path(sys.argv[2]), sys.stdin.read().strip()
    config = load_default_service_provider_config()
    config.authentication_schemes = [*(config.authentication_schemes or []), BEARER_TOKEN_SCHEME]
    schemas, types = load_default_schemas().values(), load_default_resource_types().values()
    provider = ScimProvider.from_discovery(schemas, types, config=config)
    storage = KeptStorage(path, provider)
    application = BearerTokenApplication(storage, provider, ScimService(provider), bearer_tokens=[token])
    with make_server("127.0.0.1", port, application, server_class=ThreadingWSGIServer) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
