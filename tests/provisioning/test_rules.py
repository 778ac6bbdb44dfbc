from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.access.states import Observation
from governance.provisioning import rules
from governance.provisioning.states import AttemptOutcome, Operation

ATTEMPTS = st.integers(min_value=1, max_value=10_000)
CHANCES = st.floats(min_value=0, max_value=1, exclude_max=True)
OUTCOMES = st.sampled_from([outcome for outcome in AttemptOutcome if outcome != AttemptOutcome.PROVED])


class TestDelay:
    def test_doubles_up_to_a_quarter_of_an_hour(self) -> None:
        ceilings = [rules.delay(attempts, 1.0).total_seconds() for attempts in range(1, 12)]
        assert ceilings == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]

    @given(ATTEMPTS, CHANCES)
    def test_is_drawn_from_the_whole_range(self, attempts: int, chance: float) -> None:
        ceiling = rules.delay(attempts, 1.0)
        assert rules.LEAST_DELAY <= rules.delay(attempts, chance) <= ceiling <= timedelta(minutes=15)


class TestAfterFailure:
    @given(ATTEMPTS, OUTCOMES, CHANCES)
    def test_never_lets_a_removal_die(self, attempts: int, outcome: str, chance: float) -> None:
        retry = rules.after_failure(Operation.REVOKE, attempts, outcome, chance)
        assert not retry.dead
        assert retry.escalate or attempts < rules.FAST_RETRIES

    @given(ATTEMPTS, OUTCOMES, CHANCES)
    def test_lets_a_grant_die_in_the_end(self, attempts: int, outcome: str, chance: float) -> None:
        retry = rules.after_failure(Operation.GRANT, attempts, outcome, chance)
        assert retry.dead or attempts < rules.GRANT_TRIES
        assert not retry.escalate

    def test_asks_a_person_at_once_where_the_system_refuses(self) -> None:
        assert rules.after_failure(Operation.GRANT, 1, AttemptOutcome.REFUSED, 0.5).dead
        removal = rules.after_failure(Operation.REVOKE, 1, AttemptOutcome.REFUSED, 0.5)
        assert removal.escalate
        assert removal.delay == timedelta(seconds=32)


class TestJudge:
    @pytest.mark.parametrize("wanted", [True, False])
    @pytest.mark.parametrize("refused", [True, False])
    @pytest.mark.parametrize("in_doubt", [True, False])
    @pytest.mark.parametrize("observation", [None, *Observation])
    def test_takes_nothing_but_a_fitting_look_for_proof(
        self, observation: str | None, wanted: bool, refused: bool, in_doubt: bool
    ) -> None:
        outcome = rules.judge(observation, wanted=wanted, refused=refused, in_doubt=in_doubt)
        fitting = Observation.PRESENT if wanted else Observation.ABSENT
        assert (outcome == AttemptOutcome.PROVED) == (observation == fitting)

    def test_keeps_apart_what_failed_and_what_nobody_knows(self) -> None:
        assert rules.judge(None, wanted=True, refused=False, in_doubt=True) == AttemptOutcome.UNKNOWN
        assert rules.judge("unknown", wanted=True, refused=False, in_doubt=True) == AttemptOutcome.UNKNOWN
        assert rules.judge(None, wanted=True, refused=False, in_doubt=False) == AttemptOutcome.UNREACHABLE
        assert rules.judge(None, wanted=True, refused=True, in_doubt=False) == AttemptOutcome.REFUSED
        assert rules.judge("absent", wanted=True, refused=True, in_doubt=False) == AttemptOutcome.REFUSED
        assert rules.judge("absent", wanted=True, refused=False, in_doubt=False) == AttemptOutcome.CONTRADICTED
        assert rules.judge("other_path", wanted=False, refused=False, in_doubt=False) == AttemptOutcome.OTHER_PATH
        assert rules.judge("other_path", wanted=True, refused=False, in_doubt=False) == AttemptOutcome.CONTRADICTED


class TestLease:
    def test_outlives_every_call(self) -> None:
        assert rules.lease(10) == timedelta(seconds=40)
