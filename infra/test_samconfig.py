"""What samconfig.toml says: one environment a mode, and none that says it by default."""

import subprocess
import tomllib
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

INFRA = Path(__file__).parent
CONFIG = tomllib.loads((INFRA / "samconfig.toml").read_text())
PARAMETERS = yaml_parse((INFRA / "template.yaml").read_text())["Parameters"]
MODES = PARAMETERS["Mode"]["AllowedValues"]


def deploy(environment):
    return CONFIG[environment]["deploy"]["parameters"]


def test_there_is_an_environment_for_each_mode():
    assert {"default", *MODES} == {name for name in CONFIG if name != "version"}


@pytest.mark.parametrize("mode", MODES)
def test_an_environment_deploys_its_mode_and_sets_nothing_else(mode):
    assert deploy(mode)["parameter_overrides"] == f"Mode={mode}"


def test_without_an_environment_no_mode_is_said():
    assert "Default" not in PARAMETERS["Mode"]
    assert "parameter_overrides" not in deploy("default")


@pytest.mark.parametrize("mode", MODES)
def test_environments_differ_from_the_default_in_nothing_else(mode):
    own = ("parameter_overrides", "confirm_changeset")
    assert {k: v for k, v in deploy(mode).items() if k not in own} == deploy("default")


def test_a_change_set_that_may_change_things_is_read_first():
    assert deploy("enforce")["confirm_changeset"] is True


def make(*arguments):
    return subprocess.run(
        ["make", "--dry-run", "ARCH=arm64", *arguments],
        cwd=INFRA.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("mode", MODES)
def test_make_deploys_the_environment_of_the_mode(mode):
    where = ("PROFILE=ops", "REGION=eu-central-1", "PARAMS=Tracing=true")
    said = make("deploy", f"MODE={mode}", *where).stdout
    (command,) = (line for line in said.split("\n") if "/sam deploy" in line)
    assert f"--config-env '{mode}'" in command
    assert "--profile 'ops' --region 'eu-central-1'" in command
    assert f"Mode={mode} Architecture=arm64 Tracing=true" in said


def test_make_deletes_the_stack_of_a_profile_and_region():
    said = make("undeploy", "PROFILE=ops", "REGION=eu-central-1", "STACK=guard").stdout
    (command,) = (line for line in said.split("\n") if "/sam delete" in line)
    assert "--stack-name 'guard' --profile 'ops' --region 'eu-central-1'" in command
