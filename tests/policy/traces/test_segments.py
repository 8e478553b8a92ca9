"""Documents are those of the X-Ray developer guide, "X-Ray segment documents" and "Sending trace data to X-Ray"."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from drydock.policy.traces.segments import DEEPEST, LARGEST_DOCUMENT, Unprocessed, calls, compiled, read

TRACE = "1-581cf771-a006649127e371903a2de979"
MINIMAL = {
    "name": "example.com", "id": "70de5b6f19ff9a0a", "start_time": 1.478293361271e9, "trace_id": TRACE,
    "end_time": 1.478293361449e9,
}  # fmt: skip
IN_PROGRESS = {**{n: v for n, v in MINIMAL.items() if n != "end_time"}, "in_progress": True}
INDEPENDENT = {
    "name": "api.example.com", "id": "53995c3f42cd8ad8", "start_time": 1.478293361271e9, "end_time": 1.478293361449e9,
    "type": "subsegment", "trace_id": TRACE, "parent_id": "70de5b6f19ff9a0a", "namespace": "remote",
    "http": {"request": {"url": "https://api.example.com/health", "method": "POST", "traced": True},
             "response": {"status": 200, "content_length": 861}},
}  # fmt: skip


@pytest.mark.parametrize("document", [MINIMAL, IN_PROGRESS, INDEPENDENT])
def test_the_guides_documents_are_taken(document):
    assert read(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "ParseError"),
        ("[]", "ParseError"),
        (json.dumps({**MINIMAL, "start_time": float("nan")}), "ParseError"),
        (json.dumps({**MINIMAL, "annotations": {"a": "most"}}).replace('"most"', "1e999"), "ParseError"),
        (json.dumps({**MINIMAL, "metadata": {"text": "x" * LARGEST_DOCUMENT}}), "DocumentTooLarge"),
    ],
)
def test_what_is_no_document_is_refused_without_an_id(text, code):
    with pytest.raises(Unprocessed) as caught:
        read(text)
    assert (caught.value.code, caught.value.segment) == (code, "")
    assert str(caught.value) == f"Invalid segment. ErrorCode: {code}"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"trace_id": "581cf771a006649127e371903a2de979"}, "InvalidTraceId"),
        ({"id": "70de5b6f19ff9a0"}, "InvalidId"),
        ({"name": "a?b"}, "InvalidName"),
        ({"name": "x" * 201}, "InvalidName"),
        ({"start_time": "now"}, "InvalidStartTime"),
        ({"start_time": 10**400}, "InvalidStartTime"),
        ({"annotations": {"a": 10**400}}, "InvalidAnnotations"),
        ({"end_time": 1.478293361449e12}, "InvalidEndTime"),  # milliseconds
        ({"end_time": None}, "MissingEndTime"),
        ({"type": "subsegment"}, "MissingParentId"),
        ({"fault": "yes"}, "InvalidFault"),
        ({"annotations": {"list": []}}, "InvalidAnnotations"),
        ({"http": {"response": 200}}, "InvalidHttp"),
        ({"http": {"response": {"status": [200]}}}, "InvalidHttp"),
        ({"http": {"request": {"url": 5}}}, "InvalidHttp"),
        ({"subsegments": [{"id": "53995c3f42cd8ad8", "start_time": 1, "end_time": 2}]}, "MissingName"),
    ],
)
def test_a_wrong_field_is_named(change, code):
    with pytest.raises(Unprocessed) as caught:
        read(json.dumps({**MINIMAL, **change}))
    assert caught.value.code == code


def test_a_complete_segment_takes_the_place_of_one_in_progress_whichever_comes_first():
    for documents in ([IN_PROGRESS, MINIMAL], [MINIMAL, IN_PROGRESS]):
        assert compiled(documents) == [MINIMAL]


def test_an_independent_subsegment_is_put_into_its_segment():
    segment, inferred = compiled([INDEPENDENT, MINIMAL])
    assert [each["name"] for each in segment["subsegments"]] == ["api.example.com"]
    assert not {"type", "trace_id", "parent_id"} & segment["subsegments"][0].keys()
    assert inferred["parent_id"] == INDEPENDENT["id"]


def test_a_call_that_nobody_has_answered_is_inferred_with_what_the_caller_saw():
    """The guide's inferred segment for names.example.com."""
    call = {
        "id": "004f72be19cddc2a", "start_time": 1484786387.131, "end_time": 1484786387.501,
        "name": "names.example.com", "namespace": "remote",
        "http": {"request": {"method": "GET", "url": "https://names.example.com/"},
                 "response": {"content_length": -1, "status": 200}},
    }  # fmt: skip
    _, inferred = compiled([{**MINIMAL, "subsegments": [call]}])
    assert {name: inferred[name] for name in inferred if name not in ("id", "trace_id")} == {
        **{name: call[name] for name in ("name", "start_time", "end_time", "http")},
        "parent_id": "004f72be19cddc2a",
        "inferred": True,
    }


def test_a_table_is_inferred_by_its_name():
    """The subsegment of a call to DynamoDB of the guide, within one of the application's own."""
    call = {"id": "0f910026178b71eb", "start_time": 1484789387.502, "end_time": 1484789387.534, "name": "DynamoDB",
            "namespace": "aws", "aws": {"table_name": "scorekeep-user", "operation": "UpdateItem"}}  # fmt: skip
    own = {**call, "id": "0e58d2918e9038e8", "name": "## UserModel.saveUser", "subsegments": [call]}
    del own["namespace"], own["aws"]
    _, inferred = compiled([{**MINIMAL, "subsegments": [own]}])
    assert (inferred["name"], inferred["origin"]) == ("scorekeep-user", "AWS::DynamoDB::Table")


def test_a_call_that_was_answered_is_not_inferred():
    answered = {**MINIMAL, "id": "1fb07842d944e714", "parent_id": INDEPENDENT["id"]}
    assert not any(segment.get("inferred") for segment in compiled([MINIMAL, INDEPENDENT, answered]))


def test_subsegments_that_are_each_others_parent_are_shown():
    one = {**INDEPENDENT, "parent_id": "1fb07842d944e714"}
    two = {**INDEPENDENT, "id": "1fb07842d944e714", "parent_id": INDEPENDENT["id"]}
    assert {segment["id"] for segment in compiled([one, two])} >= {INDEPENDENT["id"]}


def test_subsegments_that_lie_too_deep_are_shown_by_themselves():
    ids = [f"{number:016x}" for number in range(3001)]
    sent = [{**INDEPENDENT, "id": id, "parent_id": parent, "namespace": ""} for parent, id in pairwise(ids)]
    found = compiled(sent)
    shown = [each["id"] for segment in found for each in {id(e): e for e in (segment, *calls(segment))}.values()]
    assert sorted(shown) == ids[1:] and len(found) == 3000 / DEEPEST
    json.dumps(found)


def test_a_table_without_a_text_for_its_name_has_a_name():
    call = {**INDEPENDENT, "name": "DynamoDB", "namespace": "aws", "aws": {"table_name": ["pets"]}}
    assert compiled([call])[-1]["name"] == "['pets']"
