"""Options over environment variables."""

import pytest

click = pytest.importorskip("click", reason="the extra cli")

from camunda_optimize import ConfigurationError  # noqa: E402
from camunda_optimize.cli.connection import connect  # noqa: E402
from camunda_optimize.cli.connection_options import _NAMES  # noqa: E402

ENV = {
    "CAMUNDA_OPTIMIZE_BASE_URL": "http://optimize:8083",
    "CAMUNDA_OAUTH_URL": "http://login/token",
    "CAMUNDA_CLIENT_ID": "etl",
    "CAMUNDA_CLIENT_SECRET": "secret-0",
}


def connection(environ=ENV, **options):
    chosen = {**dict.fromkeys(_NAMES), "insecure": False, "trust_env": False, "ask_secret": False, "ask_token": False}
    assert options.keys() <= chosen.keys()
    return connect({**chosen, **options}, environ)


def test_the_environment_alone():
    found = connection()
    assert found.config.base_url == "http://optimize:8083"
    assert found.origins["client_id"] == "environment variable CAMUNDA_CLIENT_ID"
    assert found.described()["client_secret"] == ("***", "environment variable CAMUNDA_CLIENT_SECRET")
    assert found.described()["token_cache"] == ("memory", "the default")
    assert "secret-0" not in repr(found) + repr(found.described())


def test_every_option_outranks_its_variable(tmp_path):
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    options = {
        "base_url": "https://elsewhere",
        "oauth_url": "https://login.elsewhere/token",
        "client_id": "other",
        "audience": "a",
        "scope": "s",
        "ca_bundle": str(tmp_path / "ca.pem"),
        "client_cert": str(tmp_path / "cert.pem"),
        "client_key": str(tmp_path / "key.pem"),
        "proxy": "http://proxy:3128",
        "trust_env": True,
        "concurrency": 3,
        "timeout": 7.0,
        "max_attempts": 2,
        "token_cache": "file",
    }
    config = connection({**ENV, "ZEEBE_CLIENT_ID": "a contradiction that no longer matters"}, **options).config
    assert (config.base_url, config.oauth_url, config.client_id) == (
        "https://elsewhere",
        "https://login.elsewhere/token",
        "other",
    )
    assert (config.audience, config.scope, config.client_secret) == ("a", "s", "secret-0")
    assert (config.verify, config.client_cert) == (
        options["ca_bundle"],
        (options["client_cert"], options["client_key"]),
    )
    assert (config.proxy, config.trust_env, config.max_concurrency) == ("http://proxy:3128", True, 3)
    assert (config.request_timeout, config.max_attempts, config.token_cache) == (7.0, 2, "file")
    assert connection(insecure=True).config.verify is False


def test_region_and_cluster_make_the_address_and_may_come_from_two_places():
    expected = "https://bru-2.optimize.camunda.io/c-1"
    both = connection(region="bru-2", cluster_id="c-1")
    assert (both.config.base_url, both.origins["base_url"]) == (expected, "options --region and --cluster-id")
    assert connection({**ENV, "CAMUNDA_CLUSTER_ID": "c-1"}, region="bru-2").config.base_url == expected
    assert connection({**ENV, "CAMUNDA_CLUSTER_REGION": "bru-2"}, cluster_id="c-1").config.base_url == expected


@pytest.mark.parametrize("option", ["client_id", "oauth_url", "scope", "audience"])
def test_client_credentials_by_option_outrank_a_static_token_of_the_environment(option):
    environ = {**ENV, "CAMUNDA_OAUTH_TOKEN": "static"}
    assert connection(environ).config.token == "static"
    assert connection(environ, **{option: "http://x"}).config.token is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "http://x", "region": "r"}, "exclude each other"),
        ({"region": "r"}, "belong together"),
        ({"ca_bundle": "x", "insecure": True}, "exclude each other"),
        ({"client_key": "x"}, "--client-key needs --client-cert"),
        ({"ask_token": True, "client_id": "x"}, "static token"),
        ({"ask_token": True, "ask_secret": True}, "static token"),
    ],
)
def test_what_contradicts_itself(options, words):
    with pytest.raises(click.UsageError, match=words):
        connection(**options)


def test_a_wrong_value_is_said_to_come_from_its_option():
    with pytest.raises(ConfigurationError, match=r"request_timeout: .* \(from option --timeout\)"):
        connection(timeout=-1.0)
