"""EKS's calendar of versions, and the fees that follow from it. Dates: EKS User Guide, kubernetes-versions.adoc."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.eks_versions import CALENDAR, Status, SupportType, course, fee, path, version

DAY = date(2026, 11, 21)


def test_a_version_has_14_months_of_standard_and_12_of_extended_support() -> None:
    for one in CALENDAR:
        assert (one.extended_until.year, one.extended_until.month) == (
            one.standard_until.year + 1,
            one.standard_until.month,
        )
        if one.released:
            assert 14 * 30 <= (one.standard_until - one.released).days <= 14 * 31 + 1


@pytest.mark.parametrize(
    ("name", "day", "status"),
    [
        ("1.28", date(2025, 11, 25), Status.EXTENDED),
        ("1.28", date(2025, 11, 26), Status.UNSUPPORTED),
        ("1.31", date(2025, 11, 25), Status.STANDARD),
        ("1.31", date(2025, 11, 26), Status.EXTENDED),  # charged from the beginning of that day
        ("1.34", DAY, Status.STANDARD),
        ("1.33", DAY, Status.EXTENDED),
    ],
)
def test_a_support_ends_at_the_beginning_of_its_last_day(name: str, day: date, status: Status) -> None:
    assert version(name).status(day) is status


def test_upgrades_go_one_minor_version_at_a_time_and_never_back() -> None:
    assert path("1.32", "1.35") == ["1.33", "1.34", "1.35"]
    assert path("1.35", "1.35") == []
    with pytest.raises(ValueError, match=r"cannot go back from 1\.35 to 1\.32"):
        path("1.35", "1.32")
    with pytest.raises(LookupError, match=r"no version '1\.19'\. It has 1\.28"):
        path("1.19", "1.35")


def told(name: str, end: date, support: SupportType) -> list[tuple[str, str, str]]:
    return [(str(one.version), one.status.value, str(one.end)) for one in course(name, DAY, end, support)]


def test_with_extended_support_a_cluster_stays_and_is_upgraded_at_its_end() -> None:
    assert told("1.31", date(2027, 4, 1), SupportType.EXTENDED) == [
        ("1.31", "EXTENDED_SUPPORT", "2026-11-26"),
        ("1.32", "EXTENDED_SUPPORT", "2027-03-23"),
        ("1.33", "EXTENDED_SUPPORT", "2027-04-01"),
    ]


def test_with_standard_support_a_cluster_is_upgraded_at_the_end_of_standard_support() -> None:
    assert told("1.34", date(2027, 12, 1), SupportType.STANDARD) == [
        ("1.34", "STANDARD_SUPPORT", "2026-12-02"),
        ("1.35", "STANDARD_SUPPORT", "2027-03-27"),
        ("1.36", "STANDARD_SUPPORT", "2027-08-02"),
        ("None", "STANDARD_SUPPORT", "2027-12-01"),
    ]


def test_a_version_that_is_gone_cannot_be_run() -> None:
    with pytest.raises(ValueError, match=r"not supported 1\.28 since 2025-11-26"):
        course("1.28", DAY, date(2027, 1, 1), SupportType.EXTENDED)


def test_a_version_that_is_not_yet_there_cannot_be_run() -> None:
    with pytest.raises(ValueError, match=r"EKS has 1\.35 from 2026-01-28 on: no cluster runs it on 2025-12-31"):
        course("1.35", date(2025, 12, 31), date(2027, 1, 1), SupportType.EXTENDED)


def test_extended_support_costs_six_times_as_much() -> None:
    year = course("1.33", DAY, date(2027, 7, 29), SupportType.EXTENDED)
    assert fee(year, standard=0.1, extended=0.6) == pytest.approx(250 * 24 * 0.6)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([one for one in CALENDAR if one.status(DAY) is not Status.UNSUPPORTED]),
    st.integers(1, 900),
    st.sampled_from(SupportType),
)
def test_every_day_is_in_one_stay(one: object, days: int, support: SupportType) -> None:
    end = date.fromordinal(DAY.toordinal() + days)
    stays = course(str(one), DAY, end, support)
    assert sum(stay.hours for stay in stays) == days * 24
    assert [stay.start for stay in stays] == [DAY, *(stay.end for stay in stays[:-1])]
    if support is SupportType.STANDARD:
        assert all(stay.status is Status.STANDARD for stay in stays)
