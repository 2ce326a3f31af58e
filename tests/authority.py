"""A certificate authority for tests."""

import itertools
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_CRITICAL = (x509.BasicConstraints, x509.KeyUsage)
_PLAIN = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key.

    Attributes:
        number: the certificate's.
        files: of certificate and key, in PEM.
    """

    number: int
    files: tuple[Path, Path]

    @property
    def entries(self) -> dict[str, str]:
        """As a Secret of type kubernetes.io/tls has them."""
        return dict(zip(("tls.crt", "tls.key"), (file.read_text() for file in self.files), strict=True))


class Authority:
    """Signs certificates that are good for an hour.

    Args:
        folder: where its files are.
        key: what it signs with.
        name: its name.
    """

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, name: x509.Name) -> None:
        self.file = folder / "ca.crt"
        self._folder = folder
        self._key = key
        self._name = name
        self._numbers = itertools.count(1000)

    @classmethod
    def made(cls, folder: Path) -> "Authority":
        """A new one."""
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        authority = cls(folder, key, _named(f"authority {folder.name}"))
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = authority._certificate(authority._name, key, [constraints, _SIGNS])
        authority.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return authority

    def server(self, *names: str) -> Issued:
        """A certificate for a server of these addresses and host names."""
        return self._issued(names[0], [x509.SubjectAlternativeName([_general(name) for name in names])])

    def client(self, name: str) -> Issued:
        """A certificate for a client."""
        return self._issued(name, [])

    def trusting(self) -> ssl.SSLContext:
        """What a client begins connections with that believes in it."""
        return ssl.create_default_context(cafile=str(self.file))

    def _issued(self, name: str, extensions: Sequence[x509.ExtensionType]) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(_named(name), key, extensions)
        files = [self._folder / f"{certificate.serial_number}.{ending}" for ending in ("crt", "key")]
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(key.private_bytes(*_PLAIN))
        return Issued(certificate.serial_number, (files[0], files[1]))

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extensions: Sequence[x509.ExtensionType]
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(next(self._numbers))
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            # As RFC 5280 wants it, and Python from 3.13 on.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, _CRITICAL))
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
