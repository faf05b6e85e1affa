"""Settings come from the environment, all problems are told at once, and no value is ever quoted."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from app.setting_value import default_data_dir
from app.settings import Settings, SettingsError

KEY = base64.b64encode(bytes(32)).decode()
URL = "postgresql://operator:hunter2-word@db.example:5432/catalogue"
GIVEN = {"DATABASE_URL": URL, "ENCRYPTION_KEYS": f"k1:{KEY}"}


def read(**given: str) -> Settings:
    return Settings.from_env({f"VECTORGATE_{name}": value for name, value in given.items()})


def problems(**given: str) -> list[str]:
    """The lines told for these settings, none of which quotes a value."""
    with pytest.raises(SettingsError) as told:
        read(**given)
    assert "hunter2" not in str(told.value)
    return told.value.problems


def test_nothing_set_is_enough() -> None:
    found = read()
    assert (found.host, found.port, found.workers) == ("127.0.0.1", 8000, 1)
    assert not any((found.database_url, found.encryption_keys, found.regions, found.default_region))
    assert found.data_dir.is_absolute()


def test_every_kind_of_setting_is_read() -> None:
    found = read(
        **GIVEN,
        PORT="0",
        BOOTSTRAP_TOKEN="a-token-of-the-operator",
        REGIONS=f'{{"eu": "{URL}", "us": "postgres://other.example/data"}}',
        PROVIDER_URLS='{"openai": "https://proxy.example/v1/"}',
        INTROSPECTION="off",
        LOG_LEVEL="INFO",
        ORGANIZATION=" Acme ",
        PROVIDER_DEADLINE_SECONDS="2.5",
    )
    assert found.port == 0
    assert found.bootstrap_token == SecretStr("a-token-of-the-operator")
    assert found.regions == {"eu": URL, "us": "postgres://other.example/data"}
    assert found.provider_urls == {"openai": "https://proxy.example/v1"}
    assert (found.introspection, found.log_level, found.organization) == (False, "info", "Acme")
    assert found.provider_deadline_seconds == 2.5


def test_an_empty_variable_counts_as_unset_and_other_programs_variables_are_left_alone() -> None:
    assert Settings.from_env({"VECTORGATE_PORT": "", "VECTORGATE_NONSENSE": "", "PORT": "abc"}).port == 8000


def test_all_problems_are_told_at_once_one_line_each() -> None:
    lines = problems(
        PORT="hunter2",
        WORKERS="0",
        DATABASE_URL="mysql://hunter2@db.example",
        REGIONS='{"eu": "hunter2", "not a name": "postgres://db.example"}',
        PROVIDER_URLS="hunter2",
        BOOTSTRAP_TOKEN="hunter2",
        MODELS_FILE="/hunter2",
        LOG_FORMAT="hunter2",
        INTROSPECTION="hunter2",
        NONSENSE="hunter2",
    )
    assert sorted(line.partition(":")[0].removeprefix("VECTORGATE_") for line in lines) == [
        "BOOTSTRAP_TOKEN",
        "DATABASE_URL",
        "ENCRYPTION_KEYS",
        "INTROSPECTION",
        "LOG_FORMAT",
        "MODELS_FILE",
        "NONSENSE",
        "PORT",
        "PROVIDER_URLS",
        "REGIONS",
        "REGIONS",
        "WORKERS",
    ]
    assert all("\n" not in line for line in lines)


def test_an_unknown_setting_is_told_by_name() -> None:
    assert problems(DATABSE_URL="hunter2") == ["VECTORGATE_DATABSE_URL: is no setting of this version"]


def test_secrets_do_not_show_in_the_settings_representation() -> None:
    shown = repr(
        read(**GIVEN, BOOTSTRAP_TOKEN="hunter2-and-much-more", REGIONS=f'{{"eu": "{URL}"}}', DEFAULT_REGION="eu")
    )
    assert "hunter2" not in shown
    assert KEY not in shown


# --- keys ---
def test_the_key_ring_keeps_its_order() -> None:
    other = base64.b64encode(bytes(range(32))).decode()
    found = read(DATABASE_URL=URL, ENCRYPTION_KEYS=f"new:{other}, old:{KEY}").encryption_keys
    assert found is not None
    assert list(found.items()) == [("new", bytes(range(32))), ("old", bytes(32))]


@pytest.mark.parametrize(
    "ring",
    [
        "hunter2",
        f":{KEY}",
        f"k.1:{KEY}",
        f"ключ:{KEY}",
        f"a:{KEY},a:{KEY}",
        f"a:{KEY},",
        "a:hunter2",
        "a:пароль",
        f"a:{base64.b64encode(bytes(31)).decode()}",
    ],
)
def test_a_malformed_key_ring_is_refused(ring: str) -> None:
    (line,) = problems(DATABASE_URL=URL, ENCRYPTION_KEYS=ring)
    assert line.startswith("VECTORGATE_ENCRYPTION_KEYS: must be id:base64 pairs")


def test_keys_are_required_with_a_database_of_ones_own() -> None:
    (line,) = problems(DATABASE_URL=URL)
    assert line.startswith("VECTORGATE_ENCRYPTION_KEYS: required with VECTORGATE_DATABASE_URL")
    assert read(**GIVEN).encryption_keys


@pytest.mark.parametrize("option", ["sslmode=hunter2", "target_session_attrs=hunter2", "sslnegotiation=hunter2"])
def test_an_option_of_a_url_that_has_no_such_value_is_told_at_once(option: str) -> None:
    """Left to the driver, it would look like a cluster that is away, and be waited for."""
    (line,) = problems(DATABASE_URL=f"{URL}?{option}", ENCRYPTION_KEYS=f"k1:{KEY}")
    assert line.startswith(f"VECTORGATE_DATABASE_URL: {option.partition('=')[0]} must be one of ")
    assert read(DATABASE_URL=f"{URL}?sslmode=verify-full&target_session_attrs=primary", ENCRYPTION_KEYS=f"k1:{KEY}")


# --- values ---
@pytest.mark.parametrize(
    "url",
    [
        "postgres://db.example/x",
        "postgresql:///x?host=/var/run",
        "postgresql://user:@/x?host=/var/run",
        "postgresql://a.example:1,b.example:65535/x",
        "postgresql://[::1]:5432/x",
        "postgresql://user:p%40ss%2F%3F%23%5B@db.example/x?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca.crt",
    ],
)
def test_a_postgresql_url_is_accepted(url: str) -> None:
    assert read(DATABASE_URL=url, ENCRYPTION_KEYS=f"k:{KEY}").database_url == url


@pytest.mark.parametrize(
    "url",
    ["db.example", "http://db.example", "postgres://db.example:hunter2/x", "postgres://h:65536/x", "postgres://[::1/x"],
)
def test_what_is_no_postgresql_url_is_refused(url: str) -> None:
    (line,) = problems(DATABASE_URL=url, ENCRYPTION_KEYS=f"k:{KEY}")
    assert line.startswith("VECTORGATE_DATABASE_URL: must be a PostgreSQL URL")


@pytest.mark.parametrize("character", list("@/?#[]"))
def test_a_password_that_would_be_cut_is_refused_and_not_quoted(character: str) -> None:
    url = f"postgresql://user:hunter2{character}3@db.example/x"
    (line,) = problems(DATABASE_URL=url, ENCRYPTION_KEYS=f"k:{KEY}")
    assert "percent-encoded" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("password", ["pw#x", "secret?x", "12/x", "a/b@c", "x?a=b", "12?a=b"])
def test_a_password_is_accepted_when_it_is_encoded(password: str) -> None:
    (line,) = problems(DATABASE_URL=f"postgresql://user:{password}@127.0.0.1:5432/db", ENCRYPTION_KEYS=f"k:{KEY}")
    assert "percent-encoded" in line
    assert password not in line
    encoded = f"postgresql://user:{quote(password, safe='')}@127.0.0.1:5432/db"
    assert read(DATABASE_URL=encoded, ENCRYPTION_KEYS=f"k:{KEY}").database_url == encoded


@pytest.mark.parametrize("options", ["sslmode", "sslmode=require&", "hunter2@db.example/x"])
def test_options_that_are_none_are_refused_and_not_quoted(options: str) -> None:
    (line,) = problems(DATABASE_URL=f"{URL}?{options}", ENCRYPTION_KEYS=f"k:{KEY}")
    assert line == "VECTORGATE_DATABASE_URL: what stands behind ? must be options, name=value, joined by &"


@pytest.mark.parametrize("token", ["fifteen-letters", "a token with spaces", "кириллица-кириллица", "x" * 256])
def test_a_bootstrap_token_that_no_header_can_carry_is_refused(token: str) -> None:
    (line,) = problems(BOOTSTRAP_TOKEN=token)
    assert line.startswith("VECTORGATE_BOOTSTRAP_TOKEN: must have 16 to 255 ASCII characters")


@pytest.mark.parametrize("name", ["   ", "x" * 101, "two\nlines"])
def test_an_organization_needs_a_printable_name(name: str) -> None:
    assert problems(ORGANIZATION=name) == ["VECTORGATE_ORGANIZATION: must have 1 to 100 printable characters"]


# --- regions ---
def test_a_region_that_is_wrong_is_named() -> None:
    (line,) = problems(**GIVEN, REGIONS=f'{{"eu": "{URL}", "us": "hunter2"}}')
    assert line.startswith("VECTORGATE_REGIONS: us: must be a PostgreSQL URL")


@pytest.mark.parametrize("regions", ["{}", "[]", "hunter2", '{"a,b": "postgres://db.example"}', '{"eu": 1}'])
def test_regions_must_be_an_object_of_names_and_urls(regions: str) -> None:
    (line,) = problems(REGIONS=regions)
    assert line.startswith("VECTORGATE_REGIONS: ")


def test_the_default_region_must_be_one_of_the_regions() -> None:
    regions = f'{{"eu": "{URL}", "us": "postgres://us.example/x"}}'
    assert read(**GIVEN, REGIONS=regions, DEFAULT_REGION="us").default_region == "us"
    (line,) = problems(**GIVEN, REGIONS=regions, DEFAULT_REGION="asia")
    assert line == "VECTORGATE_DEFAULT_REGION: must be one of the regions: eu, us"
    (line,) = problems(DEFAULT_REGION="eu")
    assert line == "VECTORGATE_DEFAULT_REGION: must be one of the regions: local"


def test_a_default_region_is_required_where_none_is_the_catalogues_cluster() -> None:
    regions = '{"eu": "postgres://eu.example/x"}'
    (line,) = problems(**GIVEN, REGIONS=regions)
    assert line == "VECTORGATE_DEFAULT_REGION: required, since no URL of VECTORGATE_REGIONS is the catalogue's"
    assert read(**GIVEN, REGIONS=regions, DEFAULT_REGION="eu").default_region == "eu"
    assert read(**GIVEN, REGIONS=f'{{"eu": "{URL}"}}').default_region is None


# --- folders ---
def test_a_home_directory_may_be_abbreviated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models.toml").touch()
    found = read(DATA_DIR="~/data", MODELS_FILE="~/models.toml")
    assert (found.data_dir, found.models_file) == (tmp_path / "data", tmp_path / "models.toml")


def test_the_default_data_directory_is_never_in_roots_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/vectorgate")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert default_data_dir().name == "vectorgate"


# --- the identity provider ---
@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example",
        "https://login.example/",
        "https://login.example:8443/realms/a",
        "http://localhost:8080",
        "http://[::1]:1/",
    ],
)
def test_an_issuer_is_kept_to_the_letter(issuer: str) -> None:
    found = read(OIDC_ISSUER=issuer, OIDC_AUDIENCE="vectorgate")
    assert (found.oidc_issuer, found.oidc_audience, found.oidc_roles_claim) == (issuer, "vectorgate", "roles")


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example/hunter2",
        "http://127.0.0.1.example/hunter2",
        "https://someone:hunter2@login.example",
        "https://login.example/?hunter2",
        "https://login.example/#hunter2",
        "https:///hunter2",
        "login.example/hunter2",
        "https://[hunter2",
    ],
)
def test_an_issuer_that_cannot_be_asked_safely_is_refused(issuer: str) -> None:
    (line,) = problems(OIDC_ISSUER=issuer, OIDC_AUDIENCE="vectorgate")
    assert line.startswith("VECTORGATE_OIDC_ISSUER: ")


def test_issuer_and_audience_need_each_other() -> None:
    (line,) = problems(OIDC_ISSUER="https://login.example")
    assert line.startswith("VECTORGATE_OIDC_AUDIENCE: required with VECTORGATE_OIDC_ISSUER")
    (line,) = problems(OIDC_AUDIENCE="hunter2")
    assert line.startswith("VECTORGATE_OIDC_ISSUER: required with VECTORGATE_OIDC_AUDIENCE")


# --- the edge ---
def test_origins_are_read_as_browsers_send_them() -> None:
    assert read().cors_origins is None
    assert read(CORS_ORIGINS="https://app.example, http://localhost:3000,").cors_origins == frozenset(
        {"https://app.example", "http://localhost:3000"}
    )
    assert read(CORS_ORIGINS="*").cors_origins == frozenset({"*"})


@pytest.mark.parametrize(
    "origins",
    [
        "app.example",
        "https://app.example/",
        "https://App.example",
        "https://*.example",
        "https://app.example:443",
        "http://app.example:80",
        "https://a.example https://b.example",
        "null",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(origins: str) -> None:
    (line,) = problems(CORS_ORIGINS=origins)
    assert line.startswith("VECTORGATE_CORS_ORIGINS: must be")


def test_no_rate_is_negative() -> None:
    (line,) = problems(RATE_LIMIT_PER_TOKEN="-1")
    assert line.startswith("VECTORGATE_RATE_LIMIT_PER_TOKEN: ")
    assert (read().rate_limit_per_token, read(RATE_LIMIT_PER_ADDRESS="0").rate_limit_per_address) == (6000, 0)
