"""Keys that follow from chance alone, so that a request makes the same one again."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers

_EXPONENT = 65537
_SMALL = [number for number in range(3, 2000, 2) if all(number % other for other in range(3, int(number**0.5) + 1, 2))]
_BASES = (2, 3, 5, 7)


def ed25519(chance: Any) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(chance.getrandbits(256).to_bytes(32))


def elliptic(chance: Any, curve: ec.SECP256R1 | ec.SECP384R1) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(chance.getrandbits(curve.key_size - 1) | 1, curve)


def rsa(chance: Any, size: int) -> RSAPrivateKey:
    p, q = _prime(chance, size // 2), _prime(chance, size // 2)
    secret = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = RSAPublicNumbers(_EXPONENT, p * q)
    return RSAPrivateNumbers(p, q, secret, secret % (p - 1), secret % (q - 1), pow(q, -1, p), public).private_key()


def _prime(chance: Any, bits: int) -> int:
    """A number of so many bits, the first two of which are 1: no divisor is found, and Fermat's test is passed."""
    while True:
        number = int(chance.getrandbits(bits)) | 3 << bits - 2 | 1
        is_prime = all(number % small for small in _SMALL) and all(
            pow(base, number - 1, number) == 1 for base in _BASES
        )
        if is_prime and (number - 1) % _EXPONENT:
            return number
