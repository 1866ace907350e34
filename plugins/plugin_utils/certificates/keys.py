# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The private keys of a project's certificates, and certificates that are signed with them for a start.

All keys follow from one secret of the project, so that each of its hosts and each controller that has it gets the same
ones, and nothing else has to be kept: the ACME account's key, and a key for each app. The derivation is HKDF (RFC 5869)
with SHA-256; the number is taken modulo the order of the curve from so many bytes that its bias does not matter
(FIPS 186-5, A.2.1).
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

#: The name of the secret.
ACME_SECRET = "LUMA_ACME_SECRET"
SECRET_BYTES = 32
#: Bytes more than a key has.
EXTRA_BYTES = 16
#: How many points the curves have (NIST SP 800-186, 3.2.1).
ORDERS = {
    "ec256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ec384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}
#: A self-signed certificate is for as long as a CA's may take to come, and renewed with each change of the key only.
SELF_SIGNED_DAYS = 3650


def new_secret() -> str:
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def secret_bytes(text: str) -> bytes:
    """The bytes of a secret. Raises `ValueError` with what it has to be."""
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        found = b""
    if len(found) < SECRET_BYTES:
        raise ValueError(
            f"{ACME_SECRET} has to be at least {SECRET_BYTES} random bytes in base64: openssl rand -base64 32"
        )
    return found


def account_key(secret: bytes, project: str) -> EllipticCurvePrivateKey:
    return _derived(secret, f"luma acme account {project}", "ec256")


def app_key(secret: bytes, project: str, app: str, key_type: str) -> EllipticCurvePrivateKey:
    return _derived(secret, f"luma certificate {project}:{app} {key_type}", key_type)


def _derived(secret: bytes, purpose: str, key_type: str) -> EllipticCurvePrivateKey:
    # Only those who use it pay for it.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    curve = ec.SECP256R1() if key_type == "ec256" else ec.SECP384R1()
    length = curve.key_size // 8 + EXTRA_BYTES
    found = HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=purpose.encode()).derive(secret)
    return ec.derive_private_key(int.from_bytes(found, "big") % (ORDERS[key_type] - 1) + 1, curve)


def pem_of(key: EllipticCurvePrivateKey) -> str:
    """The private key as PEM (SEC 1, as lego and HAProxy read it)."""
    from cryptography.hazmat.primitives import serialization as s

    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, s.NoEncryption()).decode()


def thumbprint_of(key: EllipticCurvePrivateKey) -> str:
    """The thumbprint of a P-256 key's JWK (RFC 7638), in base64url without padding."""
    numbers = key.public_key().public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    jwk = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(jwk.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def self_signed(key: EllipticCurvePrivateKey, names: list[str]) -> str:
    """A certificate for names, signed with its own key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "luma, self-signed")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
