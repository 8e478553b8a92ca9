"""Quantities: kubernetes/apimachinery, pkg/api/resource/quantity_test.go."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.kubernetes.quantities import BINARY, DECIMAL, EXPONENT, Quantity, parse

Ki, Mi, Gi, Ti, Pi, Ei = (2**bits for bits in (10, 20, 30, 40, 50, 60))
MOST = 2**63 - 1


def dec(number: float, exponent: int) -> Fraction:
    return Fraction(number) * Fraction(10) ** exponent


PARSED: dict[str, tuple[Fraction, str]] = {
    **{f"0{suffix}": (dec(0, 0), BINARY if suffix.endswith("i") else DECIMAL)
       for suffix in ("", "n", "u", "m", "Ki", "k", "Mi", "M", "Gi", "G", "Ti", "T")},
    "1": (dec(1, 0), DECIMAL),
    "1Ki": (dec(Ki, 0), BINARY), "8Ki": (dec(8 * Ki, 0), BINARY), "7Mi": (dec(7 * Mi, 0), BINARY),
    "6Gi": (dec(6 * Gi, 0), BINARY), "5Ti": (dec(5 * Ti, 0), BINARY), "4Pi": (dec(4 * Pi, 0), BINARY),
    "3Ei": (dec(3 * Ei, 0), BINARY), "10Ti": (dec(10 * Ti, 0), BINARY), "100Ti": (dec(100 * Ti, 0), BINARY),
    "5n": (dec(5, -9), DECIMAL), "4u": (dec(4, -6), DECIMAL), "3m": (dec(3, -3), DECIMAL), "9": (dec(9, 0), DECIMAL),
    "8k": (dec(8, 3), DECIMAL), "50k": (dec(5, 4), DECIMAL), "7M": (dec(7, 6), DECIMAL), "6G": (dec(6, 9), DECIMAL),
    "5T": (dec(5, 12), DECIMAL), "40T": (dec(4, 13), DECIMAL), "300T": (dec(3, 14), DECIMAL),
    "2P": (dec(2, 15), DECIMAL), "1E": (dec(1, 18), DECIMAL),
    "1E-3": (dec(1, -3), EXPONENT), "1e3": (dec(1, 3), EXPONENT), "1E6": (dec(1, 6), EXPONENT),
    "1e9": (dec(1, 9), EXPONENT), "1E12": (dec(1, 12), EXPONENT), "1e15": (dec(1, 15), EXPONENT),
    "1E18": (dec(1, 18), EXPONENT), "1e14": (dec(1, 14), EXPONENT), "1e13": (dec(1, 13), EXPONENT),
    "100.035k": (dec(100035, 0), DECIMAL),
    "0.001": (dec(1, -3), DECIMAL), "0.0005k": (dec(5, -1), DECIMAL), "0.005": (dec(5, -3), DECIMAL),
    "0.05": (dec(5, -2), DECIMAL), "0.5": (dec(5, -1), DECIMAL), "0.00050k": (dec(5, -1), DECIMAL),
    "0.00500": (dec(5, -3), DECIMAL), "0.05000": (dec(5, -2), DECIMAL), "0.50000": (dec(5, -1), DECIMAL),
    "0.5e0": (dec(5, -1), EXPONENT), "0.5e-1": (dec(5, -2), EXPONENT), "0.5e-2": (dec(5, -3), EXPONENT),
    "10.035M": (dec(10035, 3), DECIMAL),
    "1.2e3": (dec(12, 2), EXPONENT), "1.3E+6": (dec(13, 5), EXPONENT), "1.40e9": (dec(14, 8), EXPONENT),
    "1.53E12": (dec(153, 10), EXPONENT), "1.6e15": (dec(16, 14), EXPONENT), "1.7E18": (dec(17, 17), EXPONENT),
    "9.01": (dec(901, -2), DECIMAL), "8.1k": (dec(81, 2), DECIMAL), "7.123456M": (dec(7123456, 0), DECIMAL),
    "6.987654321G": (dec(6987654321, 0), DECIMAL), "5.444T": (dec(5444, 9), DECIMAL), "40.1T": (dec(401, 11), DECIMAL),
    "300.2T": (dec(3002, 11), DECIMAL), "2.5P": (dec(25, 14), DECIMAL), "1.01E": (dec(101, 16), DECIMAL),
    "3.001n": (dec(4, -9), DECIMAL), "1.1E-9": (dec(2, -9), EXPONENT), "0.0000000001": (dec(1, -9), DECIMAL),
    "0.0000000005": (dec(1, -9), DECIMAL), "0.00000000050": (dec(1, -9), DECIMAL), "0.5e-9": (dec(1, -9), EXPONENT),
    "0.9n": (dec(1, -9), DECIMAL), "0.00000012345": (dec(124, -9), DECIMAL), "0.00000012354": (dec(124, -9), DECIMAL),
    "9Ei": (dec(MOST, 0), BINARY), "9223372036854775807Ki": (dec(MOST, 0), BINARY), "12E": (dec(12, 18), DECIMAL),
    "100.035Ki": (dec(10243584, -2), BINARY), "0.5Mi": (dec(Mi // 2, 0), BINARY),
    "0.05Gi": (dec(536870912, -1), BINARY), "0.025Ti": (dec(274877906944, -1), BINARY),
    "0.000000000001Ki": (dec(2, -9), DECIMAL), ".001": (dec(1, -3), DECIMAL), ".0001k": (dec(100, -3), DECIMAL),
    "1.": (dec(1, 0), DECIMAL), "1.G": (dec(1, 9), DECIMAL),
}  # fmt: skip


@pytest.mark.parametrize("text", PARSED)
def test_quantity_parse(text: str) -> None:
    amount, shape = PARSED[text]
    for sign, factor in (("", 1), ("+", 1), ("-", -1)):
        found = parse(sign + text)
        assert (found.amount, found.format) == (factor * amount, shape)


@pytest.mark.parametrize(
    "text",
    ["", "1.1.M", "1+1.0M", "0.1mi", "0.1am", "aoeu", ".5i", "1i", "-3.01i", "-3.01e-", " 1", "1 ", "Non-Numeric", "-"],
)
def test_what_is_no_quantity_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse(text)


WRITTEN: list[tuple[Fraction, str, str, str]] = [
    (dec(Gi, 0), BINARY, "1Gi", "1024Mi"), (dec(300 * Mi, 0), BINARY, "300Mi", "307200Ki"),
    (dec(6 * Ki, 0), BINARY, "6Ki", ""), (dec(1001 * Gi, 0), BINARY, "1001Gi", "1025024Mi"),
    (dec(Ti, 0), BINARY, "1Ti", "1024Gi"), (dec(5, 0), BINARY, "5", "5000m"), (dec(500, -3), BINARY, "500m", "0.5"),
    (dec(1, 9), DECIMAL, "1G", "1000M"), (dec(1000, 6), DECIMAL, "1G", "0.001T"), (dec(1, -3), DECIMAL, "1m", "1000u"),
    (dec(80, -3), DECIMAL, "80m", ""), (dec(1080, -3), DECIMAL, "1080m", "1.08"),
    (dec(108, -2), DECIMAL, "1080m", "1080000000n"), (dec(300, 6), DECIMAL, "300M", ""),
    (dec(1, 12), DECIMAL, "1T", ""),
    (dec(1, 18), DECIMAL, "1E", ""), (dec(1, 21), DECIMAL, "1e21", "1000E"), (dec(5, 21), DECIMAL, "5e21", "5000E"),
    (dec(1, 24), DECIMAL, "1e24", "1000000E"), (dec(1234567, 6), DECIMAL, "1234567M", ""),
    (dec(1234567, -3), BINARY, "1234567m", ""), (dec(3, 3), DECIMAL, "3k", ""), (dec(1025, 0), BINARY, "1025", ""),
    (dec(0, 0), DECIMAL, "0", ""), (dec(0, 0), BINARY, "0", ""), (dec(1, 9), EXPONENT, "1e9", ".001e12"),
    (dec(1, -3), EXPONENT, "1e-3", "0.001e0"), (dec(1, -9), EXPONENT, "1e-9", "1000e-12"),
    (dec(80, -3), EXPONENT, "80e-3", ""), (dec(300, 6), EXPONENT, "300e6", ""), (dec(0, 0), EXPONENT, "0", "00"),
    (dec(1, -9), DECIMAL, "1n", ""), (dec(1080, -9), DECIMAL, "1080n", ""), (dec(1, -6), DECIMAL, "1u", ""),
    (dec(1080, -6), DECIMAL, "1080u", ""),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "shape", "text", "other"), WRITTEN)
def test_quantity_string(amount: Fraction, shape: str, text: str, other: str) -> None:
    assert str(Quantity(amount, shape)) == text
    assert not other or str(parse(other)) == text
    assert not amount or str(Quantity(-amount, shape)) == f"-{text}"


@pytest.mark.parametrize(
    ("text", "written"),
    [("1Ki", "1Ki"), ("1Mi", "1Mi"), ("1Gi", "1Gi"), ("1024Mi", "1Gi"), ("1000M", "1G"), (".001Ki", "1024m"),
     (".000001Ki", "1024u"), (".000000001Ki", "1024n"), (".000000000001Ki", "2n")],
)  # fmt: skip
def test_quantity_parse_emit(text: str, written: str) -> None:
    assert str(parse(text)) == written
    assert str(parse(f"-{text}")) == f"-{written}"


@pytest.mark.parametrize(
    ("one", "other", "order"), [("0", "0", 0), ("100m", "50m", 1), ("50m", "100m", -1), ("10000T", "100Gi", 1)]
)
def test_quantity_cmp(one: str, other: str, order: int) -> None:
    assert (parse(one) > parse(other)) - (parse(one) < parse(other)) == order
    assert (parse(one) == parse(other)) is (order == 0)


@pytest.mark.parametrize(
    ("text", "value", "milli"), [("9.01", 10, 9010), ("-9.01", -10, -9010), ("250m", 1, 250), ("1n", 1, 1)]
)
def test_rounded_up_to_whole_units(text: str, value: int, milli: int) -> None:
    assert (parse(text).value, parse(text).milli) == (value, milli)


@given(st.integers(-(10**15), 10**15), st.sampled_from(["n", "u", "m", "", "k", "M", "Ki", "Mi", "e3"]))
def test_what_is_written_is_read_back(number: int, suffix: str) -> None:
    first = parse(f"{number}{suffix}")
    assert parse(str(first)) == first
