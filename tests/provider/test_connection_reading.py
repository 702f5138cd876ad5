from __future__ import annotations

import json
import os
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize import ConfigurationError
from camunda_optimize_provider.connection import read_connection
from camunda_optimize_provider.connection_values import ConnectionFields

SECRET = "s3cr3t~do.not-show_8Zq"
DIGITS = 98765432123456
KEYCLOAK = "https://sso.example/auth/realms/camunda-platform/protocol/openid-connect/token"
SAAS_HOST = "https://bru-2.optimize.camunda.io/1111-2222"
LOGIN = {"login": "me", "password": SECRET}


def read(**fields):
    return read_connection(ConnectionFields(conn_id=fields.pop("conn_id", "lake_source"), **fields)).config


GOOD = {
    "saas by region and cluster": (
        {**LOGIN, "extra": {"deployment": "saas", "region": "bru-2", "cluster_id": "1111-2222"}},
        {
            "base_url": SAAS_HOST,
            "oauth_url": "https://login.cloud.camunda.io/oauth/token",
            "audience": "optimize.camunda.io",
            "client_id": "me",
            "client_secret": SECRET,
            "token": None,
        },
    ),
    "saas by host": (
        {**LOGIN, "host": SAAS_HOST, "extra": {"deployment": "saas"}},
        {"base_url": SAAS_HOST, "audience": "optimize.camunda.io"},
    ),
    "saas by host, region and cluster that agree": (
        {**LOGIN, "host": SAAS_HOST + "/", "extra": {"region": "bru-2", "cluster_id": "1111-2222"}},
        {"base_url": SAAS_HOST},
    ),
    "saas with an authorization server of one's own": (
        {
            **LOGIN,
            "host": "http://localhost:8083",
            "extra": {"deployment": "saas", "oauth_url": "http://localhost:9/t"},
        },
        {"base_url": "http://localhost:8083", "audience": None},
    ),
    "saas inferred from region and cluster": (
        {**LOGIN, "extra": {"region": "bru-2", "cluster_id": "1111-2222"}},
        {"base_url": SAAS_HOST, "audience": "optimize.camunda.io"},
    ),
    "saas inferred from the host, written without scheme": (
        {**LOGIN, "host": "bru-2.optimize.camunda.io/1111-2222"},
        {"base_url": SAAS_HOST},
    ),
    "self-managed with Keycloak": (
        {**LOGIN, "host": "http://optimize:8083", "extra": {"deployment": "self_managed", "oauth_url": KEYCLOAK}},
        {"base_url": "http://optimize:8083", "oauth_url": KEYCLOAK, "audience": None, "scope": None},
    ),
    "self-managed inferred, with Entra ID": (
        {**LOGIN, "host": "https://optimize.corp", "extra": {"oauth_url": KEYCLOAK, "scope": "app/.default"}},
        {"scope": "app/.default"},
    ),
    "hyphen in the deployment": (
        {**LOGIN, "host": "http://o:1", "extra": {"deployment": "Self-Managed", "oauth_url": KEYCLOAK}},
        {"base_url": "http://o:1"},
    ),
    "self-managed that logs in at SaaS": (
        {
            **LOGIN,
            "host": "https://o.corp",
            "extra": {"deployment": "self_managed", "oauth_url": "https://login.cloud.camunda.io/oauth/token"},
        },
        {"audience": "optimize.camunda.io"},
    ),
    "static token": (
        {"host": "http://o:8083", "password": "abc.def", "extra": {"deployment": "static_token"}},
        {"token": "abc.def", "client_secret": None, "oauth_url": None},
    ),
    "static token inferred": ({"host": "http://o:8083", "password": "abc.def"}, {"token": "abc.def"}),
    "port beside an absolute URL": (
        {"host": "http://o:8083", "port": 443, "password": "abc"},
        {"base_url": "http://o:8083"},
    ),
    "host, port and schema": (
        {"host": "o.corp", "port": 8083, "schema": "http", "password": "abc"},
        {"base_url": "http://o.corp:8083"},
    ),
    "host, port, schema and path": (
        {"host": "o.corp/optimize", "port": 8443, "schema": "https", "password": "abc"},
        {"base_url": "https://o.corp:8443/optimize"},
    ),
    "host with its own port": (
        {"host": "o.corp:81", "port": 8083, "schema": "http", "password": "abc"},
        {"base_url": "http://o.corp:81"},
    ),
    "IPv6": ({"host": "::1", "port": 8083, "schema": "http", "password": "abc"}, {"base_url": "http://[::1]:8083"}),
    "unset in every way": (
        {
            "host": "http://o:1",
            "login": "",
            "password": "abc",
            "schema": "",
            "extra": {
                "region": None,
                "cluster_id": "",
                "oauth_url": "***",
                "audience": " ",
                "scope": None,
                "cache": None,
            },
        },
        {"token": "abc", "audience": None},
    ),
    "an untouched form": (
        {
            **LOGIN,
            "host": SAAS_HOST,
            "port": 443,
            "extra": json.dumps(
                {
                    "deployment": "saas",
                    "region": None,
                    "cluster_id": None,
                    "oauth_url": None,
                    "audience": None,
                    "scope": None,
                    "ca_bundle": None,
                    "verify": True,
                    "max_concurrency": 32,
                    "requests_per_second": None,
                    "request_timeout": 60,
                    "cache": "file",
                }
            ),
        },
        {
            "verify": True,
            "max_concurrency": 32,
            "requests_per_second": None,
            "request_timeout": 60.0,
            "token_cache": "file",
        },
    ),
    "no cache chosen": ({"host": "http://o:1", "password": "abc", "extra": {"cache": None}}, {"token_cache": "file"}),
    "memory": ({"host": "http://o:1", "password": "abc", "extra": {"cache": "Memory"}}, {"token_cache": "memory"}),
    "flag as 0": ({"host": "http://o:1", "password": "abc", "extra": {"verify": 0}}, {"verify": False}),
    "flag as '0'": ({"host": "http://o:1", "password": "abc", "extra": {"verify": "0"}}, {"verify": False}),
    "flag as 1": ({"host": "http://o:1", "password": "abc", "extra": {"verify": 1}}, {"verify": True}),
    "plain http to a server of one's own": (
        {"host": "http://optimize.camunda.io.corp/x", "password": "abc"},
        {"base_url": "http://optimize.camunda.io.corp/x"},
    ),
    "knobs": (
        {
            "host": "http://o:1",
            "password": "abc",
            "extra": {"verify": False, "max_concurrency": 7, "requests_per_second": 0.5, "request_timeout": 2.5},
        },
        {"verify": False, "max_concurrency": 7, "requests_per_second": 0.5, "request_timeout": 2.5},
    ),
    "knobs as texts": (
        {
            "host": "http://o:1",
            "password": "abc",
            "extra": {
                "verify": "False",
                "max_concurrency": "7",
                "requests_per_second": "0.5",
                "request_timeout": "2.5",
            },
        },
        {"verify": False, "max_concurrency": 7, "requests_per_second": 0.5, "request_timeout": 2.5},
    ),
}


@pytest.mark.parametrize(("fields", "expected"), GOOD.values(), ids=GOOD.keys())
def test_reads(fields, expected):
    config = read(**fields)
    assert {name: getattr(config, name) for name in expected} == expected


def test_reads_a_ca_bundle(tmp_path):
    bundle = tmp_path / "authorities.pem"
    bundle.write_text("x")
    assert read(host="https://o:1", password="abc", extra={"ca_bundle": str(bundle)}).verify == str(bundle)


BAD = {
    "nothing at all": ({}, "'Base URL'", "is empty"),
    "no host for saas": ({**LOGIN, "extra": {"deployment": "saas"}}, "'Base URL'", "region and cluster ID"),
    "no host for self-managed": ({**LOGIN, "extra": {"oauth_url": KEYCLOAK}}, "'Base URL'", "is empty"),
    "no secret": (
        {"host": SAAS_HOST, "login": "me", "extra": {"deployment": "saas"}},
        "'Client secret or static token'",
        "is empty",
    ),
    "a mask for a secret": (
        {"host": SAAS_HOST, "login": "me", "password": "***"},
        "'Client secret or static token'",
        "is empty",
    ),
    "no client": ({"host": SAAS_HOST, "password": SECRET}, "'Client ID'", "is empty"),
    "no token": (
        {"host": "http://o:1", "extra": {"deployment": "static_token"}},
        "'Client secret or static token'",
        "is empty",
    ),
    "no OAuth URL": ({**LOGIN, "host": "http://o:1"}, "'OAuth URL'", "is empty"),
    "broken OAuth URL": (
        {**LOGIN, "host": "http://o:1", "extra": {"oauth_url": "http://["}},
        "'OAuth URL'",
        "not a URL",
    ),
    "OAuth URL without scheme": (
        {**LOGIN, "host": "http://o:1", "extra": {"oauth_url": "sso.example/token"}},
        "'OAuth URL'",
        "no scheme",
    ),
    "host without scheme": ({**LOGIN, "host": "optimize:8083"}, "'Base URL'", "must start with http"),
    "host with another scheme": (
        {"host": "ftp://o", "password": SECRET},
        "'Base URL'",
        "not http or https",
    ),
    "another schema": ({"host": "o", "schema": "optimize", "password": SECRET}, "'Base URL'", "must start with http"),
    "path of the API": ({"host": "http://o:1/api", "password": SECRET}, "'Base URL'", "/api"),
    "credentials in the URL": ({"host": f"http://me:{SECRET}@o:1", "password": SECRET}, "'Base URL'", "user name"),
    "saas without cluster": (
        {**LOGIN, "host": "https://bru-2.optimize.camunda.io"},
        "'Base URL'",
        "end in the cluster ID",
    ),
    "region without cluster": (
        {**LOGIN, "extra": {"deployment": "saas", "region": "bru-2"}},
        "'Cluster ID'",
        "needs both region and cluster ID",
    ),
    "cluster without region": (
        {**LOGIN, "extra": {"deployment": "saas", "cluster_id": "1"}},
        "'Region'",
        "needs both region and cluster ID",
    ),
    "host and cluster that disagree": (
        {**LOGIN, "host": SAAS_HOST, "extra": {"region": "bru-2", "cluster_id": "3333"}},
        "'Base URL'",
        "https://bru-2.optimize.camunda.io/3333",
    ),
    "malformed region": (
        {**LOGIN, "extra": {"region": "bru 2/x", "cluster_id": "3333"}},
        "'Region'",
        "letters, digits and hyphens",
    ),
    "own host, but the deployment was left at saas": (
        {**LOGIN, "host": "http://localhost:8083", "extra": {"deployment": "saas"}},
        "'Base URL'",
        "choose another 'Deployment'",
    ),
    "region for self-managed": (
        {**LOGIN, "host": "http://o:1", "extra": {"deployment": "self_managed", "region": "bru-2"}},
        "'Region'",
        "belongs to SaaS",
    ),
    "client beside a static token": (
        {**LOGIN, "host": "http://o:1", "extra": {"deployment": "static_token"}},
        "'Client ID'",
        "static token",
    ),
    "audience beside a static token": (
        {"host": "http://o:1", "password": SECRET, "extra": {"audience": "x"}},
        "'Audience'",
        "static token",
    ),
    "token with the word Bearer": (
        {"host": "http://o:1", "password": f"Bearer {SECRET}"},
        "'Client secret or static token'",
        "without the word Bearer",
    ),
    "secret with a line end": (
        {**LOGIN, "host": SAAS_HOST, "password": SECRET + "\n"},
        "'Client secret or static token'",
        "line end",
    ),
    "unknown deployment": (
        {"host": "http://o:1", "extra": {"deployment": "cloud"}},
        "'Deployment'",
        "saas, self_managed",
    ),
    "deployment of another type": ({"host": "http://o:1", "extra": {"deployment": 1}}, "'Deployment'", "text"),
    "extras that are no JSON": ({"host": "http://o:1", "extra": "{"}, "'Extra Fields JSON'", "not valid JSON"),
    "extras that are a list": ({"host": "http://o:1", "extra": "[]"}, "'Extra Fields JSON'", "JSON object"),
    "misspelt extra": (
        {"host": "http://o:1", "extra": {"audiance": "x"}},
        "'Extra Fields JSON'",
        "did you mean 'audience'",
    ),
    "unknown extra": ({"host": "http://o:1", "extra": {"qqq": "x"}}, "'Extra Fields JSON'", "oauth_url"),
    "plain http to SaaS": (
        {**LOGIN, "host": SAAS_HOST.replace("https:", "HTTP:")},
        "'Base URL'",
        "must start with https",
    ),
    "plain http to SaaS by schema": (
        {**LOGIN, "host": "bru-2.optimize.camunda.io/1", "schema": "http"},
        "'Base URL'",
        "must start with https",
    ),
    "plain http to SaaS with a static token": (
        {"password": SECRET, "host": SAAS_HOST.replace("https:", "http:"), "extra": {"deployment": "static_token"}},
        "'Base URL'",
        "must start with https",
    ),
    "plain http to the authorization server of SaaS": (
        {**LOGIN, "host": "https://o.corp", "extra": {"oauth_url": "http://login.cloud.camunda.io/oauth/token"}},
        "'OAuth URL'",
        "must start with https",
    ),
    "flag as 2": ({"host": "http://o:1", "password": SECRET, "extra": {"verify": 2}}, "'Verify TLS", "true or false"),
    "secret as deployment": ({"host": "http://o:1", "extra": {"deployment": SECRET}}, "'Deployment'", "saas"),
    "secret as region": ({**LOGIN, "extra": {"region": SECRET, "cluster_id": "1"}}, "'Region'", "letters"),
    "secret as cluster": ({**LOGIN, "extra": {"region": "x", "cluster_id": SECRET}}, "'Cluster ID'", "letters"),
    "secret as host": ({"host": SECRET}, "'Base URL'", "must start with http"),
    "secret as OAuth URL": ({**LOGIN, "host": "http://o:1", "extra": {"oauth_url": SECRET}}, "'OAuth URL'", "scheme"),
    "secret as CA bundle": (
        {"host": "http://o:1", "password": "abc", "extra": {"ca_bundle": SECRET}},
        "'CA bundle'",
        "no file",
    ),
    "secret as a number": (
        {"host": "http://o:1", "password": "abc", "extra": {"max_concurrency": SECRET}},
        "'Requests at once'",
        "whole number",
    ),
    "secret of digits as a number": (
        {"host": "http://o:1", "password": "abc", "extra": {"max_concurrency": DIGITS}},
        "'Requests at once'",
        "from 1 to 1000",
    ),
    "secret as seconds": (
        {"host": "http://o:1", "password": "abc", "extra": {"request_timeout": SECRET}},
        "'Request timeout (seconds)'",
        "number of seconds",
    ),
    "secret as a name": ({"host": "http://o:1", "extra": {SECRET: "x"}}, "'Extra Fields JSON'", "unknown name"),
    "secret as cache": ({"host": "http://o:1", "password": "abc", "extra": {"cache": SECRET}}, "'Token cache'", "file"),
    "no pace at all": (
        {"host": "http://o:1", "password": "abc", "extra": {"requests_per_second": 0}},
        "'Requests per second'",
        "from 0.1 to 10000",
    ),
    "digits of a secret as a pace": (
        {"host": "http://o:1", "password": "abc", "extra": {"requests_per_second": DIGITS}},
        "'Requests per second'",
        "from 0.1 to 10000",
    ),
    "infinite time": (
        {"host": "http://o:1", "password": "abc", "extra": {"request_timeout": "inf"}},
        "'Request timeout (seconds)'",
        "number of seconds",
    ),
    "verify as a path": (
        {"host": "http://o:1", "password": SECRET, "extra": {"verify": "/etc/ca.pem"}},
        "'Verify TLS certificates'",
        "true or false",
    ),
    "no such CA bundle": (
        {"host": "http://o:1", "password": SECRET, "extra": {"ca_bundle": "/nowhere.pem"}},
        "'CA bundle'",
        "no file",
    ),
    "CA bundle without verification": (
        {"host": "http://o:1", "password": SECRET, "extra": {"ca_bundle": "/x", "verify": False}},
        "'CA bundle'",
        "choose one",
    ),
    "half a request": (
        {"host": "http://o:1", "password": SECRET, "extra": {"max_concurrency": 1.5}},
        "'Requests at once'",
        "whole number",
    ),
    "no request at all": (
        {"host": "http://o:1", "password": SECRET, "extra": {"max_concurrency": 0}},
        "'Requests at once'",
        "from 1 to",
    ),
    "time as a word": (
        {"host": "http://o:1", "password": SECRET, "extra": {"request_timeout": "soon"}},
        "'Request timeout (seconds)'",
        "number of seconds",
    ),
    "no time": (
        {"host": "http://o:1", "password": SECRET, "extra": {"request_timeout": 0}},
        "'Request timeout (seconds)'",
        "more than 0",
    ),
    "unknown cache": (
        {"host": "http://o:1", "password": SECRET, "extra": {"cache": "disk"}},
        "'Token cache'",
        "memory",
    ),
}


@pytest.mark.parametrize(("fields", "field", "words"), BAD.values(), ids=BAD.keys())
def test_refuses_and_names_the_field(fields, field, words):
    with pytest.raises(ConfigurationError) as caught:
        read(**fields)
    text = str(caught.value)
    assert field in text
    assert words in text
    assert "lake_source" in text
    assert SECRET not in text
    assert str(DIGITS) not in text
    assert caught.value.__cause__ is None
    assert SECRET not in repr(caught.value.__context__)


def directory_of_the_cache():
    return read(host="http://o:1", password="abc").token_cache_dir


def test_tokens_are_kept_below_airflows_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert directory_of_the_cache() == str(tmp_path / "camunda_optimize")
    (tmp_path / "camunda_optimize").mkdir()
    assert directory_of_the_cache() == str(tmp_path / "camunda_optimize")


def test_where_airflows_home_is_of_no_use_the_client_chooses_the_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("AIRFLOW_HOME")
    assert directory_of_the_cache() is None
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "not-there"))
    assert directory_of_the_cache() is None
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert directory_of_the_cache() is None
    (tmp_path / "camunda_optimize").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)  # that of another user
    assert directory_of_the_cache() is None


def test_what_prints_the_fields_shows_nothing_that_may_be_secret():
    uri = f"amunda_optimize://me:{SECRET}@host/x"  # what Airflow makes of a URI that it does not understand
    assert SECRET not in repr(ConnectionFields(login=SECRET, password=SECRET, schema=uri, extra=f'{{"x": "{SECRET}"}}'))


def test_without_an_id_the_error_does_not_speak_of_one():
    with pytest.raises(ConfigurationError, match=r"^Field 'Base URL' is empty$"):
        read(conn_id=None, extra={"oauth_url": KEYCLOAK})


texts = st.one_of(
    st.none(), st.text(max_size=12), st.sampled_from(["saas", "self_managed", "static_token", "***", "bru-2"])
)
hosts = st.one_of(
    st.none(), st.text(max_size=20), st.sampled_from([SAAS_HOST, "http://o:1", "o.corp", "https://x/api"])
)
NAMES = [
    "deployment",
    "region",
    "cluster_id",
    "oauth_url",
    "audience",
    "scope",
    "verify",
    "max_concurrency",
    "requests_per_second",
    "request_timeout",
    "cache",
]
values = st.one_of(
    texts, st.booleans(), st.integers(), st.floats(), st.just(KEYCLOAK), st.lists(st.integers(), max_size=1)
)


@given(
    host=hosts,
    login=texts,
    schema=texts,
    port=st.one_of(st.none(), st.integers(0, 65535)),
    extra=st.dictionaries(st.sampled_from(NAMES), values, max_size=6),
    around=st.sampled_from(["", " ", "\n", "Bearer ", "\x00", "ü"]),
)
def test_whatever_the_fields_only_a_configuration_error_comes_and_it_holds_no_secret(
    host, login, schema, port, extra, around
):
    try:
        config = read(host=host, login=login, password=around + SECRET, schema=schema, port=port, extra=extra)
    except ConfigurationError as error:
        assert SECRET not in f"{error} {error!r} {error.args} {error.__context__!r}"
    else:
        assert SECRET not in repr(config)


@pytest.mark.parametrize("deployment", ["saas", "static_token"])
@pytest.mark.parametrize("secret", ["plain", "p@ss:w/rd?#%25&ü €", "~._-+/="])
def test_survives_airflows_round_trip_through_a_uri(deployment, secret):
    from airflow.sdk import Connection

    secret = secret if deployment == "saas" else "abc.def=="
    fields = {
        "host": SAAS_HOST if deployment == "saas" else "http://o.corp:8083/optimize",
        "login": "me@corp" if deployment == "saas" else None,
        "password": secret,
        "port": 443,
        "extra": json.dumps({"deployment": deployment, "verify": True, "region": None, "max_concurrency": 5}),
    }
    stored = Connection(conn_id="c", conn_type="camunda_optimize", **fields)
    again = Connection.from_uri(stored.get_uri(), conn_id="c")
    before, after = (
        read(host=c.host, login=c.login, password=c.password, schema=c.schema, port=c.port, extra=c.extra)
        for c in (stored, again)
    )
    assert before == after
    assert secret in before.secrets


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("camunda-optimize://:abc@o.corp:8083/http", "http://o.corp:8083"),
        ("camunda-optimize://:abc@o.corp/https", "https://o.corp"),
        (f"camunda-optimize://:abc@{quote('http://o.corp:8083/x', safe='')}", "http://o.corp:8083/x"),
        (
            "camunda-optimize://:abc@o.corp/https?deployment=static_token&verify=false&max_concurrency=3",
            "https://o.corp",
        ),
    ],
)
def test_reads_a_connection_uri(uri, base_url):
    from airflow.sdk import Connection

    c = Connection.from_uri(uri, conn_id="c")
    config = read(host=c.host, login=c.login, password=c.password, schema=c.schema, port=c.port, extra=c.extra)
    assert config.base_url == base_url
    assert config.token == "abc"
