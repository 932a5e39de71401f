"""A certificate for the simulated API server, made anew for every cluster.

Clients send tokens only over TLS, and the standard library can serve TLS but not make a certificate. So the few numbers of one
self-signed P-256 certificate are worked out here (SEC 1, FIPS 186-5, RFC 5280). It guards nothing but a loopback port: the code is
not made to withstand timing attacks and must not be used for anything else.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_A = -3
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_SIZE = 32
_SHORT = 128
_INTEGER, _BITS, _OCTETS, _OID, _UTF8, _TIME, _SEQUENCE, _SET = 0x02, 0x03, 0x04, 0x06, 0x0C, 0x18, 0x30, 0x31
_P256, _EC_KEY, _ECDSA_SHA256 = "2a8648ce3d030107", "2a8648ce3d0201", "2a8648ce3d040302"
_COMMON_NAME, _SERVER_AUTH = "550403", "2b06010505070301"
_Point = tuple[int, int] | None


@dataclass(frozen=True)
class Certificate:
    """Certificate and key as PEM text."""

    certificate: str
    key: str


def _add(left: _Point, right: _Point) -> _Point:
    if left is None or right is None:
        return left or right
    if left[0] == right[0] and (left[1] + right[1]) % _P == 0:
        return None
    if left == right:
        slope = (3 * left[0] ** 2 + _A) * pow(2 * left[1], -1, _P)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, _P)
    x = (slope**2 - left[0] - right[0]) % _P
    return x, (slope * (left[0] - x) - left[1]) % _P


def _times(number: int) -> tuple[int, int]:
    total: _Point = None
    step: _Point = _G
    while number:
        if number & 1:
            total = _add(total, step)
        step = _add(step, step)
        number >>= 1
    if total is None:
        raise ArithmeticError("a multiple of the curve's order was chosen")
    return total


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (size if len(body) < _SHORT else bytes([_SHORT + len(size)]) + size) + body


def _number(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(code: str) -> bytes:
    return _der(_OID, bytes.fromhex(code))


def _bits(data: bytes) -> bytes:
    return _der(_BITS, b"\0", data)


def _time(moment: datetime) -> bytes:
    return _der(_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())


def _extension(code: str, body: bytes, *, critical: bool = False) -> bytes:
    return _der(_SEQUENCE, _oid(code), b"\x01\x01\xff" if critical else b"", _der(_OCTETS, body))


def _extensions(public: bytes) -> bytes:
    names = _der(_SEQUENCE, _der(0x82, b"localhost"), _der(0x87, bytes([127, 0, 0, 1])))
    return _der(
        0xA3,
        _der(
            _SEQUENCE,
            _extension("551d13", _der(_SEQUENCE, b"\x01\x01\xff"), critical=True),
            _extension("551d0f", b"\x03\x02\x02\x84", critical=True),
            _extension("551d25", _der(_SEQUENCE, _oid(_SERVER_AUTH))),
            _extension("551d0e", _der(_OCTETS, hashlib.sha256(public).digest()[:20])),
            _extension("551d11", names),
        ),
    )


def _sign(key: int, data: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
    nonce = secrets.randbelow(_N - 1) + 1
    r = _times(nonce)[0] % _N
    s = pow(nonce, -1, _N) * (digest + r * key) % _N
    return _der(_SEQUENCE, _number(r), _number(s))


def _pem(label: str, data: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n"


def make(name: str) -> Certificate:
    """A self-signed certificate for ``localhost`` and ``127.0.0.1`` that is its own authority."""
    key = secrets.randbelow(_N - 1) + 1
    x, y = _times(key)
    public = b"\x04" + x.to_bytes(_SIZE, "big") + y.to_bytes(_SIZE, "big")
    algorithm = _der(_SEQUENCE, _oid(_ECDSA_SHA256))
    subject = _der(_SEQUENCE, _der(_SET, _der(_SEQUENCE, _oid(_COMMON_NAME), _der(_UTF8, name.encode()))))
    now = datetime.now(UTC)
    body = _der(
        _SEQUENCE,
        _der(0xA0, _number(2)),
        _number(secrets.randbits(64)),
        algorithm,
        subject,
        _der(_SEQUENCE, _time(now - timedelta(hours=1)), _time(now + timedelta(days=30))),
        subject,
        _der(_SEQUENCE, _der(_SEQUENCE, _oid(_EC_KEY), _oid(_P256)), _bits(public)),
        _extensions(public),
    )
    certificate = _der(_SEQUENCE, body, algorithm, _bits(_sign(key, body)))
    secret = _der(_OCTETS, key.to_bytes(_SIZE, "big"))
    private = _der(_SEQUENCE, _number(1), secret, _der(0xA0, _oid(_P256)), _der(0xA1, _bits(public)))
    return Certificate(_pem("CERTIFICATE", certificate), _pem("EC PRIVATE KEY", private))
