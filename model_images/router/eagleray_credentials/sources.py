"""What is mounted: read, and checked for what Envoy would refuse or anybody could guess."""

import base64
import contextlib
import json
import os
import re
import secrets
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIN_KEY, MAX_KEY = 16, 1024
MAX_CLIENTS = 5_000
# What an HTTP header carries unchanged; a token is known by its dots.
_KEY = re.compile(rb"[!-~]+")
_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
TOKEN_VARIABLE = "EAGLERAY_WARMUP_TOKEN"  # noqa: S105 -- the name of the variable
_CERTIFICATE_ENTRIES = "tls.crt and tls.key"
Folder = Mapping[str, bytes]
MAX_JWKS = 256 * 1024
# Envoy takes no set without a key: one that nobody has, by which nothing can be signed.
_NOBODYS = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
NO_KEYS = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": _NOBODYS}]})
_SWAPPED = "..data"


@dataclass(frozen=True, slots=True)
class Found:
    """What one source has.

    Attributes:
        values: what stands in place of which word of a template; nothing where it cannot be used.
        problems: what is wrong with it.
        knows: whether somebody is known by it who may be let in.
    """

    values: Mapping[str, Any]
    problems: tuple[str, ...] = ()
    knows: bool = False


def contents(folder: str) -> Folder:
    """The files of a mounted folder, all of one state of it.

    Raises:
        FileNotFoundError: it is being replaced.
    """
    swapped = Path(folder, _SWAPPED)
    place = swapped.resolve() if swapped.exists() else Path(folder)
    if not place.is_dir():
        return {}
    return {file.name: file.read_bytes() for file in sorted(place.iterdir()) if file.is_file()}


def folder_of(source: Mapping[str, str], fetched: Mapping[str, Folder]) -> Folder:
    """What a source has now.

    Args:
        source: `folder`, where it is mounted, or `uri`, which others fetch.
        fetched: the folder that stands for what was fetched of a URL, by URL.

    Raises:
        FileNotFoundError: it is being replaced.
    """
    return contents(source["folder"]) if "folder" in source else fetched.get(source.get("uri", ""), {})


def judge(name: str, source: Mapping[str, str], folder: Folder) -> Found:
    """What of a source can be used.

    Args:
        name: the source's name, under which templates ask for it.
        source: `kind`, a word of `KINDS`; `what`, a word for people.
        folder: what it has.
    """
    return KINDS[source["kind"]](name, folder, source["what"])


def _token(name: str, _: Folder, what: str) -> Found:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        return Found({name: []}, (f"{what} is not in {TOKEN_VARIABLE}",))
    return Found({name: [{"key": token, "client": "operator"}]})


def _keys(name: str, folder: Folder, what: str) -> Found:
    """A client for each file; one whose key cannot be used is not let in, and no other is kept out for it."""
    if not folder:
        return Found({name: []}, (f"{what} is missing or empty: nobody is let in",))
    problems = []
    clients: dict[bytes, list[str]] = defaultdict(list)
    for client, text in folder.items():
        key = text.strip()
        if wrong := _wrong(key):
            problems.append(f"{what}: the key of {client} {wrong}")
        else:
            clients[key].append(client)
    problems += [f"{what}: {', '.join(same)} have the same key" for same in clients.values() if len(same) > 1]
    known = [(key, same[0]) for key, same in clients.items() if len(same) == 1]
    if len(known) > MAX_CLIENTS:
        problems.append(f"{what} has {len(known)} clients, and {MAX_CLIENTS} are known")
    if not known:
        problems.append(f"{what} has no key that can be used: nobody is let in")
    told = [{"key": k.decode(), "client": c} for k, c in known[:MAX_CLIENTS]]
    return Found({name: told}, tuple(problems), knows=bool(known))


def _wrong(key: bytes) -> str:
    if not MIN_KEY <= len(key) <= MAX_KEY:
        return f"has {len(key)} characters; write {MIN_KEY} to {MAX_KEY}"
    if not _KEY.fullmatch(key):
        return "has characters that no header carries; write printable ASCII without blanks"
    if _TOKEN.fullmatch(key):
        return "looks like a token (JWT); write another one"
    return ""


def _certificate(name: str, folder: Folder, what: str) -> Found:
    """A certificate with its key, as `kubernetes.io/tls` has them."""
    pair = [folder.get(entry, b"") for entry in ("tls.crt", "tls.key")]
    if not all(pair):
        return Found({}, (f"{what} has no {_CERTIFICATE_ENTRIES}: new connections get what was there before, if any",))
    try:
        with _in_memory(pair[0]) as chain_file, _in_memory(pair[1]) as key_file:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain_file, key_file)
        chain, key = (content.decode() for content in pair)
    except (ssl.SSLError, UnicodeDecodeError) as e:
        return Found({}, (f"{what}: {_CERTIFICATE_ENTRIES} are no certificate and its key in PEM: {_words(e)}",))
    return Found({name: chain, f"{name}.key": key})


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A file that is on no disk: OpenSSL reads certificates from files alone."""
    with os.fdopen(os.memfd_create("pem"), "wb", buffering=0) as file:
        file.write(content)
        yield f"/proc/self/fd/{file.fileno()}"


def _client_ca(name: str, folder: Folder, what: str) -> Found:
    """The authorities' certificates."""
    content = folder.get("ca.crt", b"")
    if not content:
        return Found({}, (f"{what} has no ca.crt: nobody is let in by a certificate of a new authority",))
    try:
        text = content.decode()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=text)
    except (ssl.SSLError, UnicodeDecodeError) as e:
        return Found({}, (f"{what}: ca.crt has no certificates in PEM: {_words(e)}",))
    return Found({name: text})


def _jwks(name: str, folder: Folder, what: str) -> Found:
    """An issuer's public keys; without any that can be used none of its tokens is let in, and others' are."""
    text = folder.get("jwks.json", b"")
    if not text:
        return Found({name: NO_KEYS}, (f"{what} has no jwks.json: no token of this issuer is let in",))
    if wrong := wrong_jwks(text):
        return Found({name: NO_KEYS}, (f"{what}: {wrong}: no token of this issuer is let in",))
    return Found({name: text.decode()}, knows=True)


def wrong_jwks(text: bytes) -> str:
    """What is wrong with a JSON Web Key Set; "" where nothing is."""
    if len(text) > MAX_JWKS:
        return f"the keys are more than {MAX_JWKS} bytes"
    try:
        keys = json.loads(text)["keys"]
        return "" if keys and all(isinstance(key["kty"], str) for key in keys) else "there is no key"
    except (ValueError, KeyError, TypeError):
        return "it is no JSON Web Key Set"


def _words(error: Exception) -> str:
    """What OpenSSL says, which quotes nothing of what it read."""
    return (error.reason or "unreadable") if isinstance(error, ssl.SSLError) else "not text"


KNOW_CLIENTS = frozenset({"keys", "jwks"})
"""Kinds of sources by which clients are known; one of them is enough for a client."""
KINDS: Mapping[str, Callable[[str, Folder, str], Found]] = {
    "token": _token,
    "keys": _keys,
    "certificate": _certificate,
    "client-ca": _client_ca,
    "jwks": _jwks,
}
