"""Secrets open where they belong, with a key of the ring, and nowhere else; a generated key is one key for all."""

from __future__ import annotations

import base64
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.secret import (
    MARK,
    KeyFileDamaged,
    Keyring,
    Sealed,
    SecretUnreadable,
    generated_key,
    hint,
    new_token,
    token_hash,
)
from app.settings import Settings

OLD, NEW = bytes(32), bytes(range(32))
SECRET = "sk-a-secret-of-somebody"
CONTEXT = "organization/credential"


@pytest.fixture
def keyring() -> Keyring:
    return Keyring({"old": OLD})


# --- sealing ---
def test_a_secret_opens_in_its_own_context_only(keyring: Keyring) -> None:
    sealed = keyring.seal(SECRET, CONTEXT)
    assert keyring.open(sealed, CONTEXT) == SECRET
    with pytest.raises(SecretUnreadable, match="belongs elsewhere"):
        keyring.open(sealed, "organization/other-credential")


def test_the_same_secret_never_looks_the_same(keyring: Keyring) -> None:
    assert len({keyring.seal(SECRET, CONTEXT).text for _ in range(100)}) == 100


def test_the_sealed_form_names_its_key_and_shows_nothing(keyring: Keyring) -> None:
    sealed = keyring.seal(SECRET, CONTEXT)
    assert sealed.text.startswith("v1.old.")
    assert sealed.key_id == "old"
    assert SECRET not in base64.b64decode(sealed.text.split(".")[2]).decode("latin-1")
    assert {repr(sealed), str(sealed), f"{sealed}", repr([sealed])} == {"Sealed(***)", "[Sealed(***)]"}


def test_any_text_can_be_sealed(keyring: Keyring) -> None:
    for secret in ("", "ключ", "x" * 100_000, "a.b.c"):
        assert keyring.open(keyring.seal(secret, CONTEXT), CONTEXT) == secret


# --- the ring ---
def test_the_first_key_seals_and_all_open(keyring: Keyring) -> None:
    before = keyring.seal(SECRET, CONTEXT)
    ring = Keyring({"new": NEW, "old": OLD})
    assert ring.seal(SECRET, CONTEXT).key_id == ring.newest == "new"
    assert ring.open(before, CONTEXT) == SECRET


def test_a_secret_moves_to_the_newest_key(keyring: Keyring) -> None:
    moved = Keyring({"new": NEW, "old": OLD}).reseal(keyring.seal(SECRET, CONTEXT), CONTEXT)
    assert Keyring({"new": NEW}).open(moved, CONTEXT) == SECRET
    with pytest.raises(SecretUnreadable):
        Keyring({"new": NEW}).reseal(keyring.seal(SECRET, CONTEXT), CONTEXT)


def test_without_its_key_a_secret_does_not_open(keyring: Keyring) -> None:
    sealed = keyring.seal(SECRET, CONTEXT)
    with pytest.raises(SecretUnreadable, match="no key 'old' in the ring"):
        Keyring({"new": NEW}).open(sealed, CONTEXT)
    with pytest.raises(SecretUnreadable, match="key 'old' does not open it"):
        Keyring({"old": NEW}).open(sealed, CONTEXT)


@pytest.mark.parametrize("position", range(3))
def test_an_altered_form_does_not_open(keyring: Keyring, position: int) -> None:
    parts = keyring.seal(SECRET, CONTEXT).text.split(".")
    box = bytearray(base64.b64decode(parts[2]))
    box[(0, len(box) // 2, -1)[position]] ^= 1
    with pytest.raises(SecretUnreadable):
        keyring.open(Sealed(f"v1.old.{base64.b64encode(box).decode()}"), CONTEXT)


@pytest.mark.parametrize(
    "text",
    ["", "v1", "v1.old", "v1.old.", "v1.old.AAAA", "v1.old.not base64", "v1.old.ключ", "v1.old.a.b", "v2.old.AAAAAAAAAAAAAAAAAAAAAAAA"],
)  # fmt: skip
def test_a_damaged_form_is_told_and_never_crashes(keyring: Keyring, text: str) -> None:
    with pytest.raises(SecretUnreadable):
        keyring.open(Sealed(text), CONTEXT)
    assert Sealed(text).key_id in {"", "old"}


# --- fingerprints ---
def test_a_fingerprint_is_recognized_under_any_key_of_the_ring(keyring: Keyring) -> None:
    mark = keyring.fingerprint(b"content")
    assert mark == keyring.fingerprint(b"content") != keyring.fingerprint(b"other")
    ring = Keyring({"new": NEW, "old": OLD})
    assert ring.recognizes(mark, b"content")
    assert not ring.recognizes(mark, b"other")
    assert not Keyring({"new": NEW}).recognizes(mark, b"content")


# --- the generated key ---
def test_a_generated_key_goes_on_opening_behind_a_new_one_when_it_is_given_in_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "encryption-key"
    sealed = Keyring(generated_key(path)).seal("a secret", "whose")
    new = base64.b64encode(NEW).decode()
    given = Settings.model_validate({"encryption_keys": f"new:{new},local:{path.read_text()}"}).encryption_keys
    assert given is not None
    both = Keyring(given)
    assert Keyring({"new": NEW}).open(both.reseal(sealed, "whose"), "whose") == "a secret"


def test_a_key_is_known_by_what_tells_nothing_of_it() -> None:
    ring = Keyring({"a": OLD, "b": NEW, "c": OLD})
    known = ring.identities()
    assert known["a"] == known["c"] != known["b"]
    assert known == Keyring({"c": OLD, "b": NEW, "a": OLD}).identities()
    assert ring.fingerprint(b"") != known["a"]
    assert OLD not in known.values()


def test_whether_a_secret_opens_can_be_asked() -> None:
    ring = Keyring({"a": OLD})
    assert ring.opens(ring.seal("a secret", "whose"), "whose")
    assert not ring.opens(ring.seal("a secret", "whose"), "another's")
    assert not Keyring({"a": NEW}).opens(ring.seal("a secret", "whose"), "whose")


def test_the_generated_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "encryption-key"
    ring = generated_key(path)
    assert [len(key) for key in ring.values()] == [32]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert generated_key(path) == ring
    assert generated_key(tmp_path / "another") != ring
    assert {each.name for each in tmp_path.iterdir()} == {"encryption-key", "another"}


def test_all_who_make_the_key_at_once_read_the_same(tmp_path: Path) -> None:
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(16) as pool:
            for number in range(20):
                found = pool.map(generated_key, [tmp_path / str(number)] * 16)
                assert len({key for ring in found for key in ring.values()}) == 1
    finally:
        sys.setswitchinterval(0.005)


def test_a_key_file_that_cannot_be_read_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "encryption-key"
    path.mkdir()  # root reads every file, and no folder
    with pytest.raises(KeyFileDamaged, match=r"encryption-key cannot be read or made \(Is a directory\)"):
        generated_key(path)
    with pytest.raises(KeyFileDamaged, match=r"cannot be read or made \(No such file or directory\)"):
        generated_key(tmp_path / "missing" / "encryption-key")


@pytest.mark.parametrize("content", ["", "AAAA", "not base64 at all", "ключ"])
def test_a_damaged_key_file_is_told_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "encryption-key"
    path.write_text(content)
    with pytest.raises(KeyFileDamaged, match="restore it from a backup"):
        generated_key(path)
    assert path.read_text() == content


# --- tokens ---
def test_tokens_can_be_found_by_scanners_and_looked_up_by_hash() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith(MARK) and len(token) == 46 for token in tokens)
    assert len({token_hash(token) for token in tokens}) == 100
    assert len(token_hash("x")) == 32


def test_a_hint_is_four_characters() -> None:
    assert hint(SECRET) == "body"
