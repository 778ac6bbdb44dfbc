"""A program that is an OpenID provider, canaille, with the people, groups and client that it is told of as JSON."""

import json
import sys
from typing import Any
from urllib.parse import urlsplit

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

LONG = 100 * 365 * 24 * 3600


def main() -> None:
    """Serve until the process is ended. The one argument has `url`, `redirects`, `people`, `password`, `database`."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    where = urlsplit(told["url"])
    app = create_app(
        {
            "SECRET_KEY": "for-tests-alone-and-therefore-known-to-everybody",
            "SERVER_NAME": where.netloc,
            "PREFERRED_URL_SCHEME": where.scheme,
            "TESTING": False,
            "CANAILLE": {"DATABASE": "sql", "JAVASCRIPT": False, "HTMX": False},
            "CANAILLE_SQL": {
                "DATABASE_URI": f"sqlite:///{told['database']}",
                "AUTO_MIGRATE": True,
                "PASSWORD_SCHEMES": "plaintext",
            },
            "CANAILLE_OIDC": {
                "ACTIVE_JWKS": [RSAKey.generate_key(2048, {"kid": "one"}).as_dict(private=True)],
                "TRUSTED_DOMAINS": ["localhost"],
            },
        }
    )
    with app.app_context():
        _fill(told)
    make_server("127.0.0.1", where.port or 80, app, threaded=True).serve_forever()


def _fill(told: dict[str, Any]) -> None:
    keep = Backend.instance.save
    groups: dict[str, list[Any]] = {}
    for person in told["people"]:
        user = models.User(
            user_name=person["name"],
            formatted_name=person["name"],
            family_name=person["name"],
            display_name=person["key"],
            emails=[person["email"]],
            password=told["password"],
        )
        keep(user)
        for group in person["groups"]:
            groups.setdefault(group, []).append(user)
    for name, members in groups.items():
        keep(models.Group(display_name=name, members=members))
    client = models.Client(
        client_id="portal",
        client_secret="s3cret",
        client_name="Portal",
        client_uri="http://localhost",
        redirect_uris=told["redirects"],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
    )
    keep(client)
    client.audience = [client]
    keep(client)


if __name__ == "__main__":
    main()
