"""Filter patterns, held against the examples of the CloudWatch Logs user guide."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.embedded.services.logs.pattern import InvalidPattern, parse

ERRORS = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
]
OTHERS = ["[INFO] REQUEST FAILED", "[WARN] UNAUTHORIZED REQUEST", "[ERROR 500] INTERNAL SERVER ERROR"]


def numbers(pattern: str, messages: list[str]) -> list[int]:
    parsed = parse(pattern)
    return [number for number, message in enumerate(messages) if parsed.matches(message)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("ERROR", [0, 1, 2, 3, 6]),
        ("error", []),
        ("ERROR ARGUMENTS", [2, 3]),
        ("?ERROR ?ARGUMENTS", [0, 1, 2, 3, 6]),
        ("?INFO ?WARN", [4, 5]),
        ("?ERROR ?ARGUMENTS REQUEST", [0, 1, 4, 5]),
        ("?ERROR -ERROR", [4, 5]),
        ('"INTERNAL SERVER ERROR"', [6]),
        ('"SERVER INTERNAL"', []),
        ("ERROR -ARGUMENTS", [0, 1, 6]),
        ('ERROR -"BAD REQUEST"', [1, 2, 3, 6]),
        ("-ERROR", [4, 5]),
        ('" "', [0, 1, 2, 3, 4, 5, 6]),
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("%AUTHORIZED%", [1, 5]),
    ],
)
def test_terms(pattern: str, expected: list[int]) -> None:
    assert numbers(pattern, ERRORS + OTHERS) == expected


def test_a_term_matches_inside_a_word() -> None:
    assert parse("Exception").matches("[ERROR] Unhandled: InvalidQueryException")


@pytest.mark.parametrize(
    ("regex", "matching", "others"),
    [
        ("^[hc]at", ["hat", "cat", "hats"], ["a hat", "bat"]),
        ("[hc]at$", ["hat", "a cat"], ["cats", "cat\n"]),
        ("colou?r", ["color", "colour"], ["colouur"]),
        ("[abcx-z]", ["b", "y"], ["d"]),
        ("^a{3,5}$", ["aaa", "aaaaa"], ["aa", "aaaaaa"]),
        ("^a{3, 5}$", ["aaaa"], ["aa"]),
        ("gray|grey", ["gray", "grey"], ["gry"]),
        (
            "^starting|^initializing|^shutting down",
            ["starting ...", "shutting down"],
            ["skipping initializing ..."],
        ),
        (r"\[.\]", ["[a]", "[]]", "[ ]"], ["[ab]", "a"]),
        (r"10\.10\.0\.1", ["10.10.0.1"], ["10010,051"]),
        ("10.10.0.1", ["10010,051"], ["10.10.0"]),
        ("ab*c", ["ac", "abc", "abbbc"], ["abb"]),
        ("ab+c", ["abc", "abbbc"], ["ac"]),
        (".at", ["hat", "#at", " at"], ["at"]),
        (r"^\d\s\w$", ["1 _"], ["a b"]),
        (r"^\D\S\W$", ["ab-"], ["1b-"]),
        (r"\x3A", [":"], ["A"]),
        (r"\x28", ["("], [")"]),
        ("[^a-z]", ["A"], ["a"]),
        ("[]x]", ["]"], ["y"]),
        (r"[\[x]", ["["], ["y"]),
    ],
)
def test_regular_expressions(regex: str, matching: list[str], others: list[str]) -> None:
    pattern = parse(f"%{regex}%")
    assert [message for message in matching if not pattern.matches(message)] == []
    assert [message for message in others if pattern.matches(message)] == []


EVENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "cluster.name": "c",
        "count": 400,
        "text": "400",
        "ratio": 1.5,
        "on": True,
        "off": False,
    }
)
COMPOUND = json.dumps(
    {
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
    }
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ('{$.eventType="Update*"}', True),
        ('{ $.eventType = "Trail" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress != 111.111.* }", False),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[1] = "value" }', False),
        ('{ $.arrayKey[9] = "value" }', False),
        ("{ $.eventType = %Trail% }", True),
        ("{ $.arrayKey[*] = %val.{2}% }", True),
        (r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", True),
        ("{ $.objectList[*].id = 2 }", True),
        ("{ $.objectList[*].id = 3 }", False),
        ("{ $.['cluster.name'] = \"c\" }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.on IS TRUE }", True),
        ("{ $.off IS FALSE }", True),
        ("{ $.off IS TRUE }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.count > 75 }", True),
        ("{ $.count < 400 }", False),
        ("{ $.count <= 400 }", True),
        ("{ $.count >= 401 }", False),
        ("{ $.count = 4e+2 }", True),
        ("{ $.count != 4e2 }", False),
        ("{ $.count = 4* }", True),
        ('{ $.count = "400" }', True),
        ("{ $.text > 75 }", False),
        ("{ $.ratio > 1.4 }", True),
        ("{ $.ratio > -1 }", True),
        ("{ $.objectList = * }", False),
        ("{ $.missing != 1 }", False),
        ("{ $.on = true }", False),
    ],
)
def test_json(pattern: str, expected: bool) -> None:
    assert parse(pattern).matches(EVENT) is expected
    assert not parse(pattern).matches("eventType=UpdateTrail")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" '
            '&& $.actions[2] = "nonmatch" }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") '
            '&& $.actions[2] = "nonmatch" }',
            False,
        ),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        ("{ $.coordinates[1][2] = 6 }", True),
    ],
)
def test_compound_json(pattern: str, expected: bool) -> None:
    assert parse(pattern).matches(COMPOUND) is expected


REQUEST = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
LINES = [
    "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200",
    "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310",
    "WARNING 09/25/2014 12:00:02 Invalid user request",
    "ERROR 09/25/2014 12:00:02 Failed to process request",
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (
            r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]",
            True,
        ),
        ("[..., request =*.html*, status_code = 4*, bytes]", True),
        ("[..., request =*.htm, status_code = 4*, bytes]", False),
        (
            "[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]",
            True,
        ),
        ("[ip, user, username, timestamp, request, status_code >= 500, bytes]", False),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1000 && bytes <= 1534]", True),
        ('[ip, user, username, timestamp, request = "GET /index.html HTTP/1.0", status_code, bytes]', True),
        ("[ip, ..., bytes = 1534]", True),
        ("[a, b, c, d, e, f, g, h]", False),
    ],
)
def test_space_delimited(pattern: str, expected: bool) -> None:
    assert parse(pattern).matches(REQUEST) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[w1=ERROR, w2]", [3]),
        ("[w1=ERROR || w1=WARNING, w2]", [2, 3]),
        ("[w1!=ERROR && w1!=WARNING, w2]", [0, 1]),
        ("[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]", [0]),
        (
            "[logLevel, date, time, method, url=%/service/resource/[0-9]+/part/[0-9]+$%, response_time]",
            [1],
        ),
        ("[w1=ERROR, ...]", [3]),
        ("[w1=ERROR]", []),
    ],
)
def test_words_in_order(pattern: str, expected: list[int]) -> None:
    assert numbers(pattern, LINES) == expected


def test_what_is_extracted_has_the_names_of_the_pattern() -> None:
    fields = parse("[ip, user, username, timestamp, request, status_code, bytes]").match(REQUEST)
    assert fields == {
        "$ip": "127.0.0.1",
        "$user": "Prod",
        "$username": "frank",
        "$timestamp": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0",
        "$status_code": "404",
        "$bytes": "1534",
    }
    last = parse("[..., bytes]").match(REQUEST)
    assert last is not None
    assert (last["$1"], last["$6"], last["$bytes"]) == ("127.0.0.1", "404", "1534")
    assert parse("{ $.user.id = 1 && $.actions[0] = GET }").match(COMPOUND) == {
        "$.user.id": "1",
        "$.actions[0]": "GET",
    }
    assert parse("ERROR").match("ERROR") == {}


@pytest.mark.parametrize(
    "pattern",
    [
        '"unclosed',
        "hello-world",
        "%something!%",
        "%(ab)+%",
        "%café%",
        "%unclosed",
        "%%",
        "%[abc%",
        "%a{3%",
        r"%\p%",
        "%*a%",
        "{ $.v EXISTS }",
        "{ $.v IS NOT NULL }",
        "{ $.v == 1 }",
        "{ !($.v = 1) }",
        "{ $.v > 0 AND $.v < 2 }",
        '{ "v": [1] }',
        '{ $.v > "Alpha" }',
        "{ $.v > Alpha }",
        "{ $.v = %(Alpha|Beta)% }",
        "{ $.items[*].* = 1 }",
        '{ $..value = "hit" }',
        '{ $.arr[-1] = "hit" }',
        "{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.d[*] = 1 }",
        "{ $.v = %A% || $.v = %B% || $.v = %C% }",
        "{ $.v = 1",
        "{ ($.v = 1 }",
        "{ $.v }",
        "{}",
        "[..., status, ...]",
        "[a=%x%, b=%y%, c=%z%]",
        "[a, b",
        "[a = 1 || b = 2]",
        "[a > x]",
        "{" + "(" * 900 + "$.v = 1" + ")" * 100 + "}",
        "x" * 1025,
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        parse(pattern)


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    "{",
                    "}",
                    "$.a",
                    "$.b[*]",
                    "=",
                    "!=",
                    ">",
                    "&&",
                    "||",
                    "(",
                    ")",
                    '"x*"',
                    "%a.%",
                    "1",
                    " ",
                    "[",
                    "]",
                    "...",
                    ",",
                    "w1",
                    "NOT EXISTS",
                    "IS NULL",
                    "?A",
                    "-B",
                    "%",
                    '"',
                ]
            ),
            max_size=14,
        ).map("".join),
    ),
    st.sampled_from([EVENT, REQUEST, "", "x", "[", '{"a":', "null", '{"a":1,"b":[1]}']),
)
def test_any_text_is_a_pattern_or_refused(pattern: str, message: str) -> None:
    try:
        parsed = parse(pattern)
    except InvalidPattern:
        return
    assert isinstance(parsed.matches(message), bool)
