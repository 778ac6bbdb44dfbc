import pytest

from governance.users.rules import claimed_level, strength

AT = 1_795_000_000.0


def record(way: str, at: float = AT) -> dict[str, object]:
    method, _, kind = way.partition(":")
    return {"method": method, "type": kind, "at": at} if kind else {"method": method, "at": at}


class TestStrength:
    @pytest.mark.parametrize(
        ("ways", "level"),
        [
            ([], 0),
            (["password"], 1),
            (["password", "mfa:totp"], 2),
            (["mfa:webauthn"], 2),
            (["password", "mfa:recovery_codes"], 1),
            (["password_reset"], 0),
            (["socialaccount"], 0),  # its level is what the provider says, not what the way is
            (["something new"], 0),
        ],
    )
    def test_is_that_of_the_strongest_way(self, ways: list[str], level: int) -> None:
        assert strength(record(way) for way in ways).level == level

    def test_was_proven_when_its_own_level_last_was(self) -> None:
        found = strength([record("mfa:totp"), record("mfa:totp", AT + 60), record("password", AT + 600)])
        assert found.at is not None
        assert (found.level, found.at.timestamp()) == (2, AT + 60)


class TestClaimedLevel:
    @pytest.mark.parametrize(
        ("amr", "level"),
        [
            ([], 1),
            (["pwd"], 1),
            (["hwk"], 1),
            (["hwk", "otp"], 1),
            (["pwd", "sms"], 1),
            (["pwd", "unheard-of"], 1),
            (["mfa"], 2),
            (["pwd", "otp"], 2),
            (["pin", "hwk"], 2),
            (["hwk", "fpt"], 2),
        ],
    )
    def test_is_two_for_ways_of_two_kinds(self, amr: list[str], level: int) -> None:
        assert claimed_level("", amr, []) == level

    def test_is_two_for_the_classes_that_were_configured_alone(self) -> None:
        assert claimed_level("urn:strong", [], ["urn:strong"]) == 2
        assert claimed_level("urn:other", [], ["urn:strong"]) == 1
        assert claimed_level("", [], ["urn:strong"]) == 1
