"""Writes the generated parts of docs/policy.md: the facts, the factors of risk, and the rules to begin with."""

import argparse
import sys
from pathlib import Path
from typing import Final

from governance.policy.cel import type_name
from governance.policy.consequences import Consequence, read
from governance.policy.facts import Declaration, declarations
from governance.policy.risk import FACTORS, TIERS, Factor
from governance.policy.starter import RULES, StarterRule
from governance.policy.words import length, said

PAGE: Final = Path(__file__).parents[2] / "docs" / "policy.md"


def main() -> None:
    """Write docs/policy.md anew, or with --check fail if it is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m governance.policy.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page is out of date")
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text)
    if parser.parse_args().check and wanted != text:
        sys.exit("docs/policy.md is out of date. Run: python -m governance.policy.reference")
    PAGE.write_text(wanted, encoding="utf-8")


def page(text: str) -> str:
    """The page with its generated parts as they should be; the rest of the text is kept."""
    for name, table in {"facts": facts_table(), "factors": factors_table(), "rules": rules_table()}.items():
        before, start, rest = text.partition(f"<!-- {name}: generated -->\n")
        _, end, after = rest.partition("<!-- end -->")
        text = f"{before}{start}{table}\n{end}{after}"
    return text


def facts_table() -> str:
    """Every fact with its type, its meaning, and how a reason says it of one example."""
    head = ["| fact | type | meaning | as a reason says it |", "|---|---|---|---|"]
    return "\n".join([*head, *(_fact(fact) for fact in declarations())])


def _fact(fact: Declaration) -> str:
    return f"| `{fact.name}` | {type_name(fact.type)} | {fact.meaning} | {said(fact.example)} |"


def factors_table() -> str:
    """The factors of risk with their weights, and the tiers with the scores from which they begin."""
    head = ["| factor | present where | weight |", "|---|---|---|"]
    rows = [f"| {factor.name} | {_present(factor)} | {factor.weight} |" for factor in FACTORS]
    tiers = ", ".join(f"{tier.label.lower()} from {least}" for tier, least in reversed(list(TIERS.items())))
    return "\n".join([*head, *rows, "", f"The tier follows from the score: {tiers}."])


def _present(factor: Factor) -> str:
    *others, last = (f"`{str(value).lower()}`" for value in factor.values or ("",))
    fact, values = f"`{factor.fact}`", f"{', '.join(others)} or {last}" if others else last
    if factor.beyond is not None:
        return f"{fact} is longer than {length(factor.beyond)}"
    return f"{fact} is {'anything but ' if factor.but else ''}{values}"


def rules_table() -> str:
    """The rules to begin with: when they apply and what follows."""
    head = ["| rule | when | what follows |", "|---|---|---|"]
    return "\n".join([*head, *(_rule(rule) for rule in RULES)])


def _rule(rule: StarterRule) -> str:
    condition = rule.condition.replace("|", "\\|")
    return f"| {rule.key} {rule.title} | `{condition}` | {_follows(read(rule.outcomes))} |"


def _follows(consequence: Consequence) -> str:
    parts = ["denied"] if consequence.deny else []
    if consequence.steps:
        parts.append("decided by " + ", ".join(step.kind.label.lower() for step in consequence.steps))
    if consequence.without_human:
        parts.append("allowed without a human")
    if consequence.break_glass is not None:
        parts.append(f"break-glass for at most {length(consequence.break_glass)}")
    if consequence.cap is not None:
        parts.append(f"at most {length(consequence.cap)}")
    if consequence.cadence is not None:
        parts.append(f"reviewed every {length(consequence.cadence)}")
    return "; ".join(parts)


if __name__ == "__main__":
    main()
