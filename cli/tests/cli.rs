//! The command line as its users meet it: the program is run, its output and status are read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "cli/alerts.rs"]
mod alerts;
#[path = "cli/check.rs"]
mod check;
mod peers;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

#[path = "cli/iam.rs"]
mod iam;
#[path = "cli/images.rs"]
mod images;
#[path = "cli/scp.rs"]
mod scp;
#[path = "cli/shells.rs"]
mod shells;

use serde_json::Value;
use tempfile::TempDir;

const HARDENED: &str = r#"{"family":"web","requiresCompatibilities":["FARGATE"],"containerDefinitions":[
    {"name":"app","image":"example/web@sha256:00","user":"10001","readonlyRootFilesystem":true,
     "healthCheck":{"command":["CMD","/app/healthy"]}}]}"#;
const PRIVILEGED: &str = r#"{"family":"agent","containerDefinitions":[
    {"name":"agent","image":"example/agent:7","user":"10001","readonlyRootFilesystem":true,"privileged":true}]}"#;

fn tidewaiter(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn transcript(folder: &Path, arguments: &[&str]) -> String {
    let output = tidewaiter(folder, arguments);
    format!(
        "$ tidewaiter {}\n{}{}exit {}\n",
        arguments.join(" "),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap()
    )
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

#[test]
fn what_is_denied_is_printed_and_ends_with_1() {
    let folder = folder(&[
        ("hardened.json", HARDENED.as_bytes()),
        ("privileged.json", PRIVILEGED.as_bytes()),
    ]);
    let path = folder.path();
    insta::assert_snapshot!(
        [
            transcript(path, &["check", "hardened.json"]),
            transcript(path, &["check", "hardened.json", "privileged.json"]),
            transcript(path, &["check", "--format", "json", "privileged.json"]),
            transcript(path, &["check", "--profile", "restricted", "hardened.json"]),
        ]
        .join("\n")
    );
}

#[test]
fn the_answer_of_describe_is_judged_as_the_request_is() {
    let described = format!(r#"{{"taskDefinition":{PRIVILEGED},"tags":[]}}"#);
    let folder = folder(&[
        ("a.json", PRIVILEGED.as_bytes()),
        ("b.json", described.as_bytes()),
    ]);
    let output = tidewaiter(
        folder.path(),
        &["check", "--format=json", "a.json", "b.json"],
    );
    let report = json(&output);
    assert_eq!(
        report["results"][0]["findings"],
        report["results"][1]["findings"]
    );
    assert_eq!(
        report["results"][1]["findings"][0]["pointer"],
        "/containerDefinitions/0/privileged"
    );
}

#[test]
fn standard_input_is_a_file_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(["check", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(PRIVILEGED.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["results"][0]["file"], "<stdin>");
}

#[test]
fn what_cannot_be_read_is_one_line_and_ends_with_2() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_member = format!(r#"{{"containerDefinitions":{deep}}}"#);
    let deep_object = format!(
        r#"{{"containerDefinitions":[{}{{}}{}]}}"#,
        r#"{"linuxParameters":"#.repeat(5_000),
        "}".repeat(5_000)
    );
    let large = vec![b' '; 50 * 1024 * 1024];
    let utf16: Vec<u8> = PRIVILEGED
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let files: &[(&str, &[u8])] = &[
        ("empty.json", b""),
        ("blank.json", b" \n\t "),
        ("binary.json", &[0x7f, b'E', b'L', b'F', 0, 0xff, 0xfe]),
        ("utf16.json", &utf16),
        ("text.json", b"hello"),
        ("cut.json", br#"{"containerDefinitions":[{"name":"#),
        ("two.json", b"{\"containerDefinitions\":[{}]} {}"),
        ("null.json", b"null"),
        ("number.json", b"7"),
        ("array.json", br#"[{"name":"app","image":"x"}]"#),
        ("other.json", br#"{"web":{}}"#),
        ("none.json", br#"{"containerDefinitions":[]}"#),
        ("wrapped-none.json", br#"{"taskDefinition":{}}"#),
        ("wrapped-text.json", br#"{"taskDefinition":"web:3"}"#),
        (
            "type.json",
            br#"{"containerDefinitions":[{"name":"app","privileged":"true"}]}"#,
        ),
        ("object.json", br#"{"containerDefinitions":{"name":"app"}}"#),
        ("member.json", br#"{"containerDefinitions":["app"]}"#),
        (
            "capability.json",
            br#"{"containerDefinitions":[{"linuxParameters":{"capabilities":{"add":"ALL"}}}]}"#,
        ),
        (
            "twice.json",
            br#"{"containerDefinitions":[{"privileged":false,"privileged":true}]}"#,
        ),
        (
            "escape.json",
            b"{\"containerDefinitions\":[{\"privileged\":\"\\u001b[31m\"}]}",
        ),
        ("deep.json", deep.as_bytes()),
        ("deep-member.json", deep_member.as_bytes()),
        ("deep-object.json", deep_object.as_bytes()),
        ("large.json", &large),
    ];
    let folder = folder(files);
    let mut text = String::new();
    let names = files.iter().map(|(name, _)| *name);
    for name in names.chain(["nowhere.json"]) {
        let output = tidewaiter(folder.path(), &["check", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(output.stdout.is_empty(), "{name}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
        assert!(
            error.chars().all(|c| c == '\n' || !c.is_control()),
            "{name}: {error:?}"
        );
        text.push_str(&error);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn one_bad_file_does_not_hide_the_others() {
    let folder = folder(&[
        ("bad.json", b"{"),
        ("privileged.json", PRIVILEGED.as_bytes()),
    ]);
    let output = tidewaiter(
        folder.path(),
        &["check", "--format", "json", "bad.json", "privileged.json"],
    );
    assert_eq!(output.status.code(), Some(2));
    let report = json(&output);
    assert_eq!(report["version"], 1);
    assert_eq!(report["results"][0]["decision"], "deny");
    assert_eq!(report["errors"][0]["file"], "bad.json");
}

#[test]
fn a_policy_file_is_used_or_refused() {
    let folder = folder(&[
        ("privileged.json", PRIVILEGED.as_bytes()),
        (
            "lenient.yaml",
            b"version: 1\nrules:\n  privileged-container: warn\n",
        ),
        (
            "broken.yaml",
            b"version: 1\nrules:\n  privileged-containers: warn\n",
        ),
    ]);
    let path = folder.path();
    insta::assert_snapshot!(
        [
            transcript(
                path,
                &["check", "--policy", "lenient.yaml", "privileged.json"]
            ),
            transcript(
                path,
                &["check", "--policy", "broken.yaml", "privileged.json"]
            ),
            transcript(
                path,
                &["check", "--policy", "nowhere.yaml", "privileged.json"]
            ),
            transcript(path, &["check", "--profile", "strict", "privileged.json"]),
            transcript(path, &["check"]),
        ]
        .join("\n")
    );
}

const TEMPLATE: &str = "AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Image: { Type: String }
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      ContainerDefinitions:
      - Name: app
        Image: !Ref Image
        User: '0'
        ReadonlyRootFilesystem: !If [Strict, true, false]
        LogConfiguration: { LogDriver: awslogs }
        LinuxParameters: { Capabilities: { Drop: [ALL] } }
";

#[test]
fn a_template_is_judged_and_its_lines_are_named() {
    let folder = folder(&[
        ("web.yaml", TEMPLATE.as_bytes()),
        (
            "broken.yaml",
            b"Resources:\n  Web: [\n    Type: AWS::ECS::TaskDefinition\n",
        ),
        (
            "empty.yaml",
            b"Resources:\n  Web:\n    Type: AWS::ECS::TaskDefinition\n    Properties: {}\n",
        ),
    ]);
    let path = folder.path();
    let text =
        ["web.yaml", "broken.yaml", "empty.yaml"].map(|name| transcript(path, &["check", name]));
    insta::assert_snapshot!(text.join("\n"));
    let report = json(&tidewaiter(path, &["check", "--format=json", "web.yaml"]));
    assert_eq!(report["results"][0]["subject"]["id"], "Web");
    assert_eq!(
        report["results"][0]["findings"][0]["pointer"],
        "/containerDefinitions/0/user"
    );
}

#[test]
fn ci_systems_are_answered_in_their_own_forms() {
    let folder = folder(&[
        ("web.yaml", TEMPLATE.as_bytes()),
        ("privileged.json", PRIVILEGED.as_bytes()),
        ("hardened.json", HARDENED.as_bytes()),
        ("bad.json", b"{"),
    ]);
    let path = folder.path();
    let names = ["web.yaml", "privileged.json", "hardened.json", "bad.json"];
    let check = |format: &str| {
        let arguments = ["check", "--format", format].into_iter();
        let arguments: Vec<&str> = arguments.chain(names).collect();
        let output = tidewaiter(path, &arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stderr.is_empty());
        output
    };
    let log = String::from_utf8(check("sarif").stdout).unwrap();
    // As text, for the order of the members; without what changes with every page.
    let lines = log
        .lines()
        .map(|line| match line.split_once("\"markdown\": ") {
            Some((indent, page)) => {
                assert!(page.contains("## Fix"));
                format!("{indent}\"markdown\": \"[page]\"\n")
            }
            None => format!("{line}\n"),
        });
    let log: String = lines.collect();
    insta::assert_snapshot!("sarif", log.replace(env!("CARGO_PKG_VERSION"), "[version]"));
    insta::assert_snapshot!("junit", String::from_utf8(check("junit").stdout).unwrap());
    let refused = tidewaiter(&events(), &["replay", "--format", "sarif", "x.json"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_plan_is_judged() {
    let plan = serde_json::json!({
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [{
            "address": "aws_ecs_task_definition.agent", "mode": "managed", "type": "aws_ecs_task_definition",
            "values": {"family": "agent", "pid_mode": "host",
                "container_definitions": PRIVILEGED.split_once("\"containerDefinitions\":").unwrap().1.trim_end_matches('}')
                    .to_owned() + "}]"},
        }]}},
    });
    let text = plan.to_string().replace("}]}]\"", "}]\"");
    let folder = folder(&[("plan.json", text.as_bytes())]);
    let report = json(&tidewaiter(
        folder.path(),
        &["check", "--format=json", "plan.json"],
    ));
    let findings = report["results"][0]["findings"].as_array().unwrap();
    let rules: Vec<&str> = findings
        .iter()
        .map(|f| f["rule"].as_str().unwrap())
        .collect();
    assert!(rules.contains(&"privileged-container"), "{report}");
    assert!(rules.contains(&"host-pid"), "{report}");
}

#[test]
fn a_folder_is_searched_for_definitions() {
    let folder = folder(&[
        ("package.json", br#"{"name":"web"}"#),
        ("notes.txt", b"hello"),
        ("broken.json", br#"{"containerDefinitions":[}"#),
        ("other.json", b"{ // a comment"),
    ]);
    let inner = folder.path().join("deploy/prod");
    fs::create_dir_all(&inner).unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    fs::write(inner.join("task.json"), PRIVILEGED).unwrap();
    fs::write(folder.path().join(".git/task.json"), PRIVILEGED).unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
    let output = tidewaiter(folder.path(), &["check", "--format", "json", "."]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(report["results"].as_array().unwrap().len(), 1);
    assert_eq!(report["results"][0]["file"], "./deploy/prod/task.json");
    assert_eq!(report["errors"].as_array().unwrap().len(), 1);
    assert_eq!(report["errors"][0]["file"], "./broken.json");
}

const DOCKERFILE: &str = "# syntax=docker/dockerfile:1\nARG TAG=latest\nFROM golang:${TAG} AS build\nRUN curl -fsSL https://example.com/x | sh\n\nFROM debian:13 AS web\nCOPY --from=build /app /app\n  USER 0:0\n";

#[test]
fn a_dockerfile_is_judged_and_its_lines_are_named() {
    let folder = folder(&[("Dockerfile", DOCKERFILE.as_bytes())]);
    let path = folder.path();
    insta::assert_snapshot!(
        [
            transcript(path, &["check", "Dockerfile"]),
            transcript(
                path,
                &[
                    "check",
                    "--profile",
                    "restricted",
                    "--format",
                    "junit",
                    "Dockerfile"
                ]
            ),
        ]
        .join("\n")
    );
    let sarif = json(&tidewaiter(
        path,
        &["check", "--format=sarif", "Dockerfile"],
    ));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let lines: BTreeSet<u64> = results
        .iter()
        .filter_map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            place["region"]["startLine"].as_u64()
        })
        .collect();
    assert_eq!(lines, BTreeSet::from([3, 4, 8]));
}

#[test]
fn a_dockerfile_is_known_by_its_name_or_by_its_content() {
    let folder = folder(&[
        ("Dockerfile", DOCKERFILE.as_bytes()),
        ("Dockerfile.web", b"FROM example/app:1\n"),
        ("api.Dockerfile", b"from example/app:1\r\n"),
        ("Containerfile", b"FROM example/app:1\n"),
        ("build", b"ARG A=1\nFROM example/app:$A\n"),
        ("Dockerfile.dockerignore", b"FROM no instruction\n"),
        ("Dockerfile.j2", b"FROM {{ base }}\n"),
        ("notes.txt", b"FROM here to there\n"),
    ]);
    let path = folder.path();
    let files = |output: &Output| -> Vec<String> {
        let report = json(output);
        let results = report["results"].as_array().unwrap().iter();
        results
            .map(|result| {
                assert_eq!(result["subject"]["kind"], "dockerfile");
                format!(
                    "{} {}",
                    result["file"].as_str().unwrap(),
                    result["subject"]["id"].as_str().unwrap()
                )
            })
            .collect()
    };
    let found = tidewaiter(path, &["check", "--format=json", "."]);
    assert_eq!(
        files(&found),
        [
            "./Containerfile Containerfile",
            "./Dockerfile web",
            "./Dockerfile.web Dockerfile.web",
            "./api.Dockerfile api.Dockerfile"
        ]
    );
    assert_eq!(found.status.code(), Some(0));
    let named = tidewaiter(path, &["check", "--format=json", "build"]);
    assert_eq!(files(&named), ["build build"]);
    let denied = tidewaiter(path, &["check", "--profile=restricted", "Dockerfile"]);
    assert_eq!(denied.status.code(), Some(1));
    fs::write(path.join("Dockerfile.bad"), "FORM debian\n").unwrap();
    let bad = tidewaiter(path, &["check", "Dockerfile.bad", "Dockerfile"]);
    assert_eq!(bad.status.code(), Some(2));
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("Dockerfile.bad: line 1: "), "{said}");

    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(["check", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"FROM example/app:1\n").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(files(&output), ["<stdin> Dockerfile"]);
}

#[test]
fn a_waiver_may_name_a_dockerfile() {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 90);
    let soon = soon.to_string();
    let soon = soon.split('T').next().unwrap();
    let policy = format!(
        "version: 1\nprofile: restricted\nwaivers:\n- {{id: old, rules: [dockerfile-root-user], target: {{file: 'web/*'}}, reason: r, owner: o, expires: {soon}}}\n"
    );
    let folder = folder(&[("policy.yaml", policy.as_bytes())]);
    let path = folder.path();
    for name in ["web", "api"] {
        fs::create_dir(path.join(name)).unwrap();
        fs::write(path.join(name).join("Dockerfile"), "FROM debian:13\n").unwrap();
    }
    let report = json(&tidewaiter(
        path,
        &["check", "--policy=policy.yaml", "--format=json", "."],
    ));
    let waived = |index: usize| report["results"][index]["waived"].as_array().unwrap().len();
    assert_eq!((waived(0), waived(1)), (0, 1));
}

#[test]
fn every_mistake_in_a_policy_is_shown_at_once() {
    let folder = folder(&[
        (
            "broken.yaml",
            b"version: 1\nprofle: default\nrules:\n  root-usr: block\nwaivers:\n- id: docker\n  rules: [privileged-container]\n  ticket: []\n",
        ),
        ("event.json", b"{}"),
    ]);
    let path = folder.path();
    let text = [
        transcript(path, &["policy", "validate", "broken.yaml"]),
        transcript(path, &["replay", "--policy", "broken.yaml", "event.json"]),
    ];
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_policy_lowers_the_mode_and_never_raises_it() {
    let event = events().join("task-definition-guard/privileged.json");
    let event = event.to_str().unwrap();
    let folder = folder(&[
        ("audit.yaml", b"version: 1\nmode: audit\n"),
        ("enforce.yaml", b"version: 1\nmode: enforce\n"),
        (
            "part.yaml",
            b"version: 1\nmode: audit\nscopes:\n- {match: {account: '000000000000'}, mode: enforce}\n",
        ),
        ("none.yaml", b"version: 1\n"),
    ]);
    for (policy, stack, mode) in [
        ("audit.yaml", "enforce", "audit"),
        ("audit.yaml", "audit", "audit"),
        ("enforce.yaml", "enforce", "enforce"),
        ("enforce.yaml", "audit", "audit"),
        ("part.yaml", "enforce", "audit"),
        ("none.yaml", "enforce", "enforce"),
    ] {
        let arguments = [
            "replay",
            "--format=json",
            "--policy",
            policy,
            "--mode",
            stack,
            event,
        ];
        let report = json(&tidewaiter(folder.path(), &arguments));
        assert_eq!(report["results"][0]["mode"], mode, "{policy} {stack}");
    }
}

#[test]
fn what_a_preset_covers_is_waived_by_name_and_has_no_end() {
    let agent = br#"{"family":"datadog","containerDefinitions":[{"name":"agent","image":"datadog/agent:7",
        "mountPoints":[{"sourceVolume":"sock","containerPath":"/var/run/docker.sock","readOnly":true}]}],
        "volumes":[{"name":"sock","host":{"sourcePath":"/var/run/docker.sock"}}]}"#;
    let folder = folder(&[
        (
            "policy.yaml",
            b"version: 1\nprofile: baseline\npresets: [datadog-agent]\n",
        ),
        ("agent.json", agent),
    ]);
    let arguments = [
        "check",
        "--format=json",
        "--policy",
        "policy.yaml",
        "agent.json",
    ];
    let output = tidewaiter(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0));
    let waived = json(&output)["results"][0]["waived"].clone();
    let socket =
        serde_json::json!({"rule": "host-runtime-socket", "waiver": "preset:datadog-agent"});
    assert_eq!(waived[0], socket);
    let without = tidewaiter(
        folder.path(),
        &["check", "--profile", "baseline", "agent.json"],
    );
    assert_eq!(without.status.code(), Some(1));
}

/// A reference that leads nowhere makes editors give up on the whole schema.
#[test]
fn every_reference_of_the_schema_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema = json(&tidewaiter(Path::new("."), &["policy", "schema"]));
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 5);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn waivers_are_used_and_their_ends_are_told() {
    let waiver = |id: &str, family: &str, expires: &str| {
        format!(
            "- {{id: {id}, rules: [privileged-container], target: {{family: {family}}}, reason: r, owner: o, expires: {expires}}}\n"
        )
    };
    // The year is long past or as far as it may be: the test holds on any day.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 90);
    let soon = soon.to_string();
    let soon = soon.split('T').next().unwrap();
    let policy = format!(
        "version: 1\nwaivers:\n{}{}{}",
        waiver("used", "agent", soon),
        waiver("ended", "agent", "2020-01-01"),
        waiver("unused", "other", soon)
    );
    let folder = folder(&[
        ("policy.yaml", policy.as_bytes()),
        ("privileged.json", PRIVILEGED.as_bytes()),
    ]);
    let path = folder.path();
    let text = [
        transcript(
            path,
            &["check", "--policy", "policy.yaml", "privileged.json"],
        ),
        transcript(path, &["policy", "validate", "policy.yaml"]),
        transcript(path, &["policy", "validate", "privileged.json"]),
    ];
    insta::assert_snapshot!(text.join("\n").replace(soon, "[soon]"));
    let arguments = [
        "check",
        "--format=json",
        "--policy",
        "policy.yaml",
        "privileged.json",
    ];
    let report = json(&tidewaiter(path, &arguments));
    assert_eq!(report["results"][0]["waived"][0]["waiver"], "used");
    assert_eq!(report["results"][0]["waived"][0]["expires"], soon);
}

#[test]
fn recorded_events_are_replayed() {
    let mut text = String::new();
    for (guard, case) in [
        ("task-definition-guard", "privileged"),
        ("task-definition-guard", "hardened"),
        ("task-definition-guard", "weak"),
        ("task-definition-guard", "refused"),
        ("task-definition-guard", "omitted"),
        ("task-definition-guard", "run-overrides"),
        ("task-definition-guard", "run-plain"),
        ("task-definition-guard", "start-task"),
        ("task-definition-guard", "express-create"),
        ("image-scan-guard", "critical"),
        ("image-scan-guard", "failed"),
        ("image-scan-guard", "clean"),
        ("image-scan-guard", "finding"),
        ("image-scan-guard", "finding-closed"),
        ("image-push-guard", "push"),
        ("image-push-guard", "archived"),
    ] {
        let file = format!("{guard}/{case}.json");
        text.push_str(&transcript(
            &events(),
            &["replay", "--mode", "enforce", &file],
        ));
        text.push('\n');
    }
    text.push_str(&transcript(
        &events(),
        &[
            "replay",
            "--format",
            "json",
            "task-definition-guard/privileged.json",
        ],
    ));
    insta::assert_snapshot!(text);
}

#[test]
fn rules_are_listed_and_explained() {
    let folder = folder(&[]);
    let path = folder.path();
    insta::assert_snapshot!(
        [
            transcript(path, &["rules"]),
            transcript(path, &["explain", "host-pid"]),
            transcript(path, &["explain", "pid-host"]),
            transcript(path, &["explain", "privileged"]),
            transcript(path, &["explain", "no`rule"]),
        ]
        .join("\n")
    );
}

#[test]
fn everything_known_of_a_rule_is_in_the_json() {
    let folder = folder(&[]);
    let list = json(&tidewaiter(folder.path(), &["rules", "--format", "json"]));
    assert_eq!(list["version"], 1);
    let rules = list["rules"].as_array().unwrap();
    let find = |id: &str| rules.iter().find(|rule| rule["id"] == id).unwrap();
    // Whether serde_json keeps the order of members depends on what else is built.
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!([find("fixed-host-port"), find("vulnerable-image")]);
    });
}

#[test]
fn the_generated_documents_are_what_the_program_prints() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let root = docs.join("rules");
    let print = |arguments: &[&str]| {
        let output = tidewaiter(Path::new("."), arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let list: Value = serde_json::from_str(&print(&["rules", "--format", "json"])).unwrap();
    let ids = list["rules"].as_array().unwrap().iter();
    let mut wanted: BTreeMap<String, String> = ids
        .map(|rule| rule["id"].as_str().unwrap())
        .map(|id| (format!("{id}.md"), print(&["explain", id])))
        .collect();
    wanted.insert(
        "README.md".to_owned(),
        print(&["rules", "--format", "markdown"]),
    );
    if std::env::var_os("TIDEWAITER_GENERATE").is_some() {
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        for (name, text) in &wanted {
            fs::write(root.join(name), text).unwrap();
        }
        fs::write(
            docs.join("policy.schema.json"),
            print(&["policy", "schema"]),
        )
        .unwrap();
        fs::write(
            docs.join("channels.schema.json"),
            print(&["channels", "schema"]),
        )
        .unwrap();
        fs::write(docs.join("presets.md"), print(&["policy", "presets"])).unwrap();
        fs::write(docs.join("alert.schema.json"), print(&["alert", "schema"])).unwrap();
    }
    let found: BTreeMap<String, String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    assert_eq!(
        fs::read_to_string(docs.join("presets.md")).unwrap(),
        print(&["policy", "presets"]),
        "run `make generate`"
    );
    assert_eq!(
        fs::read_to_string(docs.join("policy.schema.json")).unwrap(),
        print(&["policy", "schema"]),
        "run `make generate`"
    );
    assert_eq!(
        fs::read_to_string(docs.join("alert.schema.json")).unwrap(),
        print(&["alert", "schema"]),
        "run `make generate`"
    );
    assert_eq!(
        fs::read_to_string(docs.join("channels.schema.json")).unwrap(),
        print(&["channels", "schema"]),
        "run `make generate`"
    );
    let names = wanted.keys().chain(found.keys());
    let stale: BTreeSet<&String> = names.filter(|n| wanted.get(*n) != found.get(*n)).collect();
    assert!(
        stale.is_empty(),
        "stale, missing or left over in docs/rules: {stale:?}: run `make generate`"
    );
}

#[test]
fn files_of_channels_are_checked() {
    let good =
        "version: 1\nchannels: { on-call: { type: pagerduty, secret: tidewaiter/pagerduty } }\n";
    let bad = "version: 1\nchannels: { on-call: { type: pager, secret: https://hooks.example/hunter2 } }\n";
    let folder = folder(&[("good.yaml", good.as_bytes()), ("bad.yaml", bad.as_bytes())]);
    let path = folder.path();
    let well = tidewaiter(path, &["channels", "validate", "good.yaml"]);
    assert_eq!(
        String::from_utf8(well.stdout).unwrap(),
        "good.yaml: valid\n"
    );
    let output = tidewaiter(path, &["channels", "validate", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("`pager` is no type of channel") && told.contains("2 mistakes"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn the_example_of_the_documents_is_a_file_of_channels() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/channels.md");
    let page = fs::read_to_string(page).unwrap();
    let example = page
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = folder(&[("channels.yaml", example.as_bytes())]);
    let output = tidewaiter(folder.path(), &["channels", "validate", "channels.yaml"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn log_files_of_a_trail_are_replayed() {
    let event = |case: &str| -> Value {
        let path = events().join(format!("task-definition-guard/{case}.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let records = [
        "privileged",
        "hardened",
        "refused",
        "privileged-by-cloudformation",
        "omitted",
    ];
    let mut records: Vec<Value> = records.map(|case| event(case)["detail"].clone()).into();
    records.push(serde_json::json!({"eventSource": "s3.amazonaws.com", "eventName": "GetObject"}));
    let log = serde_json::json!({ "Records": records }).to_string();
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    compressed.write_all(log.as_bytes()).unwrap();
    let folder = folder(&[
        ("log.json.gz", &compressed.finish().unwrap()),
        ("cut.json.gz", &[0x1f, 0x8b, 8, 0, 0]),
    ]);
    let output = tidewaiter(folder.path(), &["replay", "log.json.gz"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    let summary = text.split_once("\n\n").unwrap().1;
    insta::assert_snapshot!(summary);
    let report = json(&tidewaiter(
        folder.path(),
        &["replay", "--format=json", "."],
    ));
    assert_eq!(report["results"].as_array().unwrap().len(), 3);
    assert_eq!(report["results"][0]["file"], "./log.json.gz#0");
    assert_eq!(report["errors"][0]["file"], "./cut.json.gz");
    assert_eq!(report["errors"][1]["file"], "./log.json.gz#4");
}

/// Runs over a folder of further definitions where one is named.
#[test]
fn every_further_definition_is_judged() {
    let Some(folder) = std::env::var_os("TIDEWAITER_CORPUS") else {
        return;
    };
    let folder = Path::new(&folder).join("task-definitions");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            let path = Path::new(name);
            path.extension().is_some_and(|ending| ending == "json")
        })
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no definition in TIDEWAITER_CORPUS");
    let arguments = ["check", "--format", "json"].into_iter();
    let arguments: Vec<&str> = arguments.chain(names.iter().map(String::as_str)).collect();
    let report = json(&tidewaiter(&folder, &arguments));
    assert_eq!(report["errors"], Value::Array(Vec::new()));
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.len(), names.len());
    for result in results {
        let file = result["file"].as_str().unwrap();
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let definition: Value = serde_json::from_str(&text).unwrap();
        let containers = definition["containerDefinitions"].as_array().unwrap();
        let is_privileged = containers.iter().any(|c| c["privileged"] == true);
        let findings = result["findings"].as_array().unwrap();
        let found = findings.iter().any(|f| f["rule"] == "privileged-container");
        assert_eq!(found, is_privileged, "{file}");
        assert_eq!(result["decision"] == "deny", is_privileged, "{file}");
    }
}
