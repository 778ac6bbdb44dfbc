"""The words of policy as data: a version's life, what a rule can bring about, whom a step asks."""

from collections.abc import Mapping

from django.db.models import TextChoices


class VersionState(TextChoices):
    """A version's life. It is in force within its effective dates, once it has been published."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    RETIRED = "retired", "Retired"


MOVES: Mapping[str, frozenset[str]] = {
    VersionState.DRAFT: frozenset({VersionState.PUBLISHED}),
    VersionState.PUBLISHED: frozenset({VersionState.RETIRED}),
}


class Mode(TextChoices):
    """How far a rule that is in force reaches."""

    BLOCK = "block", "In full"


class Phase(TextChoices):
    """When policy is asked for good (rule 3). A preview asks as well, and is not recorded."""

    SUBMISSION = "submission", "At submission"
    ACTIVATION = "activation", "At activation"


class OutcomeKind(TextChoices):
    """What follows from a rule whose condition holds, the heaviest first."""

    DENY = "deny", "Deny"
    REQUIRE_STEPS = "require_steps", "Require steps"
    ALLOW_WITHOUT_HUMAN = "allow_without_human", "Allow without a human"
    CAP_LEASE = "cap_lease", "Cap the lease"


class StepKind(TextChoices):
    """Whose decision a step asks for, in the order in which steps follow one another.

    A rule asks for any but the owner: that step is for whatever else has an owner and is to change, such as a rule.

    The manager is that of the person who gets the access; of a machine identity, its owner's. The identity owner is
    asked to consent, which is no approval: of a machine identity its owner, of an external one its sponsor, of a
    person they themselves (rule 2).
    """

    MANAGER = "manager", "Manager"
    IDENTITY_OWNER = "identity_owner", "Identity owner"
    PURPOSE_OWNER = "purpose_owner", "Purpose owner"
    ENTITLEMENT_OWNER = "entitlement_owner", "Entitlement owner"
    SYSTEM_OWNER = "system_owner", "System owner"
    SECURITY = "security", "Security"
    TEAM = "team", "Team"
    OWNER = "owner", "Owner"


CONSENTS = frozenset({StepKind.IDENTITY_OWNER})
"""Steps without which nothing goes on, and which never count as an approval (rule 2)."""

OF_RULES = tuple(kind for kind in StepKind if kind != StepKind.OWNER)
"""Steps that a rule of access policy can ask for."""
