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


class ExampleState(TextChoices):
    """Whether an example is still one of its rule's tests."""

    KEPT = "kept", "Kept"
    DROPPED = "dropped", "Dropped"


EXAMPLE_MOVES: Mapping[str, frozenset[str]] = {ExampleState.KEPT: frozenset({ExampleState.DROPPED})}


class Mode(TextChoices):
    """How far a rule that is in force reaches, the least far first.

    Recorded with the decision and nothing else; told to requester and approvers as well; a human must approve, whatever
    the rule says; in full.
    """

    RECORD = "record", "Record only"
    WARN = "warn", "Warn"
    REQUIRE_APPROVAL = "require_approval", "Require approval"
    BLOCK = "block", "In full"


BITES = frozenset({Mode.REQUIRE_APPROVAL, Mode.BLOCK})
"""Modes in which a rule takes part in the outcome. In the others it can't, not even by being broken."""


class Phase(TextChoices):
    """When policy is asked for good (rule 3). A preview asks as well, and is not recorded."""

    SUBMISSION = "submission", "At submission"
    ACTIVATION = "activation", "At activation"


class OutcomeKind(TextChoices):
    """What follows from a rule whose condition holds, the heaviest first."""

    DENY = "deny", "Deny"
    REQUIRE_STEPS = "require_steps", "Require steps"
    ALLOW_WITHOUT_HUMAN = "allow_without_human", "Allow without a human"
    ALLOW_BREAK_GLASS = "allow_break_glass", "Allow break-glass"
    CAP_LEASE = "cap_lease", "Cap the lease"
    TIGHTEN_REVIEW = "tighten_review", "Tighten review"


class Change(TextChoices):
    """How a verdict differs from another, the heaviest first."""

    DENIED = "denied", "Would be denied"
    ALLOWED = "allowed", "Would be allowed"
    STEPS_ADDED = "steps_added", "More people decide"
    STEPS_REMOVED = "steps_removed", "Fewer people decide"
    SHORTER = "shorter", "A shorter lease"
    LONGER = "longer", "A longer lease"
    REVIEWED_MORE = "reviewed_more", "Reviewed more often"
    REVIEWED_LESS = "reviewed_less", "Reviewed less often"


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
