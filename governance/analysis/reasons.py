"""Why something counts as stale, in words, from the figures of its finding. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from governance.analysis.states import Stale
from governance.policy.words import day

Figures = Mapping[str, Any]


def _day(moment: str | None) -> str:
    return day(datetime.fromisoformat(moment)) if moment else ""


def _bundle(figures: Figures) -> str:
    if not figures["size"]:
        return "Nothing that it holds is active: who gets the bundle gets nothing."
    since = f"It has been as it is since {_day(figures['since'])}"
    if not figures["most"]:
        return f"Nobody holds anything of it. {since}."
    return f"Nobody holds all of it: {figures['most']} of {figures['size']} entitlements at most. {since}."


def _criteria(figures: Figures) -> str:
    return f"No active identity matches {figures['criteria']}."


def _unheld(figures: Figures) -> str:
    last = f"The last lease of it ended on {_day(figures['last'])}." if figures["last"] else "It was never leased."
    return f"Nobody holds it, and nobody has for 90 days. {last}"


def _lapsing(figures: Figures) -> str:
    return (
        f"{figures['lapsed']} of {figures['holders']} who held it in the last 90 days let their lease run out and hold"
        " it no more."
    )


def _outlier(figures: Figures) -> str:
    peers = f"{figures['peers']} people in {figures['department']} with the title {figures['title']}"
    return f"Only {figures['holders']} of {peers} {'holds' if figures['holders'] == 1 else 'hold'} it."


def _purpose(figures: Figures) -> str:
    last = f"The last lease on it ended on {_day(figures['last'])}." if figures["last"] else "Nothing was leased on it."
    return f"Nobody has held or asked for anything on it for 90 days. {last}"


def _rule(figures: Figures) -> str:
    return f"It applied to none of the {figures['decisions']} decisions of the last 90 days."


_WORDS: Final[Mapping[str, Callable[[Figures], str]]] = {
    Stale.BUNDLE: _bundle,
    Stale.CRITERIA: _criteria,
    Stale.UNHELD: _unheld,
    Stale.LAPSING: _lapsing,
    Stale.OUTLIER: _outlier,
    Stale.PURPOSE: _purpose,
    Stale.RULE: _rule,
}


def reason(kind: str, figures: Figures) -> str:
    """Why, in a sentence or two."""
    return _WORDS[kind](figures)


ADVICE: Final[Mapping[str, str]] = {
    Stale.BUNDLE: "Change what it holds to what people hold, or retire it.",
    Stale.CRITERIA: "Change who matches, or retire the bundle.",
    Stale.UNHELD: "Propose other terms for it, or take it out of what purposes justify.",
    Stale.LAPSING: "Ask whether it is still needed. Propose a shorter lease or another description.",
    Stale.OUTLIER: "Ask the holder. Revoke the grant where the job does not need it.",
    Stale.PURPOSE: "Retire it: what rests on it ends with it.",
    Stale.RULE: "Have it replayed over a longer time, and retired unless it guards against what must not happen.",
}
"""What can be done about each kind."""
