"""Settings: what is accepted, what is refused with which words, and that no secret ever shows."""

from __future__ import annotations

import pickle
import ssl
import traceback
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from camunda_optimize import ConfigurationError, OptimizeClient, OptimizeConfig, config
from camunda_optimize._environment import BASE_URL, CLUSTER_ID, CREDENTIALS, REGION, TOKEN
from camunda_optimize.config import SAAS_AUDIENCE, SAAS_OAUTH_URL
from camunda_optimize.oauth import token_request

SECRET = "correct-horse_battery~staple"
KEYCLOAK = "http://localhost:18080/auth/realms/camunda-platform/protocol/openid-connect/token"
LOGIN = {"oauth_url": KEYCLOAK, "client_id": "etl", "client_secret": SECRET}
LOGIN_ENV = {"CAMUNDA_CLIENT_ID": "etl", "CAMUNDA_CLIENT_SECRET": SECRET}
ENV = {BASE_URL: "http://localhost:8083", **LOGIN_ENV}


def self_managed(**settings):
    return OptimizeConfig.self_managed(**{**LOGIN, **settings})


def refusal(make, *args, **kwargs):
    """The error that ``make`` raises, after a look that it is fit to be printed anywhere."""
    with pytest.raises(ConfigurationError) as caught:
        make(*args, **kwargs)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in f"{caught.value!s} {caught.value!r} {caught.value.__dict__}"
    assert SECRET not in shown
    assert caught.value.setting is not None
    assert str(caught.value).startswith(f"{caught.value.setting}: ")
    return caught.value


# --- The four ways to make one ---------------------------------------------------------------------------------------


def test_saas_builds_the_url_and_knows_the_authorization_server():
    config = OptimizeConfig.saas(region="bru-2", cluster_id="0a1b-2c", client_id="etl", client_secret=SECRET)
    assert config.base_url == "https://bru-2.optimize.camunda.io/0a1b-2c"
    assert (config.oauth_url, config.audience, config.scope) == (SAAS_OAUTH_URL, SAAS_AUDIENCE, None)


def test_self_managed_assumes_neither_audience_nor_scope():
    config = self_managed()
    assert (config.base_url, config.oauth_url) == ("http://localhost:8083", KEYCLOAK)
    assert (config.audience, config.scope) == (None, None)


def test_entra_has_a_scope_and_no_audience():
    config = self_managed(scope="6f1c/.default")
    assert (config.audience, config.scope) == (None, "6f1c/.default")


def test_static_token_needs_no_login():
    config = OptimizeConfig.static_token(token="shared-token")
    assert (config.token, config.oauth_url, config.client_id, config.client_secret) == (
        "shared-token",
        None,
        None,
        None,
    )
    assert config.secrets == ("shared-token",)


def test_defaults_of_the_knobs():
    config = self_managed()
    knobs = ("max_concurrency", "request_timeout", "connect_timeout", "token_timeout", "max_attempts", "max_retry_wait")
    assert [getattr(config, knob) for knob in knobs] == [32, 60, 10, 40, 5, 120]
    assert (config.verify, config.client_cert, config.proxy, config.trust_env) == (True, None, None, False)
    assert (config.token_cache, config.token_cache_dir) == ("memory", None)


def test_knobs_pass_through_every_way_to_make_one():
    made = [
        OptimizeConfig.saas(region="r", cluster_id="c", client_id="i", client_secret="s", max_attempts=2),
        self_managed(max_attempts=2),
        OptimizeConfig.static_token(token="t", max_attempts=2),
        OptimizeConfig.from_env(ENV, max_attempts=2),
        self_managed().replace(max_attempts=2),
    ]
    assert [config.max_attempts for config in made] == [2] * 5


def test_replace_checks_again_and_keeps_the_rest():
    config = self_managed(audience="optimize-api")
    assert config.replace(client_id="other") == self_managed(audience="optimize-api", client_id="other")
    assert refusal(config.replace, base_url="localhost").setting == "base_url"


def test_frozen():
    with pytest.raises(AttributeError):
        self_managed().client_id = "other"


def test_numbers_become_floats():
    assert type(self_managed(request_timeout=5).request_timeout) is float


@pytest.mark.parametrize(
    "make",
    [
        lambda **knobs: OptimizeConfig.saas(region="r", cluster_id="c", client_id="i", client_secret="s", **knobs),
        self_managed,
        lambda **knobs: OptimizeConfig.static_token(token="t", **knobs),
        lambda **knobs: OptimizeConfig.from_env(ENV, **knobs),
        lambda **knobs: self_managed().replace(**knobs),
    ],
    ids=["saas", "self_managed", "static_token", "from_env", "replace"],
)
def test_misspelt_knob_is_named_and_the_right_ones_are_listed(make):
    error = refusal(make, max_concurency=3)
    assert error.setting == "max_concurency"
    assert "max_concurrency" in error.problem


# --- What stands in the settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["oauth_url", "client_id", "client_secret"])
@pytest.mark.parametrize("value", [None, "", "  ", "\n"], ids=repr)
def test_missing_credential_is_named(setting, value):
    error = refusal(self_managed, **{setting: value})
    assert error.setting == setting
    assert "missing or empty" in error.problem


@pytest.mark.parametrize("token", [None, "", " "], ids=repr)
def test_missing_static_token(token):
    assert refusal(OptimizeConfig.static_token, token=token).setting == "token"


@pytest.mark.parametrize("setting", ["client_id", "client_secret", "audience", "scope"])
@pytest.mark.parametrize(
    "spoil",
    ["{}\n", "{}\r\n", " {}", "{}\t", "\N{NO-BREAK SPACE}{}"],
    ids=["newline", "crlf", "space", "tab", "nbsp"],
)
def test_white_space_around_a_value_is_refused(setting, spoil):
    error = refusal(self_managed, **{setting: spoil.format(SECRET)})
    assert error.setting == setting
    assert "white space" in error.problem


@pytest.mark.parametrize("setting", ["base_url", "oauth_url", "client_id", "client_secret", "audience", "scope"])
@pytest.mark.parametrize("char", ["\n", "\r", "\0", "\x7f"], ids=["newline", "return", "null", "delete"])
def test_control_character_inside_is_refused(setting, char):
    assert refusal(self_managed, **{setting: f"http://a{char}b"}).setting == setting


@pytest.mark.parametrize("setting", ["base_url", "oauth_url", "client_id", "client_secret", "audience", "scope"])
@pytest.mark.parametrize("value", [5, b"bytes", True, ["list"], 1.5], ids=lambda value: type(value).__name__)
def test_text_of_another_type_is_refused(setting, value):
    error = refusal(self_managed, **{setting: value})
    assert error.setting == setting
    assert type(value).__name__ in error.problem


@pytest.mark.parametrize("setting", ["client_id", "client_secret", "audience", "scope"])
def test_undecodable_text_is_refused_before_it_fails_in_the_token_request(setting):
    undecodable = b"caf\xe9".decode("utf-8", "surrogateescape")  # as the environment hands it over
    assert refusal(self_managed, **{setting: undecodable}).setting == setting


@pytest.mark.parametrize("secret", ["a b", "p+q/r=", "ä€😀", "a&b=c%20", '"quoted"', "back\\slash"])
def test_any_printable_secret_is_taken_as_it_is(secret):
    config = self_managed(client_secret=secret)
    assert config.client_secret == secret
    assert config.secrets == (secret,)
    assert token_request(config).body


@pytest.mark.parametrize("token", ["a", "abc.DEF-123_~+/", "padded==", "x" * 5000])
def test_static_token_characters_taken(token):
    assert OptimizeConfig.static_token(token=token).token == token


@pytest.mark.parametrize(
    "token",
    ["two words", 'quo"te', "umlaut-ä", "=front", "mid=dle", "semi;colon", "per%20cent", "under\u0661", "\udce4"],
)
def test_static_token_characters_refused_without_showing_it(token):
    error = refusal(OptimizeConfig.static_token, token=token)
    assert error.setting == "token"
    assert token not in str(error)


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", "BEARER "])
def test_static_token_with_the_header_s_first_word(prefix):
    error = refusal(OptimizeConfig.static_token, token=prefix + SECRET)
    assert "without the word Bearer" in error.problem


@pytest.mark.parametrize("setting", ["oauth_url", "client_id", "client_secret", "audience", "scope"])
def test_static_token_and_client_credentials_do_not_mix(setting):
    error = refusal(OptimizeConfig, base_url="http://localhost:8083", token=SECRET, **{setting: "x"})
    assert error.setting == setting
    assert "one or the other" in error.problem


# --- URLs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        ("http://localhost:8083", "http://localhost:8083"),
        ("http://localhost:8083/", "http://localhost:8083"),
        ("http://localhost:8083///", "http://localhost:8083"),
        ("https://bru-2.optimize.camunda.io/0a1b", "https://bru-2.optimize.camunda.io/0a1b"),
        ("https://example.com/camunda/optimize/", "https://example.com/camunda/optimize"),
        ("https://gateway.example/api/optimize", "https://gateway.example/api/optimize"),
        ("http://[::1]:8083", "http://[::1]:8083"),
        ("http://[2001:db8::7]/optimize", "http://[2001:db8::7]/optimize"),
        ("http://192.168.0.7:8083", "http://192.168.0.7:8083"),
        ("https://optimize.example/a%20path", "https://optimize.example/a%20path"),
        ("http://optimize_8083:8083", "http://optimize_8083:8083"),
    ],
)
def test_base_url_taken(given_url, used):
    assert self_managed(base_url=given_url).base_url == used


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("https://bru-2.optimize.camunda.io", True),
        ("https://bru-2.optimize.camunda.io/", True),
        ("https://bru-2.optimize.camunda.io/0a1b", False),
        ("http://localhost:8083", False),
    ],
)
def test_a_saas_address_without_its_cluster_is_a_warning(url, warned, caplog):
    self_managed(base_url=url)
    assert ("lacks the cluster id: give https://bru-2.optimize.camunda.io/<cluster id>" in caplog.text) is warned


def test_settings_have_the_names_and_types_of_the_fields():
    expected = get_type_hints(OptimizeConfig, None, {"ssl": ssl})
    assert get_type_hints(config.Settings, None, {"ssl": ssl}) == expected


TYPED = """
from camunda_optimize import OptimizeConfig
OptimizeConfig.from_env(max_concurrency=3, base_url="http://x", verify=False, token=None)
OptimizeConfig.from_env(max_concurency=3)
OptimizeConfig.from_env(max_concurrency="3")
OptimizeConfig.static_token(token="t", trust_env="no")
OptimizeConfig.from_env().replace(client_id=5)
"""


def test_a_type_checker_refuses_wrong_names_and_types(tmp_path):
    api = pytest.importorskip("mypy.api", reason="the group lint")
    file = tmp_path / "typed.py"
    file.write_text(TYPED)
    root = Path(__file__).parents[2]
    said, _, code = api.run(
        [str(file), f"--config-file={root / 'pyproject.toml'}", f"--cache-dir={root / '.mypy_cache'}"]
    )
    assert code == 1, said
    assert [int(line.split(":")[1]) for line in said.splitlines() if ": error: " in line] == [4, 5, 6, 7], said


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:8083", "no scheme"),
        ("optimize.example.com", "no scheme"),
        ("//optimize.example.com", "no scheme"),
        ("ftp://optimize.example.com", "not http or https"),
        ("htps://optimize.example.com", "not http or https"),
        ("http://", "'http://' has no valid host: write it like"),
        ("http:", "no scheme"),
        ("http:///optimize", "no valid host"),
        ("http://:8083", "no valid host"),
        ("http://local host:8083", "no valid host"),
        ("http://localhost:eight", "not a URL"),
        ("http://localhost:99999", "not a URL"),
        ("http://[::1:8083", "not a URL"),
        (f"http://etl:{SECRET}@localhost:8083", "user name or password"),
        (f"etl:{SECRET}@localhost:8083", "user name or password"),
        ("http://localhost:8083?x=1", "'?' or '#'"),
        ("http://localhost:8083/?", "'?' or '#'"),
        ("http://localhost:8083/#", "'?' or '#'"),
        ("https://bru-2.optimize.camunda.io/0a1b/#/collection/c1", "'?' or '#'"),
    ],
)
@pytest.mark.parametrize("setting", ["base_url", "oauth_url"])
def test_url_refused(setting, url, words):
    error = refusal(self_managed, **{setting: url})
    assert error.setting == setting
    assert words in error.problem


@pytest.mark.parametrize("setting", ["base_url", "oauth_url"])
@pytest.mark.parametrize("mark", ["?access_token=", "#access_token="], ids=["query", "fragment"])
def test_url_with_a_token_behind_it_is_refused_without_quoting_the_token(setting, mark):
    assert refusal(self_managed, **{setting: f"https://optimize.example/{mark}{SECRET}"}).setting == setting


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/public",
        "/api/public/",
        "/api/ingestion",
        "/api/readyz",
        "/api/public/dashboard",
        "/api/public/export/report/definition/json",
        "/api/ingestion/variable",
    ],
)
def test_base_url_that_ends_inside_the_api_is_refused(path):
    error = refusal(self_managed, base_url=f"https://optimize.example/context{path}")
    assert "before /api" in error.problem


@pytest.mark.parametrize(
    "url",
    ["http://a\\b", "http://" + "é" * 70, "http://xn--a\u0308"],
    ids=["backslash", "label too long", "wrong punycode"],
)
def test_host_that_no_request_can_be_sent_to_is_refused_here(url):
    assert refusal(self_managed, base_url=url).setting == "base_url"


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "HTTP"]), st.text(max_size=12), st.text(max_size=8))
)
def test_every_url_is_refused_or_can_be_requested(url):
    try:
        config = self_managed(base_url=url)
    except ConfigurationError:
        return
    try:
        URL(config.base_url)
    except ValueError as error:
        pytest.fail(f"accepted {url!r}, which aiohttp then refuses: {error}")


@pytest.mark.parametrize("setting", ["region", "cluster_id"])
@pytest.mark.parametrize("value", ["", None, "a/b", "a.b", "-a", "a-", "a b", "a?b", "..", "ä", 5], ids=repr)
def test_region_and_cluster_id_are_single_labels(setting, value):
    names = {"region": "bru-2", "cluster_id": "0a1b", setting: value}
    assert refusal(OptimizeConfig.saas, **names, client_id="etl", client_secret=SECRET).setting == setting


# --- Knobs -----------------------------------------------------------------------------------------------------------

SECONDS = ["request_timeout", "connect_timeout", "token_timeout", "max_retry_wait", "retry_backoff"]


@pytest.mark.parametrize("knob", SECONDS)
@pytest.mark.parametrize(
    "value", [-1, "5", None, True, float("nan"), float("inf"), 10**400], ids=lambda value: str(value)[:4]
)
def test_seconds_refused(knob, value):
    assert refusal(self_managed, **{knob: value}).setting == knob


@pytest.mark.parametrize("knob", SECONDS)
def test_zero_seconds_is_a_wait_but_no_timeout(knob):
    if knob.endswith("timeout"):
        assert refusal(self_managed, **{knob: 0}).setting == knob
    else:
        assert getattr(self_managed(**{knob: 0}), knob) == 0.0


@pytest.mark.parametrize(("knob", "most"), [("max_concurrency", 1000), ("max_attempts", 100)])
@pytest.mark.parametrize("value", [0, -1, "5", 1.0, None, True], ids=repr)
def test_count_refused(knob, most, value):
    assert refusal(self_managed, **{knob: value}).setting == knob
    assert str(most) in refusal(self_managed, **{knob: most + 1}).problem
    assert getattr(self_managed(**{knob: most}), knob) == most


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "some.pem"
    path.write_text("not read before the client opens")
    return path


def test_verify_taken(pem):
    context = ssl.create_default_context()
    assert self_managed(verify=False).verify is False
    assert self_managed(verify=str(pem)).verify == str(pem)
    assert self_managed(verify=pem).verify == str(pem)
    assert self_managed(verify=context).verify is context


@pytest.mark.parametrize("value", ["", "false", "missing.pem", Path("missing.pem"), 1, None, [], "nul\0l"], ids=repr)
def test_verify_refused(value):
    assert refusal(self_managed, verify=value).setting == "verify"


def test_verify_refuses_a_path_in_bytes(pem):
    class BytesPath:
        def __fspath__(self):
            return bytes(pem)

    assert refusal(self_managed, verify=BytesPath()).setting == "verify"


def test_client_cert_taken(pem):
    path = str(pem)
    assert self_managed(client_cert=pem).client_cert == (path, None)
    assert self_managed(client_cert=(path, None)).client_cert == (path, None)
    assert self_managed(client_cert=[path, pem]).client_cert == (path, path)


@pytest.mark.parametrize(
    "value", ["missing.pem", "", 5, (), ("only",), ("a", "b", "c"), (None, "missing.pem"), {"cert": "x"}], ids=repr
)
def test_client_cert_refused(value):
    assert refusal(self_managed, client_cert=value).setting == "client_cert"


def test_client_cert_beside_an_ssl_context_is_refused_and_not_ignored(pem):
    error = refusal(self_managed, verify=ssl.create_default_context(), client_cert=pem)
    assert error.setting in ("client_cert", "verify")


@pytest.mark.parametrize("url", ["http://proxy.example:3128", "https://proxy.example", "http://[::1]:3128"])
def test_proxy_taken(url):
    assert self_managed(proxy=url).proxy == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "proxy.example:3128",
        "socks5://proxy.example:1080",
        "http://",
        "http://proxy.example:0x",
        "http://[::1",
        f"socks5://etl:{SECRET}@proxy.example",
        f"http://etl:{SECRET}@proxy.example:99999",
        f"http://etl:{SECRET}@proxy.example\n",
        5,
    ],
)
def test_proxy_refused_without_showing_its_password(url):
    assert refusal(self_managed, proxy=url).setting == "proxy"


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"token_cache": "disk"}, "token_cache"),
        ({"token_cache": None}, "token_cache"),
        ({"token_cache": ["memory"]}, "token_cache"),
        ({"token_cache_dir": 5}, "token_cache_dir"),
    ],
    ids=repr,
)
def test_token_cache_refused(settings, setting):
    assert refusal(self_managed, **settings).setting == setting


@pytest.mark.parametrize("value", ["false", 0, None], ids=repr)
def test_trust_env_is_a_bool(value):
    assert refusal(self_managed, trust_env=value).setting == "trust_env"


# --- Secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        self_managed(),
        OptimizeConfig.static_token(token=SECRET),
        self_managed(client_secret="other", proxy=f"http://etl:{SECRET}@proxy.example:3128"),
    ],
    ids=["client secret", "static token", "proxy password"],
)
def test_config_never_shows_a_secret(config):
    for shown in (repr(config), str(config), f"{config}", f"{config!a}", repr([config]), repr({"config": config})):
        assert SECRET not in shown
    assert SECRET in config.secrets


def test_proxy_password_is_a_secret_as_written_and_as_meant():
    config = self_managed(proxy="http://etl:p%40ss@proxy.example:3128")
    assert set(config.secrets) == {SECRET, "p%40ss", "p@ss"}


def test_proxy_without_a_password_adds_no_secret():
    assert self_managed(proxy="http://etl@proxy.example:3128").secrets == (SECRET,)


def test_config_survives_pickle_for_another_process():
    config = self_managed(scope="s", max_attempts=2)
    assert pickle.loads(pickle.dumps(config)) == config


# --- Environment -----------------------------------------------------------------------------------------------------


def test_the_documentation_page_s_variables_work_as_they_stand():
    config = OptimizeConfig.from_env(
        {
            "ZEEBE_CLIENT_ID": "etl",
            "ZEEBE_CLIENT_SECRET": SECRET,
            "ZEEBE_AUTHORIZATION_SERVER_URL": "https://login.cloud.camunda.io/oauth/token",
            "CAMUNDA_OPTIMIZE_BASE_URL": "https://bru-2.optimize.camunda.io/0a1b",
        }
    )
    same = OptimizeConfig.saas(region="bru-2", cluster_id="0a1b", client_id="etl", client_secret=SECRET)
    assert config == same


def test_a_downloaded_credentials_file_works():
    config = OptimizeConfig.from_env(
        {
            "ZEEBE_ADDRESS": "0a1b.bru-2.zeebe.camunda.io:443",
            "ZEEBE_CLIENT_ID": "etl",
            "ZEEBE_CLIENT_SECRET": SECRET,
            "ZEEBE_AUTHORIZATION_SERVER_URL": SAAS_OAUTH_URL,
            "ZEEBE_TOKEN_AUDIENCE": "zeebe.camunda.io",
            "CAMUNDA_CLUSTER_ID": "0a1b",
            "CAMUNDA_CLUSTER_REGION": "bru-2",
            "CAMUNDA_CREDENTIALS_SCOPES": "Zeebe,Optimize",
            "CAMUNDA_OAUTH_URL": SAAS_OAUTH_URL,
        }
    )
    assert config.base_url == "https://bru-2.optimize.camunda.io/0a1b"
    assert config.audience == SAAS_AUDIENCE


def test_the_process_s_own_environment_is_the_default(monkeypatch):
    for name in {BASE_URL, REGION, CLUSTER_ID, TOKEN}.union(*CREDENTIALS.values()):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    assert OptimizeConfig.from_env() == OptimizeConfig.from_env(ENV)


def test_authorization_server_and_audience_default_to_saas():
    config = OptimizeConfig.from_env(ENV)
    assert (config.oauth_url, config.audience) == (SAAS_OAUTH_URL, SAAS_AUDIENCE)


@pytest.mark.parametrize(
    ("oauth_url", "audience"),
    [
        (SAAS_OAUTH_URL, SAAS_AUDIENCE),
        (SAAS_OAUTH_URL.replace("login", "LOGIN"), SAAS_AUDIENCE),
        (KEYCLOAK, None),
        ("https://login.cloud.camunda.io.evil.example/oauth/token", None),
        ("https://evil.example/login.cloud.camunda.io/oauth/token", None),
    ],
)
def test_audience_defaults_for_the_saas_authorization_server_only(oauth_url, audience):
    assert OptimizeConfig.from_env({**ENV, "CAMUNDA_OAUTH_URL": oauth_url}).audience == audience


def test_audience_defaults_by_the_authorization_server_that_is_used():
    assert OptimizeConfig.from_env(ENV, oauth_url=KEYCLOAK).audience is None


def test_base_url_may_be_given_beside_the_environment():
    assert OptimizeConfig.from_env(LOGIN_ENV, base_url="http://localhost:8090").base_url == "http://localhost:8090"


@pytest.mark.parametrize("name", ["CAMUNDA_OPTIMIZE_OAUTH_AUDIENCE", "CAMUNDA_TOKEN_AUDIENCE"])
def test_audience_from_the_environment_wins(name):
    assert OptimizeConfig.from_env({**ENV, name: "optimize-api"}).audience == "optimize-api"


def test_scope_from_the_environment():
    env = {**ENV, "CAMUNDA_OAUTH_URL": KEYCLOAK, "CAMUNDA_TOKEN_SCOPE": "6f1c/.default"}
    assert OptimizeConfig.from_env(env).scope == "6f1c/.default"


PAIRS = [names for names in CREDENTIALS.values() if len(names) == 2]


@pytest.mark.parametrize("names", PAIRS, ids="|".join)
def test_two_names_with_different_values_are_both_named_and_no_value_shown(names):
    env = {**ENV, names[0]: f"https://{SECRET}.example", names[1]: "https://other.example"}
    error = refusal(OptimizeConfig.from_env, env)
    assert names[0] in str(error)
    assert names[1] in str(error)
    assert "other.example" not in str(error)


@pytest.mark.parametrize("names", PAIRS, ids="|".join)
def test_two_names_with_one_value_are_fine(names):
    value = "https://same.example/token"
    env = {BASE_URL: ENV[BASE_URL], "CAMUNDA_CLIENT_ID": "etl", "CAMUNDA_CLIENT_SECRET": SECRET}
    env.update(dict.fromkeys(names, value))
    setting = next(setting for setting, known in CREDENTIALS.items() if known == names)
    assert getattr(OptimizeConfig.from_env(env), setting) == value


@pytest.mark.parametrize("names", PAIRS, ids="|".join)
@pytest.mark.parametrize("empty", [0, 1], ids=["first empty", "second empty"])
def test_an_empty_name_of_a_pair_does_not_count(names, empty):
    value = "https://same.example/token"
    env = {**ENV, names[empty]: "", names[1 - empty]: value}
    setting = next(setting for setting, known in CREDENTIALS.items() if known == names)
    assert getattr(OptimizeConfig.from_env(env), setting) == value


@pytest.mark.parametrize(
    ("env", "here", "missing"),
    [({REGION: "bru-2"}, REGION, CLUSTER_ID), ({CLUSTER_ID: "0a1b"}, CLUSTER_ID, REGION)],
    ids=["region without cluster", "cluster without region"],
)
def test_half_of_a_saas_address(env, here, missing):
    error = refusal(OptimizeConfig.from_env, {**LOGIN_ENV, **env})
    assert f"{here} is set but {missing} is not" in error.problem
    assert BASE_URL in error.problem


def test_no_address_at_all():
    error = refusal(OptimizeConfig.from_env, LOGIN_ENV)
    assert error.setting == "base_url"
    assert all(name in str(error) for name in (BASE_URL, REGION, CLUSTER_ID))


def test_base_url_wins_over_region_and_cluster():
    env = {**ENV, REGION: "bru-2", CLUSTER_ID: "0a1b"}
    assert OptimizeConfig.from_env(env).base_url == ENV[BASE_URL]


@pytest.mark.parametrize(
    ("env", "setting", "variable"),
    [
        ({REGION: "bru/2", CLUSTER_ID: "0a1b"}, "region", REGION),
        ({REGION: "bru-2", CLUSTER_ID: "https://x"}, "cluster_id", CLUSTER_ID),
        ({BASE_URL: "localhost:8083"}, "base_url", BASE_URL),
        ({**ENV, "CAMUNDA_CLIENT_ID": "etl\n"}, "client_id", "CAMUNDA_CLIENT_ID"),
        (
            {BASE_URL: "http://h", "ZEEBE_CLIENT_ID": "i", "ZEEBE_CLIENT_SECRET": f"{SECRET}\n"},
            "client_secret",
            "ZEEBE_CLIENT_SECRET",
        ),
        ({**ENV, "ZEEBE_AUTHORIZATION_SERVER_URL": "keycloak"}, "oauth_url", "ZEEBE_AUTHORIZATION_SERVER_URL"),
        ({**ENV, "CAMUNDA_TOKEN_AUDIENCE": " x"}, "audience", "CAMUNDA_TOKEN_AUDIENCE"),
        ({**ENV, "CAMUNDA_TOKEN_SCOPE": "x "}, "scope", "CAMUNDA_TOKEN_SCOPE"),
        ({**ENV, TOKEN: f"Bearer {SECRET}"}, "token", TOKEN),
        ({BASE_URL: "http://h", "CAMUNDA_CLIENT_SECRET": "s"}, "client_id", "CAMUNDA_CLIENT_ID or ZEEBE_CLIENT_ID"),
        (
            {BASE_URL: "http://h", "CAMUNDA_CLIENT_ID": "i"},
            "client_secret",
            "CAMUNDA_CLIENT_SECRET or ZEEBE_CLIENT_SECRET",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_error_names_the_variable(env, setting, variable):
    login = {} if "client" in setting else LOGIN_ENV
    error = refusal(OptimizeConfig.from_env, {**login, **env})
    assert error.setting == setting
    assert error.origin == f"environment variable {variable}"
    assert variable in str(error)


@pytest.mark.parametrize("url", ["http://[::1", "https://login.cloud.camunda.io]/x"])
def test_broken_authorization_server_url_names_the_variable(url):
    error = refusal(OptimizeConfig.from_env, {**ENV, "CAMUNDA_OAUTH_URL": url})
    assert error.origin == "environment variable CAMUNDA_OAUTH_URL"


def test_error_in_a_knob_does_not_blame_the_environment():
    assert refusal(OptimizeConfig.from_env, ENV, max_attempts=0).origin is None
    assert refusal(OptimizeConfig.from_env, ENV, client_id="a\n").origin is None


def test_error_from_the_environment_hides_no_other_error_behind_it():
    error = refusal(OptimizeConfig.from_env, {**ENV, "CAMUNDA_CLIENT_SECRET": f"{SECRET}\n"})
    assert error.__cause__ is None
    assert error.__context__ is None


def test_static_token_in_the_environment_wins_over_credentials_for_other_apis():
    config = OptimizeConfig.from_env({**ENV, "ZEEBE_CLIENT_ID": "another", TOKEN: "shared-token"})
    assert (config.token, config.client_id, config.oauth_url, config.audience) == ("shared-token", None, None, None)


NAMES = sorted({BASE_URL, REGION, CLUSTER_ID, TOKEN}.union(*CREDENTIALS.values()))
VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\0"), max_size=20),
    st.sampled_from(
        ["http://h", "http://[", "https://h:1/x", KEYCLOAK, SAAS_OAUTH_URL, "bru-2", "x", "\udce4", "//", "a@b"]
    ),
)


@settings(max_examples=200, deadline=None, database=None)
@given(
    st.fixed_dictionaries(
        {BASE_URL: st.one_of(st.just("http://localhost:8083"), VALUES)},
        optional={name: VALUES for name in NAMES if name != BASE_URL},
    )
)
@example({**ENV, "CAMUNDA_OAUTH_URL": "http://["})
def test_any_environment_gives_a_config_or_a_configuration_error(env):
    try:
        config = OptimizeConfig.from_env(env)
    except ConfigurationError as error:
        assert str(error)
        assert error.setting
    else:
        assert repr(config)
        if config.token is None:
            assert token_request(config).body


@settings(max_examples=200, deadline=None, database=None)
@given(
    st.dictionaries(
        st.sampled_from([*SECONDS, "max_attempts", "verify", "client_cert", "proxy", "token_cache"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=5),
            st.binary(max_size=5),
            st.tuples(st.text(), st.none()),
        ),
        min_size=1,
    )
)
def test_any_knob_gives_a_config_or_a_configuration_error(knobs):
    try:
        self_managed(**knobs)
    except ConfigurationError as error:
        assert error.setting in knobs


@pytest.mark.parametrize("wrong", ["http://localhost:8083", None, {"base_url": "http://localhost:8083"}], ids=repr)
def test_a_client_wants_a_configuration(wrong):
    error = refusal(OptimizeClient, wrong)
    assert error.problem.startswith(f"must be an OptimizeConfig, not {type(wrong).__name__}: from_env(), ")
