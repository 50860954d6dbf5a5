//! `tidewaiter scp`: what it prints, and what IAM makes of it.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    events, folder,
    iam::{Request, denies},
    json, tidewaiter, transcript,
};

const SCOPED: &str = r#"version: 1
scopes:
- match: { account: "444455556666" }
  rules: { privileged-container: off }
- match: { account: "444455556666", family: "prod-*" }
  profile: restricted
- match: { launch-type: FARGATE, region: eu-west-1 }
  rules: { privileged-container: warn }
- match: { repository: "base/*" }
  rules: { vulnerable-image: warn }
"#;

const NOTHING: &str = "version: 1\nrules: {privileged-container: warn}\n";

/// A policy with a waiver that holds for three more months.
fn waived(target: &str) -> String {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 90);
    let soon = soon.to_string();
    let soon = soon.split('T').next().unwrap();
    format!(
        "version: 1\nwaivers:\n- {{id: docker, rules: [privileged-container], target: {target}, reason: r, owner: o, expires: {soon}}}\n"
    )
}

fn without_days(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("(until ") {
        Some((before, rest)) => format!("{before}([day]){}", rest.split_once(')').unwrap().1),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_iam_can_prevent_is_printed_as_a_document() {
    let container = waived("{family: ci-builder, container: docker}");
    let image = waived("{image: 'docker:*'}");
    let folder = folder(&[
        ("scoped.yaml", SCOPED.as_bytes()),
        ("container.yaml", container.as_bytes()),
        ("image.yaml", image.as_bytes()),
        ("nothing.yaml", NOTHING.as_bytes()),
    ]);
    let ci = "arn:aws:iam::*:role/ci/*";
    let calls: &[&[&str]] = &[
        &["scp"],
        &["scp", "--policy", "scoped.yaml", "--partition", "aws-cn"],
        &["scp", "--policy", "container.yaml"],
        &["scp", "--policy", "container.yaml", "--strict"],
        &["scp", "--policy", "image.yaml"],
        &["scp", "--policy", "image.yaml", "--except-principal", ci],
        &["scp", "--policy", "nothing.yaml"],
        &[
            "scp",
            "--policy",
            "nothing.yaml",
            "--kind=iam",
            "--max-task-cpu=4096",
            "--max-task-memory=8192",
        ],
        &[
            "scp",
            "--policy",
            "nothing.yaml",
            "--require-compatibility=fargate",
            "--require-compatibility=EC2",
        ],
    ];
    let text: Vec<String> = calls
        .iter()
        .map(|arguments| without_days(&transcript(folder.path(), arguments)))
        .collect();
    insta::assert_snapshot!(text.join("\n\n"));
}

#[test]
fn a_page_says_what_iam_cannot_prevent_and_who_does() {
    let folder = folder(&[
        ("scoped.yaml", SCOPED.as_bytes()),
        ("nothing.yaml", NOTHING.as_bytes()),
    ]);
    let arguments = ["scp", "--explain", "--kind=iam", "--policy=scoped.yaml"];
    let page = transcript(folder.path(), &arguments);
    assert!(page.contains("| `root-user` | scope 2 | `tidewaiter check`"));
    assert!(page.contains("| `vulnerable-image` | everywhere | `image-scan-guard`"));
    assert!(
        page.contains(
            "- scope 3 is narrower than IAM can say: all of region `eu-west-1` is excepted"
        )
    );
    assert!(page.contains("aws iam create-policy"));
    let nothing = transcript(
        folder.path(),
        &["scp", "--explain", "--policy=nothing.yaml"],
    );
    assert!(nothing.contains("Nothing: nowhere does the policy deny `privileged-container`"));
    assert!(nothing.ends_with("exit 0\n"));
}

#[test]
fn the_page_is_among_the_generated_documents() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scp.md");
    let output = tidewaiter(Path::new("."), &["scp", "--explain"]);
    assert!(output.status.success());
    let page = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("TIDEWAITER_GENERATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert_eq!(found, page, "run `make generate`");
}

#[test]
fn an_exception_for_everybody_is_refused() {
    let folder = folder(&[]);
    let refused = [
        "",
        "*",
        "arn:aws:iam::111122223333:role",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::*:role/*",
        "arn:aws:iam::*:*",
        "arn:aws:iam::*:user/*",
        "arn:aws:iam:::role/ci",
        "arn:aws:iam::111122223333:group/ci",
        "arn:aws:sts::111122223333:assumed-role/ci/x",
        "arn:aws:iam::111122223333:role/${aws:username}",
        "arn:aws:iam::111122223333:role/a\"b",
        "role/ci",
    ];
    let mut text = String::new();
    for arn in refused {
        let output = tidewaiter(folder.path(), &["scp", "--except-principal", arn]);
        assert_eq!(output.status.code(), Some(2), "{arn}");
        assert!(output.stdout.is_empty(), "{arn}");
        let error = String::from_utf8(output.stderr).unwrap();
        text.push_str(error.lines().next().unwrap());
        text.push('\n');
    }
    insta::assert_snapshot!(text);
    for arn in [
        "arn:aws:iam::111122223333:root",
        "arn:aws*:iam::*:role/ci-*",
        "arn:aws:iam::111122223333:user/a/b",
    ] {
        let output = tidewaiter(folder.path(), &["scp", "--except-principal", arn]);
        assert!(output.status.success(), "{arn}");
    }
}

#[test]
fn a_document_that_aws_would_refuse_is_not_printed() {
    let policy = |accounts: usize| {
        let scopes = (0..accounts).map(|n| {
            format!("- {{match: {{account: '{n:012}'}}, rules: {{privileged-container: off}}}}\n")
        });
        format!("version: 1\nscopes:\n{}", scopes.collect::<String>())
    };
    let (many, full) = (policy(200), policy(82));
    let folder = folder(&[
        ("many.yaml", many.as_bytes()),
        ("full.yaml", full.as_bytes()),
    ]);
    let output = tidewaiter(folder.path(), &["scp", "--policy=many.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("a service control policy may have 10240"),
        "{error}"
    );
    // Indented it would be too long: white space counts.
    let output = tidewaiter(folder.path(), &["scp", "--policy=full.yaml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.chars().count() <= 10_240, "{}", text.len());
    let output = tidewaiter(folder.path(), &["scp", "--kind=iam", "--policy=full.yaml"]);
    assert_eq!(output.status.code(), Some(2));
}

fn register<'a>(action: &'a str, context: &[(&'a str, &[&str])]) -> Request<'a> {
    let own = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let mut context: Vec<_> = context
        .iter()
        .map(|(key, values)| (*key, own(values)))
        .collect();
    context.push(("aws:PrincipalAccount", own(&["111122223333"])));
    context.push(("aws:RequestedRegion", own(&["eu-central-1"])));
    Request {
        action,
        resource: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1".to_owned(),
        context,
    }
}

fn document(arguments: &[&str]) -> Value {
    json(&tidewaiter(Path::new("."), arguments))
}

#[test]
fn a_privileged_container_is_refused_and_an_absent_member_is_not() {
    let document = document(&["scp", "--except-principal=arn:aws:iam::*:role/ci/*"]);
    let principal = |arn| ("aws:PrincipalArn", arn);
    let web: &[&str] = &["arn:aws:iam::111122223333:role/web"];
    let ci: &[&str] = &["arn:aws:iam::111122223333:role/ci/docker"];
    for action in [
        "ecs:RegisterTaskDefinition",
        "ecs:RegisterDaemonTaskDefinition",
    ] {
        let asks =
            |context: &[(&'static str, &[&str])]| denies(&document, &register(action, context));
        assert!(asks(&[("ecs:privileged", &["true"]), principal(web)]));
        assert!(asks(&[("ecs:privileged", &["true"])]));
        assert!(!asks(&[("ecs:privileged", &["true"]), principal(ci)]));
        assert!(!asks(&[("ecs:privileged", &["false"]), principal(web)]));
        assert!(!asks(&[principal(web)]));
    }
    let other = register("ecs:RunTask", &[("ecs:privileged", &["true"])]);
    assert!(!denies(&document, &other));
}

#[test]
fn amounts_and_compatibilities_have_bounds() {
    let document = document(&[
        "scp",
        "--max-task-cpu=4096",
        "--max-task-memory=8192",
        "--require-compatibility=FARGATE",
        "--require-compatibility=MANAGED_INSTANCES",
    ]);
    let fargate: (&'static str, &[&str]) = ("ecs:compute-compatibility", &["FARGATE"]);
    let asks = |context: &[(&'static str, &[&str])]| {
        denies(&document, &register("ecs:RegisterTaskDefinition", context))
    };
    assert!(!asks(&[fargate]));
    assert!(!asks(&[
        fargate,
        ("ecs:task-cpu", &["4096"]),
        ("ecs:task-memory", &["8192"])
    ]));
    assert!(asks(&[fargate, ("ecs:task-cpu", &["4097"])]));
    assert!(asks(&[fargate, ("ecs:task-memory", &["16384"])]));
    assert!(asks(&[]));
    assert!(asks(&[("ecs:compute-compatibility", &["EC2"])]));
    assert!(asks(&[("ecs:compute-compatibility", &["FARGATE", "EC2"])]));
    assert!(!asks(&[(
        "ecs:compute-compatibility",
        &["FARGATE", "MANAGED_INSTANCES"]
    )]));
    // A daemon says nothing of compatibilities, and a task that is run asks for its own size.
    let daemon = register("ecs:RegisterDaemonTaskDefinition", &[]);
    assert!(!denies(&document, &daemon));
    let run = |cpu: &[&str]| {
        denies(
            &document,
            &register("ecs:RunTask", &[("ecs:task-cpu", cpu)]),
        )
    };
    assert!(run(&["8192"]));
    assert!(!run(&["1024"]));
}

const ACCOUNTS: [&str; 2] = ["444455556666", "111122223333"];
const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];
const FAMILIES: [&str; 3] = ["ci-builder", "agent", "web"];

/// What the engine denies of the same registrations, by the same policy.
fn judged(folder: &Path) -> Vec<bool> {
    let output = tidewaiter(
        folder,
        &[
            "replay",
            "--format=json",
            "--policy=policy.yaml",
            "log.json",
        ],
    );
    let report = json(&output);
    let results = report["results"].as_array().unwrap().iter();
    let denied = results.map(|result| {
        let mut findings = result["findings"].as_array().unwrap().iter();
        findings.any(|f| f["rule"] == "privileged-container" && f["level"] == "deny")
    });
    denied.collect()
}

/// All registrations of the grid, as CloudTrail records and as requests.
fn registrations() -> (Value, Vec<Request<'static>>) {
    let path = events().join("task-definition-guard/privileged.json");
    let event = fs::read_to_string(path).unwrap();
    let (mut records, mut requests) = (Vec::new(), Vec::new());
    for account in ACCOUNTS {
        for region in REGIONS {
            for family in FAMILIES {
                for privileged in ["true", "false"] {
                    let event = event
                        .replace("ci-builder", family)
                        .replace("444455556666", account)
                        .replace("eu-central-1", region)
                        .replace(
                            "\"privileged\": true",
                            &format!("\"privileged\": {privileged}"),
                        );
                    let event: Value = serde_json::from_str(&event).unwrap();
                    records.push(event["detail"].clone());
                    requests.push(Request {
                        action: "ecs:RegisterTaskDefinition",
                        resource: format!(
                            "arn:aws:ecs:{region}:{account}:task-definition/{family}:3"
                        ),
                        context: vec![
                            ("ecs:privileged", vec![privileged.to_owned()]),
                            ("aws:PrincipalAccount", vec![account.to_owned()]),
                            ("aws:RequestedRegion", vec![region.to_owned()]),
                            (
                                "aws:PrincipalArn",
                                vec![format!("arn:aws:iam::{account}:role/web")],
                            ),
                        ],
                    });
                }
            }
        }
    }
    (serde_json::json!({ "Records": records }), requests)
}

/// Policies with two scopes of every kind, and some with waivers.
fn policies() -> Vec<String> {
    let matches = [
        r#"account: "444455556666""#,
        r#"region: "eu-*""#,
        r#"family: "ci-*""#,
        r#"account: "444455556666", family: agent"#,
        r#"account: "4*", region: eu-central-1"#,
        "launch-type: EC2, family: web",
        r#"region: us-east-1, account: "111122223333", family: "*e*""#,
    ];
    let mut policies = Vec::new();
    for base in ["warn", "deny"] {
        for one in matches {
            for other in matches.iter().filter(|other| **other != one) {
                for levels in [["deny", "off"], ["off", "deny"], ["deny", "deny"]] {
                    let scope = |at: &str, level: &str| {
                        format!("- {{match: {{{at}}}, rules: {{privileged-container: {level}}}}}\n")
                    };
                    policies.push(format!(
                        "version: 1\nrules: {{privileged-container: {base}}}\nscopes:\n{}{}",
                        scope(one, levels[0]),
                        scope(other, levels[1])
                    ));
                }
            }
        }
    }
    for target in [
        "{family: agent}",
        "{account: '4*', region: us-east-1}",
        "{family: ci-builder, container: builder}",
        "{container: builder}",
    ] {
        policies.push(waived(target));
    }
    policies
}

#[test]
fn the_document_is_never_stricter_than_the_policy_and_says_where_it_is_more_lenient() {
    let (log, requests) = registrations();
    let (mut equal, mut lenient, mut refused) = (0, 0, 0);
    for policy in policies() {
        let folder = folder(&[
            ("policy.yaml", policy.as_bytes()),
            ("log.json", log.to_string().as_bytes()),
        ]);
        let output = tidewaiter(folder.path(), &["scp", "--policy=policy.yaml"]);
        let said = String::from_utf8(output.stderr).unwrap();
        let document = match output.status.code() {
            Some(0) => serde_json::from_slice(&output.stdout).unwrap(),
            _ if said.contains("nothing for IAM to prevent") => {
                serde_json::json!({"Version": "2012-10-17", "Statement": []})
            }
            // Two scopes that nothing ranks, or exceptions that IAM has no word for.
            _ => {
                assert!(
                    said.contains("equally narrow") || said.contains("cannot make the exceptions"),
                    "{said}"
                );
                refused += 1;
                continue;
            }
        };
        let engine = judged(folder.path());
        assert_eq!(engine.len(), requests.len());
        for (request, engine) in requests.iter().zip(engine) {
            let iam = denies(&document, request);
            assert!(
                engine || !iam,
                "stricter than\n{policy}\nfor {}",
                request.resource
            );
            assert!(
                iam == engine || said.contains("warning: "),
                "differs in silence from\n{policy}\nfor {}",
                request.resource
            );
            if iam == engine {
                equal += 1;
            } else {
                lenient += 1;
            }
        }
    }
    assert!(
        equal > 3_000 && lenient > 0 && refused > 0,
        "{equal} {lenient} {refused}"
    );
}

#[test]
fn an_agent_that_a_preset_lets_be_privileged_has_to_be_named_for_iam() {
    let folder = folder(&[("agent.yaml", b"version: 1\npresets: [falco]\n")]);
    let scp = |more: &[&str]| {
        let arguments = [&["scp", "--policy", "agent.yaml"], more].concat();
        tidewaiter(folder.path(), &arguments)
    };
    let refused = scp(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("preset `falco`"));
    let named = scp(&["--except-principal", "arn:aws:iam::*:role/security/*"]);
    assert_eq!(named.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&named.stdout).contains("role/security/*"));
}
