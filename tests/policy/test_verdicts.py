"""Cases of verdicts by name, and the shapes in which others fail open."""

from datetime import timedelta
from typing import Any

import pytest

from governance.policy.consequences import read
from governance.policy.rules import RuleData
from governance.policy.states import Mode
from tests.policy.cases import DAY, HOUR, Case
from tests.policy.samples import rule

RECORD, WARN, APPROVAL = Mode.RECORD, Mode.WARN, Mode.REQUIRE_APPROVAL
FREE = rule("POL-01", allow_without_human=True)
MANAGER = rule("POL-01", steps=["manager"])
BROKEN = "1 / 0 == 1"
NEVER = "assurance == 3"


def asks(key: str, condition: str = "true", mode: Mode = Mode.BLOCK, **step: Any) -> RuleData:
    """A rule with one step, said in full: `asks("POL-02", kind="security", required=2)`."""
    return RuleData(key, 1, condition, read({"steps": [step]}), "Because.", mode=mode)


MODES = [
    Case("a record rule denies nothing", [FREE, rule("POL-02", mode=RECORD, deny=True)],
         says=["POL-01 allow_without_human", "POL-02 record: deny"]),
    Case("a record rule asks nobody", [FREE, rule("POL-02", mode=RECORD, steps=["security"])],
         says=["POL-01 allow_without_human", "POL-02 record: require_steps"]),
    Case("a record rule caps nothing", [FREE, rule("POL-02", mode=RECORD, cap_seconds=HOUR, cadence_seconds=HOUR)],
         says=["POL-01 allow_without_human", "POL-02 record: cap_lease+tighten_review"]),
    Case("a record rule covers nothing", [rule("POL-01", mode=RECORD, allow_without_human=True)],
         denied=["No rule covers"], says=["POL-01 record: allow_without_human"]),
    Case("a record rule with steps covers nothing", [rule("POL-01", mode=RECORD, steps=["manager"])],
         denied=["No rule covers"], says=["POL-01 record: require_steps"]),
    Case("a record rule that does not apply is silent", [FREE, rule("POL-02", NEVER, mode=RECORD, deny=True)],
         says=["POL-01 allow_without_human"]),
    Case("a broken record rule holds nothing up", [FREE, rule("POL-02", BROKEN, mode=RECORD, deny=True)],
         says=["POL-01 allow_without_human", "POL-02 record: broken"]),
    Case("a broken record rule opens nothing", [rule("POL-01", BROKEN, mode=RECORD, allow_without_human=True)],
         denied=["No rule covers"], says=["POL-01 record: broken"]),
    Case("a warning denies nothing", [FREE, rule("POL-02", mode=WARN, deny=True)],
         says=["POL-01 allow_without_human", "POL-02 warn: deny"]),
    Case("a warning takes no human in", [MANAGER, rule("POL-02", mode=WARN, steps=["security"])],
         steps="manager", says=["POL-01 require_steps", "POL-02 warn: require_steps"]),
    Case("a warning caps nothing", [MANAGER, rule("POL-02", mode=WARN, cap_seconds=HOUR, cadence_seconds=HOUR)],
         steps="manager", says=["POL-01 require_steps", "POL-02 warn: cap_lease+tighten_review"]),
    Case("a warning covers nothing", [rule("POL-01", mode=WARN, allow_without_human=True)],
         denied=["No rule covers"], says=["POL-01 warn: allow_without_human"]),
    Case("a warning outweighs no denial", [rule("POL-01", deny=True), rule("POL-02", mode=WARN, deny=True)],
         denied=["Because"], says=["POL-01 deny", "POL-02 warn: deny"]),
    Case("a broken warning holds nothing up", [MANAGER, rule("POL-02", BROKEN, mode=WARN, deny=True)],
         steps="manager", says=["POL-01 require_steps", "POL-02 warn: broken"]),
    Case("a broken warning opens nothing", [rule("POL-01", BROKEN, mode=WARN, steps=["manager"])],
         denied=["No rule covers"], says=["POL-01 warn: broken"]),
    Case("a warning whose words are broken holds nothing up",
         [FREE, rule("POL-02", reason="{nothing}", mode=WARN, deny=True)],
         says=["POL-01 allow_without_human", "POL-02 warn: broken"]),
    Case("a denial that asks for approval is security's", [FREE, rule("POL-02", mode=APPROVAL, deny=True)],
         steps="security",
         says=["POL-02 require_approval: require_steps", "POL-01 allow_without_human"]),
    Case("an approval is asked of those whom the rule names",
         [FREE, rule("POL-02", mode=APPROVAL, steps=["system_owner"])], steps="system_owner",
         says=["POL-02 require_approval: require_steps", "POL-01 allow_without_human"]),
    Case("an approval comes on top of other steps", [MANAGER, rule("POL-02", mode=APPROVAL, deny=True)],
         steps="manager, security", says=["POL-01 require_steps", "POL-02 require_approval: require_steps"]),
    Case("an approval covers nothing by itself", [rule("POL-01", mode=APPROVAL, deny=True)],
         denied=["No rule covers"], says=["POL-01 require_approval: require_steps"]),
    Case("an approval with steps covers nothing by itself", [rule("POL-01", mode=APPROVAL, steps=["manager"])],
         denied=["No rule covers"], says=["POL-01 require_approval: require_steps"]),
    Case("a cap that asks for approval caps as well", [FREE, rule("POL-02", mode=APPROVAL, cap_seconds=HOUR)],
         steps="security", cap=timedelta(hours=1),
         says=["POL-02 require_approval: require_steps+cap_lease", "POL-01 allow_without_human"]),
    Case("an approval lifts no denial", [rule("POL-01", deny=True), rule("POL-02", mode=APPROVAL, deny=True)],
         denied=["Because"], says=["POL-01 deny", "POL-02 require_approval: require_steps"]),
    Case("an allowing rule that asks for approval asks a human",
         [FREE, rule("POL-02", mode=APPROVAL, allow_without_human=True)], steps="security",
         says=["POL-02 require_approval: require_steps", "POL-01 allow_without_human"]),
    Case("an approval by consent alone needs an approver beside it",
         [FREE, rule("POL-02", mode=APPROVAL, steps=["identity_owner"])], steps="identity_owner, entitlement_owner",
         says=["POL-02 require_approval: require_steps", "POL-01 allow_without_human"]),
    Case("a broken rule that asks for approval denies", [FREE, rule("POL-02", BROKEN, mode=APPROVAL, deny=True)],
         denied=["POL-02 is broken"], says=["POL-02 require_approval: broken", "POL-01 allow_without_human"]),
    Case("an approval that does not apply is silent", [FREE, rule("POL-02", NEVER, mode=APPROVAL, deny=True)],
         says=["POL-01 allow_without_human"]),
]  # fmt: skip

CONFLICTS = [
    Case("deny wins over allow", [FREE, rule("POL-02", deny=True)], denied=["Because"],
         says=["POL-02 deny", "POL-01 allow_without_human"]),
    Case("deny wins over steps", [MANAGER, rule("POL-02", deny=True)], denied=["Because"],
         says=["POL-02 deny", "POL-01 require_steps"]),
    Case("a broken rule wins over everything", [FREE, rule("POL-02", BROKEN, steps=["manager"])],
         denied=["POL-02 is broken"], says=["POL-02 broken", "POL-01 allow_without_human"]),
    Case("steps win over allow", [FREE, rule("POL-02", steps=["manager"])], steps="manager",
         says=["POL-02 require_steps", "POL-01 allow_without_human"]),
    Case("steps are united in order", [rule("POL-01", steps=["security"]), rule("POL-02", steps=["manager"])],
         steps="manager, security", says=["POL-01 require_steps", "POL-02 require_steps"]),
    Case("the larger number of approvers wins", [asks("POL-01", kind="security", required=2),
         asks("POL-02", kind="security")], steps="2x security", says=["POL-01 require_steps", "POL-02 require_steps"]),
    Case("everyone wins over a number", [asks("POL-01", kind="security", required=2),
         asks("POL-02", kind="security", everyone=True)], steps="all security",
         says=["POL-01 require_steps", "POL-02 require_steps"]),
    Case("teams stay apart", [asks("POL-01", kind="team", team="ledger"), asks("POL-02", kind="team", team="audit")],
         steps="team:audit, team:ledger", says=["POL-01 require_steps", "POL-02 require_steps"]),
    Case("an approval and a step of the same kind are one", [rule("POL-01", steps=["security"]),
         rule("POL-02", mode=APPROVAL, deny=True)], steps="security",
         says=["POL-01 require_steps", "POL-02 require_approval: require_steps"]),
    Case("the earlier stage wins", [asks("POL-01", kind="security", stage=1), asks("POL-02", kind="manager", stage=3),
         asks("POL-03", kind="security", stage=5)], steps="security, manager",
         says=["POL-01 require_steps", "POL-02 require_steps", "POL-03 require_steps"]),
    Case("the strictest cap wins", [MANAGER, rule("POL-02", cap_seconds=9 * DAY), rule("POL-03", cap_seconds=DAY)],
         steps="manager", cap=timedelta(days=1), says=["POL-01 require_steps", "POL-03 cap_lease", "POL-02 cap_lease"]),
    Case("no rule caps at more than the catalog", [MANAGER, rule("POL-02", cap_seconds=900 * DAY)], steps="manager",
         says=["POL-01 require_steps", "POL-02 cap_lease"]),
    Case("the strictest cadence wins", [MANAGER, rule("POL-02", cadence_seconds=30 * DAY),
         rule("POL-03", cadence_seconds=60 * DAY)], steps="manager", cadence=timedelta(days=30),
         says=["POL-01 require_steps", "POL-02 tighten_review", "POL-03 tighten_review"]),
    Case("no rule reviews less often than the catalog", [MANAGER, rule("POL-02", cadence_seconds=900 * DAY)],
         steps="manager", says=["POL-01 require_steps", "POL-02 tighten_review"]),
    Case("a cadence covers nothing", [rule("POL-01", cadence_seconds=DAY)], denied=["No rule covers"],
         cadence=timedelta(days=1), says=["POL-01 tighten_review"]),
    Case("a denial still says how short it would have been", [rule("POL-01", deny=True),
         rule("POL-02", cap_seconds=HOUR, cadence_seconds=DAY)], denied=["Because"], cap=timedelta(hours=1),
         cadence=timedelta(days=1), says=["POL-01 deny", "POL-02 cap_lease+tighten_review"]),
]  # fmt: skip

FAIL_OPEN = [
    Case("no rule at all", [], denied=["No rule covers"]),
    Case("no rule that applies", [rule("POL-01", NEVER, allow_without_human=True)], denied=["No rule covers"]),
    Case("nothing but a cap", [rule("POL-01", cap_seconds=DAY)], denied=["No rule covers"], cap=timedelta(days=1),
         says=["POL-01 cap_lease"]),
    Case("a fact that does not exist", [MANAGER, rule("POL-02", "identity.kynd == 'agent'", deny=True)],
         denied=["POL-02 is broken"], says=["POL-02 broken", "POL-01 require_steps"]),
    Case("an error of the engine, which is truthy", [rule("POL-01", BROKEN, allow_without_human=True)],
         denied=["POL-01 is broken"], says=["POL-01 broken"]),
    Case("a condition that is no question", [MANAGER, rule("POL-02", "identity.name", deny=True)],
         denied=["POL-02 is broken"], says=["POL-02 broken", "POL-01 require_steps"]),
    Case("a condition that does not compile", [MANAGER, rule("POL-02", "assurance >", deny=True)],
         denied=["POL-02 is broken"], says=["POL-02 broken", "POL-01 require_steps"]),
    Case("a loop without end", [MANAGER, rule("POL-02",
         "access.entitlements.all(a, access.entitlements.all(b, a + b != 'x'))", deny=True)],
         {"access__entitlements": tuple(map(str, range(300)))}, denied=["POL-02 is broken"],
         says=["POL-02 broken", "POL-01 require_steps"]),
    Case("a condition that is nested too deep", [MANAGER, rule("POL-02", "(" * 40 + "false" + ")" * 40, deny=True)],
         denied=["POL-02 is broken"], says=["POL-02 broken", "POL-01 require_steps"]),
    Case("a condition that is too long", [MANAGER, rule("POL-02", "false || " * 500 + "false", deny=True)],
         denied=["POL-02 is broken"], says=["POL-02 broken", "POL-01 require_steps"]),
    Case("words that can't be filled in", [rule("POL-01", reason="{identity.nome}", allow_without_human=True)],
         denied=["POL-01 is broken"], says=["POL-01 broken"]),
    Case("a consent alone is no approval", [rule("POL-01", steps=["identity_owner"])],
         steps="identity_owner, entitlement_owner", says=["POL-01 require_steps"]),
    Case("a machine that answers itself above low risk", [FREE],
         {"request__by_machine": True, "entitlement__risk": "moderate"}, steps="entitlement_owner",
         says=["POL-01 allow_without_human"]),
    Case("an owner who is gone", [FREE], {"identity__owned": False}, denied=["no active owner"],
         says=["POL-01 allow_without_human"]),
    Case("a purpose without an end", [FREE],
         {"purpose__ends_at": None, "purpose__review_at": None}, denied=["neither an end nor a review date"],
         says=["POL-01 allow_without_human"]),
    Case("a purpose that is not active", [FREE], {"purpose__state": "proposed"}, denied=["rests on an active purpose"],
         says=["POL-01 allow_without_human"]),
    Case("a purpose that justifies something else", [FREE], {"purpose__justifies": False}, denied=["does not justify"],
         says=["POL-01 allow_without_human"]),
    Case("an unknown kind of identity", [FREE], {"identity__kind": "robot"}, denied=["not open to this kind"],
         says=["POL-01 allow_without_human"]),
    Case("an unknown status of the identity", [FREE], {"identity__status": "unknown"}, denied=["only an active"],
         says=["POL-01 allow_without_human"]),
    Case("an unknown state of the system", [FREE], {"system__state": "unknown"}, denied=["is unknown"],
         says=["POL-01 allow_without_human"]),
    Case("a lease without length", [FREE], {"request__term": timedelta()}, denied=["A lease has a length"],
         says=["POL-01 allow_without_human"]),
    Case("kinds that nobody listed", [FREE], {"entitlement__allowed_kinds": ()}, denied=["not open to this kind"],
         says=["POL-01 allow_without_human"]),
]  # fmt: skip


@pytest.mark.parametrize("case", [*MODES, *CONFLICTS, *FAIL_OPEN], ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    case.check()


def test_no_two_cases_have_the_same_name() -> None:
    names = [case.name for case in [*MODES, *CONFLICTS, *FAIL_OPEN]]
    assert len(names) == len(set(names)) >= 60
