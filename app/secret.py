"""Secrets at rest: sealed with AES-256-GCM, bound to what they belong to, opened in one place (domain/embedding.py)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "v1"
NONCE_BYTES = 12
"""96 random bits, as NIST SP 800-38D recommends for GCM."""

FINGERPRINT = b"vectorgate fingerprint\0"
"""Keeps this use of a key apart from any other."""

IDENTITY = b"vectorgate key identity\0"
"""Likewise."""

MARK = "vg_"
"""Begins every access token, so that secret scanners can find one that has leaked."""


KEY_BYTES = 32
LOCAL_KEY = "local"
"""The id of a generated key."""


class SecretUnreadable(Exception):
    """A sealed secret does not open: its key is missing from the ring, or it was moved or altered."""


class KeyFileDamaged(Exception):
    """The file of the generated key does not hold a key; the message says what to do."""


class Sealed:
    """A sealed secret: `v1.<key id>.<base64 of nonce and ciphertext>`. Shows nothing of itself."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def key_id(self) -> str:
        """The key of the ring that sealed this; empty for a damaged form."""
        return self.text.partition(".")[2].partition(".")[0]

    def __repr__(self) -> str:
        return "Sealed(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Keyring:
    """The operator's keys by id: the first seals, all open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.newest = next(iter(keys))

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def seal(self, secret: str, context: str) -> Sealed:
        """Seal under the newest key. `context` says whose it is: the result opens with the same context only."""
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._ciphers[self.newest].encrypt(nonce, secret.encode(), context.encode())
        return Sealed(f"{VERSION}.{self.newest}.{base64.b64encode(nonce + ciphertext).decode()}")

    def open(self, sealed: Sealed, context: str) -> str:
        """The secret. Raises SecretUnreadable, which says why and quotes nothing."""
        try:
            version, key_id, encoded = sealed.text.split(".")
            box = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise SecretUnreadable("the sealed form is damaged") from None
        if len(box) <= NONCE_BYTES:
            raise SecretUnreadable("the sealed form is damaged")
        if version != VERSION or key_id not in self._ciphers:
            raise SecretUnreadable(f"no key {key_id!r} in the ring for a secret sealed in form {version!r}")
        try:
            return self._ciphers[key_id].decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], context.encode()).decode()
        except InvalidTag:
            raise SecretUnreadable(f"key {key_id!r} does not open it, or it belongs elsewhere") from None

    def reseal(self, sealed: Sealed, context: str) -> Sealed:
        """The same secret under the newest key. The plain text does not leave this line. Raises SecretUnreadable."""
        return self.seal(self.open(sealed, context), context)

    def opens(self, sealed: Sealed, context: str) -> bool:
        """Whether `open` would answer. The plain text does not leave this line."""
        try:
            self.open(sealed, context)
        except SecretUnreadable:
            return False
        return True

    def identities(self) -> dict[str, bytes]:
        """Each key's fingerprint by its id: tells whether two keys are the same one, and nothing else of them."""
        return {key_id: hmac.digest(key, IDENTITY, "sha256") for key_id, key in self._keys.items()}

    def fingerprint(self, content: bytes) -> bytes:
        """A keyed hash: equal for equal content, and of no use to whoever reads it without the key."""
        return hmac.digest(self._keys[self.newest], FINGERPRINT + content, "sha256")

    def recognizes(self, fingerprint: bytes, content: bytes) -> bool:
        """Whether this is the fingerprint of the content under any key of the ring."""
        candidates = [hmac.digest(key, FINGERPRINT + content, "sha256") for key in self._keys.values()]
        return any(hmac.compare_digest(fingerprint, candidate) for candidate in candidates)


def generated_key(path: Path) -> Mapping[str, bytes]:
    """The key ring of an embedded installation: one random key in a file of mode 0600, made when it is not there.

    Raises KeyFileDamaged.
    """
    try:
        if not path.exists():
            _write_once(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)))
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        key = b""
    except OSError as error:
        raise KeyFileDamaged(
            f"{path} cannot be read or made ({error.strerror}): call this as the user whose data directory it is."
        ) from error
    if len(key) != KEY_BYTES:
        raise KeyFileDamaged(
            f"{path} does not hold a key any more: restore it from a backup. Without it no stored credential can be read."
        )
    return {LOCAL_KEY: key}


def _write_once(path: Path, content: bytes) -> None:
    """A file of mode 0600 with this content, unless somebody made one meanwhile. It appears whole, or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


def new_token() -> str:
    """An access token: 256 random bits behind the mark."""
    return MARK + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of an access token. SHA-256 without salt is right for 256 random bits, and can be looked up."""
    return hashlib.sha256(token.encode()).digest()


def hint(secret: str) -> str:
    """All that is ever shown of a secret: its last four characters."""
    return secret[-4:]
