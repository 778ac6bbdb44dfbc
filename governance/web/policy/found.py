"""The version that an address names."""

from governance.core.errors import NotFound
from governance.policy import permissions
from governance.policy.models import PolicyRuleVersion
from governance.web import bases


def version_of(page: bases.Page) -> PolicyRuleVersion:
    """The version of the address, if the actor may see its rule. Raises NotFound."""
    rules = permissions.visible(page.actor, page.now)
    versions = PolicyRuleVersion.objects.filter(rule__in=rules).select_related("rule")
    found = versions.filter(rule__key=page.kwargs["key"], number=page.kwargs["number"]).first()
    if found is None:
        raise NotFound
    return found
