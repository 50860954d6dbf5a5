"""The action, the hooks and docs/ci.md, run as their hosts would run them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from program import built

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
HOOKS = {
    hook["id"]: hook
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
}
BLOCKS = [
    yaml.safe_load(block)
    for block in re.findall(
        r"^```yaml\n(.*?)^```",
        (ROOT / "docs/ci.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
]

PRIVILEGED = {
    "family": "agent",
    "containerDefinitions": [
        {"name": "agent", "image": "example/agent:7", "memory": 64, "privileged": True}
    ],
}
HARMLESS = {
    "family": "web",
    "containerDefinitions": [{"name": "app", "image": "example/web:1", "memory": 64}],
}
LENIENT = "version: 1\nrules: {privileged-container: warn}\n"


@pytest.fixture(scope="session")
def binary() -> Path:
    """Return the program, built."""
    return built()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a folder with definitions, as a checkout would have them."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "task-definition.json").write_text(json.dumps(PRIVILEGED))
    (folder / "web.json").write_text(json.dumps(HARMLESS))
    (folder / "package.json").write_text('{"name": "web"}')
    (folder / "lenient.yaml").write_text(LENIENT)
    return folder


# ---- GitHub ------------------------------------------------------------------------


class Run:
    """What a run of the action left behind."""

    def __init__(self, status: int, log: str, outputs: dict[str, str]) -> None:
        self.status = status
        self.log = log
        self.outputs = outputs


def act(work: Path, **inputs: str) -> Run:
    """Run the steps of the action that are scripts, as a runner does."""
    temp = work.parent / "temp"
    temp.mkdir(exist_ok=True)
    given = {name: spec.get("default", "") for name, spec in ACTION["inputs"].items()}
    given.update({name.replace("_", "-"): value for name, value in inputs.items()})
    context = {f"inputs.{name}": value for name, value in given.items()}
    context["github.action_path"] = str(ROOT)
    log, status, outputs = "", 0, {}
    for step in ACTION["runs"]["steps"]:
        if "run" not in step or status:
            continue
        file = temp / f"output-{step['id']}"
        file.write_text("")
        # The value stands for the expression as a whole: it is never read again.
        values = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda match: context[match[1]], value)
            for name, value in step["env"].items()
        }
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(temp),
            "RUNNER_TEMP": str(temp),
            "GITHUB_OUTPUT": str(file),
            **values,
        }
        assert step["shell"] == "bash"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        log += done.stdout
        status = done.returncode
        for line in file.read_text().splitlines():
            name, value = line.split("=", 1)
            outputs[name] = value
            context[f"steps.{step['id']}.outputs.{name}"] = value
    return Run(status, log, outputs)


def test_no_expression_stands_in_a_script():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    for script in (ROOT / "integrations/github").iterdir():
        text = script.read_text()
        assert "${{" not in text
        assert "eval" not in text
        assert os.access(script, os.X_OK), script
        assert text.startswith("#!/usr/bin/env bash\n")


def test_every_input_is_used_and_every_output_is_made(binary: Path, work: Path):
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    run = act(work, binary=str(binary), upload_sarif="true", format="json")
    for output in ACTION["outputs"].values():
        name = re.fullmatch(
            r"\$\{\{ steps\.check\.outputs\.([a-z]+) \}\}", output["value"]
        )[1]
        assert name in run.outputs


@pytest.mark.parametrize(
    ("inputs", "status", "verdict"),
    [
        ({}, 1, "denied"),
        ({"paths": "web.json"}, 0, "allowed"),
        ({"paths": "\n  \nweb.json\r\ntask-definition.json"}, 1, "denied"),
        ({"policy": "lenient.yaml"}, 0, "allowed"),
        ({"paths": "web.json", "profile": "restricted"}, 1, "denied"),
        ({"paths": "nowhere.json\nweb.json"}, 2, "unusable"),
        ({"policy": "nowhere.yaml"}, 2, "unusable"),
        ({"profile": "strict"}, 2, "unusable"),
    ],
)
def test_the_status_is_the_programs_own(binary, work, inputs, status, verdict):
    run = act(work, binary=str(binary), **inputs)
    assert (run.status, run.outputs["verdict"]) == (status, verdict), run.log
    assert "report" not in run.outputs
    assert "sarif" not in run.outputs


@pytest.mark.parametrize(
    "inputs", [{"format": "xml"}, {"upload_sarif": "yes"}, {"paths": " \n"}]
)
def test_wrong_inputs_are_named(binary, work, inputs):
    run = act(work, binary=str(binary), **inputs)
    assert run.status == 2
    assert f"`{next(iter(inputs)).replace('_', '-')}`" in run.log


def test_reports_are_written_whatever_the_verdict(binary: Path, work: Path):
    run = act(work, binary=str(binary), format="junit", upload_sarif="true")
    assert run.status == 1
    assert ElementTree.parse(run.outputs["report"]).getroot().tag == "testsuites"
    log = json.loads(Path(run.outputs["sarif"]).read_text())
    assert log["version"] == "2.1.0"
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"][
        "artifactLocation"
    ]["uri"]
    assert uri.lstrip("./") == "task-definition.json"
    run = act(work, binary=str(binary), format="sarif")
    assert run.outputs["report"] == run.outputs["sarif"]
    run = act(work, binary=str(binary), format="json", policy="nowhere.yaml")
    assert set(run.outputs) == {"binary", "verdict"}


HOSTILE = [
    '"; touch pwned; "',
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    "x; touch pwned",
    "x && touch pwned",
    "x | tee pwned",
    "> pwned",
    "--help",
    "--policy=lenient.yaml",
    "x\nverdict=allowed",
    "${IFS}",
    "*",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "name", ["paths", "policy", "profile", "format", "upload_sarif", "binary"]
)
def test_a_hostile_input_is_text(binary, work, name, value):
    inputs = {"binary": str(binary), "paths": "task-definition.json"}
    inputs[name] = value
    run = act(work, **inputs)
    if (name, value) == ("paths", "*"):
        # A pattern is the program's to expand, and means the definition beside it.
        assert run.outputs["verdict"] == "denied", run.log
    else:
        assert run.status == 2, run.log
        assert run.outputs.get("verdict") in {None, "unusable"}
    assert not list(work.parent.rglob("pwned"))


def test_a_file_name_is_no_command_of_the_runner(binary: Path, work: Path):
    name = "::error::task-definition.json"
    (work / "task-definition.json").rename(work / name)
    run = act(work, binary=str(binary), paths=name)
    assert run.status == 1
    stop, *rest = run.log.split("::stop-commands::")[1].splitlines()
    assert re.fullmatch("[0-9a-f]{32}", stop)
    assert rest[-1] == f"::{stop}::"
    assert any(line.startswith("::error::") for line in rest)


def test_without_cargo_and_program_the_way_out_is_said(
    work: Path, monkeypatch: pytest.MonkeyPatch
):
    tools = work.parent / "tools"
    tools.mkdir()
    for tool in ["bash", "env"]:
        (tools / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(tools))
    run = act(work)
    assert run.status == 2
    assert "`binary`" in run.log


def test_the_program_is_built_from_the_actions_own_ref(
    work: Path, binary: Path, monkeypatch: pytest.MonkeyPatch
):
    tools = work.parent / "tools"
    tools.mkdir()
    cargo = tools / "cargo"
    # The build itself is cargo's; what counts is what it is asked for.
    cargo.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" > "$RUNNER_TEMP/asked"\n'
        f'mkdir -p "$RUNNER_TEMP/tidewaiter/bin" && cp "{binary}" "$RUNNER_TEMP/tidewaiter/bin/tidewaiter"\n'
    )
    cargo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    run = act(work, paths="web.json")
    assert run.status == 0, run.log
    asked = (work.parent / "temp/asked").read_text().splitlines()
    assert asked[asked.index("--path") + 1] == str(ROOT / "cli")
    assert "--locked" in asked


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not here")
def test_shellcheck_has_nothing_to_say():
    scripts = sorted((ROOT / "integrations/github").glob("*.sh"))
    subprocess.run(["shellcheck", *scripts], check=True)


# ---- pre-commit --------------------------------------------------------------------


def hook(
    work: Path, binary: Path, name: str, args: list[str] | None = None
) -> subprocess.CompletedProcess:
    """Run a hook over the files of a folder, as pre-commit does."""
    spec = HOOKS[name]
    command = [*spec["entry"].split(), *(spec["args"] if args is None else args)]
    if spec.get("pass_filenames", True):
        paths = sorted(
            str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()
        )
        command += [path for path in paths if re.search(spec["files"], path)]
    environment = {"PATH": f"{binary.parent}:{os.environ['PATH']}"}
    return subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )


def test_hooks_say_what_pre_commit_asks_for():
    for spec in HOOKS.values():
        assert {"id", "name", "entry", "language", "files"} <= set(spec)
        assert spec["language"] == "system"
        re.compile(spec["files"])


def test_a_hook_judges_the_files_that_are_named_as_definitions(
    binary: Path, work: Path
):
    done = hook(work, binary, "tidewaiter")
    assert done.returncode == 1
    assert "privileged-container" in done.stdout
    assert "package.json" not in done.stdout + done.stderr
    (work / "task-definition.json").unlink()
    (work / "--policy=taskdef.yaml").write_text(json.dumps(PRIVILEGED))
    done = hook(work, binary, "tidewaiter")
    assert done.returncode == 1, done.stderr
    assert (
        hook(work, binary, "tidewaiter", ["--policy", "lenient.yaml", "--"]).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("task-definition.json", True),
        ("deploy/prod/taskdef.yaml", True),
        ("web.task_definition.yml", True),
        ("infra/TaskDefinition.template", True),
        ("task-definitions/web.json", False),
        ("package.json", False),
        ("task-definition.md", False),
    ],
)
def test_the_names_that_a_hook_is_for(path, matches):
    assert bool(re.search(HOOKS["tidewaiter"]["files"], path)) == matches


def test_a_hook_searches_a_folder(binary: Path, work: Path):
    assert hook(work, binary, "tidewaiter-folder").returncode == 1
    (work / "task-definition.json").unlink()
    assert hook(work, binary, "tidewaiter-folder").returncode == 0


# ---- docs/ci.md --------------------------------------------------------------------


def test_the_workflow_uses_inputs_that_exist():
    (workflow,) = [block for block in BLOCKS if "jobs" in block]
    steps = workflow["jobs"]["tidewaiter"]["steps"]
    (step,) = [step for step in steps if "/tidewaiter@" in step["uses"]]
    assert set(step["with"]) <= set(ACTION["inputs"])


def test_the_table_names_every_input():
    text = (ROOT / "docs/ci.md").read_text()
    for name in ACTION["inputs"]:
        assert re.search(rf"^\|.*`{name}`.*\|", text, re.MULTILINE), name


def test_the_hooks_of_the_page_exist():
    (block,) = [block for block in BLOCKS if "repos" in block]
    for spec in block["repos"][0]["hooks"]:
        assert spec["id"] in HOOKS
        assert "--" in spec["args"]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not here")
def test_the_gitlab_job_reports_and_ends_with_the_status(binary: Path, work: Path):
    (block,) = [block for block in BLOCKS if "tidewaiter" in block]
    job = block["tidewaiter"]
    script = "\n".join(job["script"])

    def run() -> int:
        environment = {"PATH": f"{binary.parent}:{os.environ['PATH']}"}
        command = ["bash", "-eo", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=work, env=environment, capture_output=True, check=False
        ).returncode

    reports = job["artifacts"]["reports"]
    assert run() == 1
    assert ElementTree.parse(work / reports["junit"]).getroot().tag == "testsuites"
    quality = json.loads((work / reports["codequality"]).read_text())
    first = quality[0]
    assert first["check_name"] == "privileged-container"
    assert first["severity"] == "blocker"
    assert first["location"] == {"path": "task-definition.json", "lines": {"begin": 1}}
    assert len({finding["fingerprint"] for finding in quality}) == len(quality)
    (work / "task-definition.json").unlink()
    assert run() == 0
