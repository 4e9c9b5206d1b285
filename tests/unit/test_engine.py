from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import platformdirs
import pytest

from sts_plugin.engine import Engine, cache_folder, chosen_profile
from sts_plugin.errors import ConfigurationError, StsPluginError
from sts_plugin.memory import MemoryStore
from sts_plugin.resolve import Resolver
from sts_plugin.settings import Settings

STATIC = "[profile p]\naws_access_key_id = A\naws_secret_access_key = s\nregion = r\n"
ROLE = (
    "[profile q]\nrole_arn = arn:aws:iam::111111111111:role/R\nsource_profile = p\n"
    + STATIC
)


@pytest.mark.parametrize(
    ("named", "environ", "chosen"),
    [
        (None, {}, ("default", False)),
        (None, {"AWS_PROFILE": "b"}, ("b", False)),
        (None, {"AWS_DEFAULT_PROFILE": "a", "AWS_PROFILE": "b"}, ("a", False)),
        (None, {"AWS_PROFILE": ""}, ("", False)),
        (None, {"AWS_DEFAULT_PROFILE": "", "AWS_PROFILE": "b"}, ("", False)),
        ("c", {"AWS_DEFAULT_PROFILE": "a", "AWS_PROFILE": "b"}, ("c", True)),
        ("default", {"AWS_PROFILE": "b"}, ("default", True)),
        ("", {"AWS_PROFILE": "b"}, ("", True)),
    ],
)
def test_a_profile_is_chosen_as_botocore_chooses_it(stock, named, environ, chosen):
    assert chosen_profile(named, environ) == chosen
    if named != "":  # botocore takes this one for none
        assert (stock(named, environ).profile or "") == (
            "" if chosen == ("default", False) else chosen[0]
        )


def test_the_cache_is_in_the_folder_of_the_platform_or_the_one_that_is_set(tmp_path):
    assert cache_folder(Settings(str(tmp_path))) == tmp_path
    assert cache_folder(Settings()) == Path(platformdirs.user_cache_dir("sts-plugin"))


@pytest.fixture
def engine(aws, tmp_path):
    """Make an engine for the files of ``aws``; it tells into ``told``."""

    def make(config=STATIC, folder=None, **environ):
        aws.write(config)
        told = []
        made = Engine(
            {
                **aws.environ,
                "STS_PLUGIN_CACHE_DIR": str(folder or tmp_path / "cache"),
                **environ,
            },
            tell=told.append,
        )
        made.told = told
        return made

    return make


def test_the_folder_that_is_set_is_made_and_used(engine, tmp_path):
    made = engine()
    assert not (tmp_path / "cache").exists()
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert made.store.path == tmp_path / "cache"
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert made.told == []


@pytest.fixture
def stores(mocker):
    """The stores that resolvers are made with."""
    real, seen = Resolver.__init__, []

    def spy(self, plan, *, store, **options):
        seen.append(store)
        real(self, plan, store=store, **options)

    mocker.patch.object(Resolver, "__init__", spy)
    return seen


def test_a_folder_that_cannot_be_used_is_told_once_and_the_run_goes_on(
    engine, tmp_path, stores
):
    loose = tmp_path / "loose"
    loose.mkdir()
    loose.chmod(0o755)
    made = engine(folder=loose)
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert isinstance(stores[0], MemoryStore)
    assert stores[0] is stores[1]  # what one call got, the next one finds
    (line,) = made.told
    assert str(loose) in line
    assert "chmod 700" in line
    assert list(loose.iterdir()) == []


def test_a_folder_that_can_be_used_is(engine, stores):
    made = engine()
    made.credentials(made.plan("p"))
    assert [store.path for store in stores] == [made.store.path]


def test_files_are_read_anew_for_each_question(engine, aws):
    made = engine()
    first = made.plan("p")
    aws.write(STATIC.replace("= A", "= B"))
    assert made.credentials(made.plan("p")).access_key_id == "B"
    assert made.plan("p") != first


def test_a_plan_takes_the_region_and_the_way_the_profile_was_named(engine):
    made = engine(ROLE, AWS_ACCESS_KEY_ID="E", AWS_SECRET_ACCESS_KEY="s")
    assert made.plan("p", region="other").endpoint.region == "other"
    assert made.plan("q").source.identity == "A"
    assert made.plan("q", explicit=False).source.identity == "E"
    assert made.plan("q").profile == "q"


def test_the_source_is_loaded_from_the_environment_of_the_engine(engine):
    made = engine(AWS_ACCESS_KEY_ID="E", AWS_SECRET_ACCESS_KEY="s")
    plan = made.plan("p", explicit=False)
    assert made.credentials(plan).access_key_id == "E"


def test_a_bad_variable_is_told_at_once(engine):
    with pytest.raises(ConfigurationError, match="STS_PLUGIN_PROMPT_SECONDS"):
        engine(STS_PLUGIN_PROMPT_SECONDS="soon")


def test_the_prompt_time_of_the_environment_counts(engine, mocker):
    choose = mocker.patch("sts_plugin.engine.choose_source")
    made = engine(STS_PLUGIN_PROMPT_SECONDS="7")
    made.credentials(made.plan("p"))
    assert choose.call_args.kwargs == {"prompt_seconds": 7}


@pytest.mark.parametrize("kind", ["container", "instance", "ambient"])
def test_roles_of_a_machines_own_identity_are_kept_in_memory(engine, stores, kind):
    # EKS Pod Identity: one URI, another token in each pod, and perhaps one home.
    made = engine()
    plan = made.plan("p")
    plan = dataclasses.replace(plan, source=dataclasses.replace(plan.source, kind=kind))
    with contextlib.suppress(StsPluginError):
        made.credentials(plan)
    assert isinstance(stores[0], MemoryStore)


def test_a_machine_without_a_home_goes_on_without_a_cache(engine, mocker, stores):
    mocker.patch("platformdirs.user_cache_path", side_effect=RuntimeError)
    made = engine(STS_PLUGIN_CACHE_DIR="")
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert isinstance(stores[0], MemoryStore)
    (line,) = made.told
    assert "no home folder" in line
