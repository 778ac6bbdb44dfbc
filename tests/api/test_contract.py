"""The API against its own description: every operation, with what fits the description and with what does not.

No answer may be a 5xx, a status that is not documented, or a body that is not as described. The short form sends a few
seeded examples to each operation in this process; the long one has all checks and thirty examples, over the wire.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from governance.core.actor import Role
from tests import builders
from tests.api.conftest import secret_for
from tests.harness.portal import Portal
from tests.web.scene import Scene

SEED = 20261121
EXAMPLES = 3
EXAMPLES_LONG = 30
SECONDS = 1800

CHECKS = {
    # Well-formed, and refused by a rule of the domain, or because of what has happened since.
    "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "403", "404", "409", "412", "422"]},
    "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "415", "422"]},
}


def ids(scene: Scene) -> dict[str, str]:
    """Something that there is, for each kind of address."""
    return {
        "identities": str(scene.people["holder"].pk),
        "systems": str(scene.system.pk),
        "entitlements": str(scene.grant.entitlement_id),
        "purposes": str(scene.grant.purpose_id),
        "bundles": str(scene.bundle.pk),
        "changes": str(scene.change.pk),
        "policy-rules": str(scene.rule.pk),
        "policy-rule-versions": str(scene.version.pk),
        "policy-examples": str(scene.example.pk),
        "replays": str(scene.replay.pk),
        "requests": str(scene.waiting.pk),
        "approval-steps": str(scene.step.pk),
        "calendars": str(scene.calendar.pk),
        "decision": str(scene.proven.pk),
        "delegations": str(scene.delegation.pk),
        "grants": str(scene.grant.pk),
        "request-drafts": str(scene.put_aside.pk),
        "break-glass": str(scene.taken.pk),
        "exposures": str(scene.exposure.pk),
        "approval-routes": str(scene.step.route_id),
        "manual-tasks": str(scene.done.pk),
        "evidence": str(scene.done.evidence_id),
        "notifications": str(scene.said.pk),
        "sources": str(scene.source.pk),
        "feed-runs": str(scene.run.pk),
        "separation-rules": str(scene.apart.pk),
        "separation-versions": str(scene.drafted.pk),
        "violations": str(scene.violation.pk),
        "mitigations": str(scene.proposed.pk),
        "inclusions": str(scene.inclusion.pk),
        "tokens": str(scene.token.pk),
        "surveys": str(scene.survey.pk),
        "findings": str(scene.finding.pk),
        "role-suggestions": str(scene.suggestion.pk),
        "sequence": str(scene.event.pk),
    }


def secret_of(scene: Scene) -> str:
    """A token for everything, of somebody who sees everything and is asked for some of it."""
    person = scene.play("approver", Role.SECURITY)
    builders.portal_role(person, Role.ADMINISTRATOR)
    return secret_for(person)


def operations() -> Iterator[Any]:
    """The operations of the API as it describes itself."""
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]
    config = SchemathesisConfig.from_dict({"checks": CHECKS})
    schema: Any = schemathesis.openapi.from_dict(generator.get_schema(request=None, public=True), config=config)
    schema.app = get_wsgi_application()
    return (found.ok() for found in schema.get_all_operations())


def broken(operation: Any, mode: GenerationMode, headers: dict[str, str], known: dict[str, str]) -> list[str]:
    """How the operation breaks its description."""
    told: list[str] = []

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode == GenerationMode.POSITIVE:
            for name in case.path_parameters:
                case.path_parameters[name] = known[case.path.split("/")[3] if name == "id" else name]
        case.call_and_validate(headers=headers)

    try:
        ask()
    except FailureGroup as found:
        told += [f"{operation.label}: {failure}" for failure in found.exceptions]
    return told


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """The test's own, which the end of a request must not close."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


class TestEveryOperation:
    @pytest.mark.usefixtures("_one_connection")
    def test_keeps_what_it_says(self, db: None, settings: Any) -> None:
        settings.API_LIMITS = dict.fromkeys(("read", "change", "refused"), 10**9)
        settings.ALLOWED_HOSTS = ["*"]
        scene = Scene()
        headers, known = {"Authorization": f"Bearer {secret_of(scene)}"}, ids(scene)
        tried = list(operations())
        assert len(tried) > 20
        wrong = [said for one in tried for mode in GenerationMode for said in broken(one, mode, headers, known)]
        assert not wrong, "\n\n".join(wrong)

    @pytest.mark.long
    def test_keeps_what_it_says_in_every_corner(self, portal: Portal, tmp_path: Path) -> None:
        scene = Scene()
        config = tmp_path / "schemathesis.toml"
        config.write_text(configuration(ids(scene)))
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        options = {
            "--checks": "all",
            "--max-examples": str(EXAMPLES_LONG),
            "--seed": str(SEED),
            "--phases": "examples,coverage,fuzzing",
            "--header": f"Authorization: Bearer {secret_of(scene)}",
            "--report": "json",
            "--report-json-path": str(tmp_path / "report.json"),
        }
        address = f"{portal.url}/api/schema/"
        done = subprocess.run(
            [*command, *(word for pair in options.items() for word in pair), "--continue-on-failure", address],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]


def configuration(known: dict[str, str]) -> str:
    """What the tool is told of the API beside its description: what there is, and what a refusal may be."""
    checks = [
        f"[checks.{name}]\nexpected-statuses = {json.dumps(one['expected-statuses'])}" for name, one in CHECKS.items()
    ]
    things = [
        f"[[operations]]\ninclude-path-regex = '^/api/v1/{kind}/\\{{id\\}}'\nparameters = {{ id = \"{pk}\" }}"
        for kind, pk in known.items()
        if kind != "evidence"
    ]
    file = f'parameters = {{ id = "{known["manual-tasks"]}", evidence = "{known["evidence"]}" }}'
    things.append(f"[[operations]]\ninclude-path-regex = '/evidence/'\n{file}")
    return "\n\n".join([*checks, *things])
