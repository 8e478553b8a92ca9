"""Reading Dockerfiles. Expected values: github.com/moby/buildkit, frontend/dockerfile (parser, shell, instructions)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drydock.images.dockerfile import Dockerfile, Variables, duration, healthcheck, is_signal, ports
from drydock.images.errors import DockerfileError


def read(text: str) -> Dockerfile:
    return Dockerfile.parse(text)


def last(line: str) -> tuple[str, ...]:
    return read(f"FROM scratch\n{line}").stages[0].instructions[-1].args


def test_stages_arguments_and_lines() -> None:
    dockerfile = read(
        "# syntax=docker/dockerfile:1.7\n"
        "ARG TAG=1\n"
        "FROM --platform=$BUILDPLATFORM golang:${TAG} as Builder\n"
        "run echo hello  \\\n"
        "# a comment in between\n"
        "\n"
        "  world\n"
        "FROM scratch\n"
        "COPY --from=builder --chown=1:2 /a /b\n"
    )
    builder, final = dockerfile.stages
    assert (builder.name, builder.base, builder.platform, builder.line) == (
        "builder", "golang:${TAG}", "$BUILDPLATFORM", 3
    )  # fmt: skip
    assert builder.instructions[0].args == ("echo hello    world",)
    assert (builder.instructions[0].line, builder.instructions[0].last_line) == (4, 7)
    assert (final.title, final.instructions[0].flags) == ("stage-1", {"from": "builder", "chown": "1:2"})
    assert dockerfile.args[0].args == ("TAG=1",)


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("ENV name value with spaces", ("name", "value with spaces")),
        ("ENV name=value name2=value2", ("name", "value", "name2", "value2")),
        ("ENV name=value\\ value2", ("name", "value\\ value2")),
        ("ENV name=\"value'quote space'value2\"", ("name", "\"value'quote space'value2\"")),
        ('CMD ["a", "b c"]', ("a", "b c")),
        ("CMD ['a', 'b']", ("['a', 'b']",)),
        ('CMD ["a" b]', ('["a" b]',)),
        ("CMD []", ()),
        ('COPY ["my file", "/x y/"]', ("my file", "/x y/")),
        ("VOLUME /a /b", ("/a", "/b")),
        ("EXPOSE 80 443/udp", ("80", "443/udp")),
        ("RUN echo 1 \\\n  && echo 2", ("echo 1   && echo 2",)),
    ],
)
def test_arguments(line: str, args: tuple[str, ...]) -> None:
    assert last(line) == args


def test_escape_directive_changes_continuation() -> None:
    dockerfile = read("# escape=`\nFROM scratch\nENV GOPATH `\n\\go")
    assert dockerfile.stages[0].instructions[0].args == ("GOPATH", "\\go")


ENVIRONMENT = {"PWD": "/home", "SHELL": "bash", "KOREAN": "한국어", "NULL": ""}


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("he\\'llo", "he'llo"), ("abc\\tdef", "abctdef"),
        ('"abc\\tdef"', "abc\\tdef"), ("'hello\\there'", "hello\\there"),
        ("he$PWD", "he/home"), ("he\\$PWD", "he$PWD"), ("'he$PWD'", "he$PWD"), ("he$pwd.", "he."),
        ("he${XXX:-000}xx", "he000xx"), ("he${XXX:-${PWD:-yyy}}xx", "he/homexx"), ("he${PWD:+000}xx", "he000xx"),
        ("he${XXX:+000}xx", "hexx"), ("he${NULL?}", "he"), ("he${NULL:-x}", "hex"), ("he${NULL-x}", "he"),
        ("he${PWD:+${PWD}:}xx", "he/home:xx"), ("he${XXX:-\\$PWD:}xx", "he$PWD:xx"), ("안녕$KOREAN", "안녕한국어"),
        ("${PWD#/h}", "ome"), ("${PWD%me}", "/ho"), ("${PWD/home/x}", "/x"),
    ],
)  # fmt: skip
def test_variables(word: str, result: str) -> None:
    assert Variables(ENVIRONMENT).expand(word, "\\") == result


@pytest.mark.parametrize("word", ["he${}", "he${PWD", "he${XXX:YYY}", "he${XXX?}", "he${NULL:?}", '"hello', "he'llo"])
def test_words_that_are_wrong(word: str) -> None:
    with pytest.raises(ValueError):
        Variables(ENVIRONMENT).expand(word, "\\")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "there is no FROM"),
        ("# only a comment\n", 1, "there is no FROM"),
        ("RUN true\nFROM scratch", 1, "RUN comes before any FROM"),
        ("FROM scratch\nCOPPY a b", 2, "did you mean COPY?"),
        ("FROM scratch\n\nCOPY onlyone", 3, "COPY needs a source and a destination"),
        ("FROM scratch\nCOPY --form=x a b", 2, "did you mean --from?"),
        ("FROM scratch\nCOPY --chown a b", 2, "--chown has no value"),
        ("FROM scratch\nCOPY --parents a b", 2, "--parents is not known"),
        ('FROM scratch\nCOPY "my file" /x/', 2, "JSON form"),
        ("FROM scratch\nRUN <<EOF\ntrue\nEOF\n", 2, "is a heredoc"),
        ("FROM scratch\nCOPY <<a.txt /a.txt\nhello\na.txt\n", 2, "is a heredoc"),
        ("FROM scratch\nONBUILD RUN true", 2, "ONBUILD"),
        ("FROM scratch AS 1st", 1, "can't name a stage"),
        ("FROM a b", 1, "write FROM <image>"),
        ("FROM scratch\nENV name", 2, "ENV must have two arguments"),
        ("FROM scratch\nENV a=1 b", 2, "Syntax error - can't find ="),
        ("FROM scratch\nENV =x", 2, "without a name"),
        ("FROM scratch\nSHELL /bin/bash -c", 2, "JSON form"),
        ("FROM scratch\nHEALTHCHECK CMD", 2, "has no command"),
        ("FROM scratch\nHEALTHCHECK PING x", 2, "is unknown"),
        ("FROM scratch\nHEALTHCHECK NONE x", 2, "nothing else"),
        ("FROM scratch\nHEALTHCHECK --interval=5 CMD x", 2, "a time with its unit"),
        ("FROM scratch\nHEALTHCHECK --timeout=50ns CMD x", 2, "under 1ms"),
        ("FROM scratch\nWORKDIR", 2, "WORKDIR takes one argument"),
        ("FROM scratch\nEXPOSE", 2, "EXPOSE needs an argument"),
        ("# escape=x\nFROM scratch", 1, "invalid escape token"),
        ("# syntax=acme/cobolfile\nFROM scratch", 1, "another language"),
    ],
)
def test_errors_say_where_and_what_to_do(text: str, line: int, says: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        Dockerfile.parse(text, "web.Dockerfile")
    assert str(caught.value).startswith(f"web.Dockerfile:{line}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("line", "health"),
    [
        ("HEALTHCHECK NONE", {"Test": ["NONE"]}),
        ("HEALTHCHECK CMD   a b", {"Test": ["CMD-SHELL", "a b"]}),
        (
            'HEALTHCHECK --interval=90s --timeout=500ms --start-period=0s --start-interval=2s --retries=3 CMD ["f"]',
            {"Test": ["CMD", "f"], "Interval": 90 * 10**9, "Timeout": 5 * 10**8, "StartInterval": 2 * 10**9,
             "Retries": 3},
        ),
    ],
)  # fmt: skip
def test_healthcheck(line: str, health: dict[str, object]) -> None:
    assert healthcheck(read(f"FROM scratch\n{line}").stages[0].instructions[0], "Dockerfile") == health


def test_ports() -> None:
    assert ports(["80", "53/UDP", "1234-1236/tcp", "0.0.0.0:1234-1235:3333-3334/tcp", "[::1]:80:81"]) == [
        "80/tcp", "53/udp", "1234/tcp", "1235/tcp", "1236/tcp", "3333/tcp", "3334/tcp", "81/tcp"
    ]  # fmt: skip
    for wrong in ("", "http", "80/icmp", "65536", "90-80", "-1"):
        with pytest.raises(ValueError):
            ports([wrong])


def test_durations_and_signals() -> None:
    assert [duration(text) for text in ("0", "1ms", "1m30s", "1.5h")] == [0, 10**6, 90 * 10**9, 5400 * 10**9]
    assert all(is_signal(text) for text in ("SIGTERM", "term", "9", "SIGRTMIN+3"))
    assert not any(is_signal(text) for text in ("SIGNOPE", "0", "65", ""))


def test_target_by_name_and_a_hint_for_a_wrong_one() -> None:
    dockerfile = read("FROM scratch AS builder\nFROM scratch AS Web\n")
    assert dockerfile.target("WEB").index == 1
    with pytest.raises(DockerfileError, match="did you mean 'builder'"):
        dockerfile.target("bulider")


LINES = st.lists(
    st.one_of(
        st.text("FROM scatchRUNEVY=\"'$\\{}[],:-<# \t`", max_size=20),
        st.builds(
            lambda name, rest: f"{name} {rest}",
            st.sampled_from(
                [
                    "ADD",
                    "ARG",
                    "CMD",
                    "COPY",
                    "ENTRYPOINT",
                    "ENV",
                    "EXPOSE",
                    "FROM",
                    "HEALTHCHECK",
                    "LABEL",
                    "RUN",
                    "SHELL",
                    "USER",
                ]
            ),
            st.text("ab$\\\"'{}[],:=-<>/ \t", max_size=20),
        ),
    ),
    max_size=6,
)


@given(LINES)
@example(["FROM scratch", "HEALTHCHECK --interval= CMD"])
@example(["#escape=", "FROM x"])
def test_any_text_is_read_or_refused_with_a_line(lines: list[str]) -> None:
    try:
        dockerfile = Dockerfile.parse("\n".join(lines))
    except DockerfileError as error:
        assert 1 <= error.line <= max(1, len(lines))
    else:
        assert all(1 <= i.line <= i.last_line <= len(lines) for s in dockerfile.stages for i in s.instructions)
