from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """The one app of the domain; its packages are kept apart by import contracts, not by app labels."""

    name = "governance"
    label = "governance"

    def ready(self) -> None:
        from governance import wiring  # noqa: PLC0415 - models load before their wiring can
        from governance.web import voice  # noqa: PLC0415 - and before any form

        wiring.connect()
        voice.speak()
