"""Who has approved what, for how long: signatures that count, and every reason why one does not."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from drydock.runbooks import approvals
from drydock.runbooks.approvals import Approval, Approvers, BadApproval
from drydock.runbooks.model import Plan

from .test_model import PLAN

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
OTHER = replace(PLAN, parameters={**PLAN.parameters, "desired_count": 6})


class People:
    """alice, bob and carol with a key each; carol is not among the approvers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public = {name: approvals.make_key(name, folder / name)[1] for name in ("alice", "bob", "carol")}

    def allowed(self, quorum: int = 1) -> Approvers:
        return Approvers(approvers={name: self.public[name] for name in ("alice", "bob")}, quorum=quorum)

    def sign(self, by: str, plan: Plan = PLAN, *, key: str = "", hours: float = 24, at: datetime = NOW) -> Approval:
        return approvals.sign(plan, by, self.folder / (key or by), hours=hours, now=at)


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def checked(allowed: Approvers, *given: Approval, plan: Plan = PLAN, now: datetime | None = NOW) -> None:
    approvals.check({f"{number}.approval": one for number, one in enumerate(given, 1)}, plan, allowed, now=now)


def test_as_many_as_have_to_approve_do(people: People) -> None:
    checked(people.allowed(), people.sign("bob"))
    checked(people.allowed(2), people.sign("bob"), people.sign("alice"))


def test_what_was_written_is_read_as_it_was_signed(people: People, tmp_path: Path) -> None:
    path = tmp_path / "a.approval"
    path.write_text(people.sign("alice").as_json())
    read = approvals.read([path])
    checked(people.allowed(), read[str(path)])


def test_an_approval_that_ended_does_not_count_but_for_a_run_that_goes_on(people: People) -> None:
    late = people.sign("alice", hours=2, at=NOW - timedelta(hours=2))
    with pytest.raises(BadApproval, match=r"what alice approved ended at 2026-11-27T03:00:00\+00:00"):
        checked(people.allowed(), late)
    checked(people.allowed(), late, now=None)
    checked(people.allowed(), late, now=NOW - timedelta(seconds=1))


def test_an_approval_of_tomorrow_does_not_count_today(people: People) -> None:
    with pytest.raises(BadApproval, match="one of the clocks is wrong"):
        checked(people.allowed(), people.sign("alice", at=NOW + timedelta(minutes=2)))
    checked(people.allowed(), people.sign("alice", at=NOW + timedelta(seconds=30)))


def test_nobody_else_may_approve(people: People) -> None:
    with pytest.raises(BadApproval, match="carol is not among those who may approve: alice, bob"):
        checked(people.allowed(), people.sign("carol"))


def test_nobody_signs_for_another(people: People) -> None:
    with pytest.raises(BadApproval, match="is not signed with the key of alice"):
        checked(people.allowed(), people.sign("alice", key="carol"))


def test_one_person_counts_once(people: People) -> None:
    with pytest.raises(BadApproval, match="alice has approved already, and counts once"):
        checked(people.allowed(2), people.sign("alice"), people.sign("alice", hours=1))


def test_too_few_do_not_do(people: People) -> None:
    with pytest.raises(BadApproval, match=r"2 have to approve this plan, and alice did\. Who may as well: bob"):
        checked(people.allowed(2), people.sign("alice"))
    with pytest.raises(BadApproval, match="1 have to approve this plan, and nobody did"):
        checked(people.allowed())


def test_an_approval_is_of_one_plan(people: People) -> None:
    with pytest.raises(BadApproval, match=f"approves {OTHER.hash}, and this plan is {PLAN.hash}"):
        checked(people.allowed(), people.sign("alice", OTHER))


def test_the_whole_hash_counts_not_only_what_of_it_is_shown(people: People) -> None:
    path = people.folder / "alice"
    forged = replace(people.sign("alice", OTHER), plan=PLAN.hash, signature="")
    signature = approvals._private(path).sign(forged.signed)
    forged = replace(forged, signature=base64.b64encode(signature).decode())
    with pytest.raises(BadApproval, match="and this plan is"):
        checked(people.allowed(), forged)


@pytest.mark.parametrize(
    "edit",
    [
        {"until": "2099-01-01T00:00:00+00:00"},
        {"at": "2026-11-26T00:00:00+00:00"},
        {"by": "bob"},
        {"plan": OTHER.hash},
        {"sha256": OTHER.digest},
        {"signature": "AAAA"},
        {"signature": "not base64"},
        {"signature": ""},
    ],
    ids=lambda edit: f"{next(iter(edit))}-{next(iter(edit.values()))[:6]}",
)
def test_an_approval_that_was_edited_does_not_count(people: People, edit: Mapping[str, str]) -> None:
    with pytest.raises(BadApproval, match=r"is not signed with the key of (alice|bob), or was edited since"):
        checked(people.allowed(), replace(people.sign("alice"), **edit))


@pytest.mark.parametrize("text", ["", "[]", '{"plan": "x"}', "not JSON"])
def test_what_is_no_approval_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.approval").write_text(text)
    with pytest.raises(BadApproval, match=r"a\.approval is not an approval"):
        approvals.read([tmp_path / "a.approval"])
    with pytest.raises(BadApproval, match=r"b\.approval: No such file"):
        approvals.read([tmp_path / "b.approval"])


ALICE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChAmOJzsMMRsWEoO9tJKZqcOcBRLEwzwwWGbNpdC"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"approvers": {}}, "approvers: Dictionary should have at least 1 item"),
        ({"approvers": {"alice": ALICE}, "quorum": 0}, "quorum: Input should be greater than or equal to 1"),
        ({"approvers": {"alice": ALICE}, "quorum": "1"}, "quorum: Input should be a valid integer"),
        ({"approvers": {"alice": ALICE}, "quorum": 2}, "2 have to approve, and there are 1 who may"),
        ({"approvers": {"alice": ALICE, "alice2": f"{ALICE} another comment"}}, "two names have the same key"),
        ({"approvers": {"alice": "ssh-ed25519 AAAA"}}, "who may approve"),
        ({"approvers": {"alice": "ssh-rsa"}}, "who may approve"),
        ({"approvers": {"alice": ALICE}, "qourum": 2}, "qourum: Extra inputs are not permitted"),
        ({"quorum": 1}, "approvers: Field required"),
    ],
    ids=str,
)
def test_a_file_of_approvers_that_does_not_say_it_right_lets_nobody_approve(
    tmp_path: Path, value: Any, says: str
) -> None:
    path = tmp_path / "approvers.json"
    path.write_text(json.dumps(value))
    with pytest.raises(BadApproval, match=re.escape(says)) as told:
        approvals.approvers(path)
    assert str(path) in str(told.value)


def test_a_name_that_is_in_the_file_twice_is_said(tmp_path: Path, people: People) -> None:
    path = tmp_path / "approvers.json"
    path.write_text(f'{{"approvers": {{"a": "{people.public["alice"]}", "a": "{people.public["bob"]}"}}}}')
    with pytest.raises(BadApproval, match="a is in it twice"):
        approvals.approvers(path)


def test_a_key_of_another_kind_is_said(tmp_path: Path) -> None:
    made = generate_private_key(SECP256R1())
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    with pytest.raises(BadApproval, match="is not an ed25519 key"):
        approvals.sign(PLAN, "alice", tmp_path / "key", hours=1)
    public = made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    (tmp_path / "approvers.json").write_text(json.dumps({"approvers": {"alice": public}}))
    with pytest.raises(BadApproval, match="is no key of the kind ssh-ed25519"):
        approvals.approvers(tmp_path / "approvers.json")


def test_who_may_approve_is_not_for_everybody_to_write(tmp_path: Path, people: People) -> None:
    path = tmp_path / "approvers.json"
    path.write_text(json.dumps({"approvers": {"alice": people.public["alice"]}}))
    assert approvals.approvers(path).quorum == 1
    path.chmod(0o666)
    with pytest.raises(BadApproval, match="can be written by anybody"):
        approvals.approvers(path)


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert approvals.approvers_file(tmp_path) is None
    monkeypatch.setenv("DRYDOCK_APPROVERS", str(tmp_path / "nowhere.json"))
    path = approvals.approvers_file(tmp_path)
    assert path is not None
    with pytest.raises(BadApproval, match=r"nowhere\.json, which says who may approve, cannot be read"):
        approvals.approvers(path)


def test_a_key_is_for_its_owner_and_is_never_written_over(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path, public = approvals.make_key("alice", tmp_path / "key")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public.startswith("ssh-ed25519 AAAA")
    with pytest.raises(BadApproval, match="A key is never written over another file"):
        approvals.make_key("alice", tmp_path / "key")
    path.chmod(0o640)
    with pytest.raises(BadApproval, match="others can read or write this key"):
        approvals.sign(PLAN, "alice", path, hours=1)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".ssh", "a b"])
def test_a_name_that_is_no_file_makes_no_key(name: str) -> None:
    with pytest.raises(BadApproval, match="is no name"):
        approvals.make_key(name)


def test_a_link_to_a_file_that_is_not_there_lifts_no_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(approvals.APPROVERS, raising=False)
    (tmp_path / "approvers.json").symlink_to(tmp_path / "not-mounted" / "approvers.json")
    found = approvals.approvers_file(tmp_path)
    assert found is not None
    with pytest.raises(BadApproval, match="cannot be read"):
        approvals.approvers(found)


@pytest.mark.parametrize("hours", [float("inf"), float("nan"), 1e10, 1e308])
def test_an_approval_ends_on_a_day_that_there_is(people: People, hours: float) -> None:
    with pytest.raises(BadApproval, match="no date"):
        people.sign("alice", hours=hours)
