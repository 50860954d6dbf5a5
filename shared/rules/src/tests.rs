//! What holds for every decision and every plan.

mod image_policies;
mod images;
mod methods;
mod parts;
mod plans;
mod policies;
mod properties;
mod quarantine;
mod running;
mod speed;

use std::{collections::BTreeMap, fmt::Write as _};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Action, Decision, Facts, Level, Mode, Outcome, Policy, Severity, Subject, Verdict, Withheld,
    catalogue::RULES,
    decide,
    facts::{
        Family, Image, Scan, ScanSeverity, ScanState, Scanner, Surroundings, TaskDefinition, Usage,
    },
    names::{Digest, Place, Repository},
    plan,
    policy::Profile,
};

const ARN: &str = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";

fn home() -> Place {
    Place::of_region("eu-west-1", "111122223333").unwrap()
}

fn definition(json: &Value) -> Facts {
    let definition: TaskDefinition = serde_json::from_value(json.clone()).unwrap();
    Facts {
        place: Some(home()),
        observed_at: None,
        subject: Subject::TaskDefinition(Box::new(definition)),
    }
}

fn image(state: ScanState, counts: BTreeMap<ScanSeverity, u64>) -> Facts {
    Facts {
        place: Some(home()),
        observed_at: None,
        subject: Subject::Image(Box::new(Image {
            repository: Repository::new(home(), "team/app").unwrap(),
            digest: Some(Digest::parse(&format!("sha256:{}", "0a".repeat(32))).unwrap()),
            tags: Vec::new(),
            pushed_at: None,
            is_restored: false,
            quarantine: None,
            scan: Scan::counted(Scanner::Basic, state, counts),
            surroundings: Surroundings::default(),
        })),
    }
}

/// The image as no index leads to it and nothing runs it.
fn alone(mut facts: Facts) -> Facts {
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    image.surroundings = Surroundings {
        family: Family::default().into(),
        usage: Some(Usage::default()),
        ..Surroundings::default()
    };
    facts
}

fn policy(more: &str) -> Policy {
    Policy::from_yaml(
        &format!("version: 1\n{more}"),
        "2026-11-23T12:00:00Z".parse().unwrap(),
    )
    .unwrap()
}

fn any_container() -> impl Strategy<Value = Value> {
    let capability = prop::sample::select(vec!["CHOWN", "SYS_ADMIN", "CAP_NET_RAW", "ALL", ""]);
    (
        prop::option::of(any::<bool>()),
        prop::option::of(prop::sample::select(vec!["root", "0", "1000", "app", ""])),
        prop::option::of(any::<bool>()),
        prop::option::of(prop::collection::vec(capability, 0..3)),
        any::<bool>(),
    )
        .prop_map(|(privileged, user, readonly, add, firelens)| {
            json!({
                "name": "c", "image": "i", "privileged": privileged, "user": user,
                "readonlyRootFilesystem": readonly,
                "linuxParameters": {"capabilities": {"add": add}},
                "firelensConfiguration": firelens.then(|| json!({"type": "fluentbit"})),
            })
        })
}

fn any_definition() -> impl Strategy<Value = Value> {
    let mode = || prop::option::of(prop::sample::select(vec!["host", "task", "awsvpc", "none"]));
    let launch = prop::sample::select(vec!["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"]);
    (
        prop::collection::vec(any_container(), 1..4),
        mode(),
        mode(),
        mode(),
        prop::option::of(prop::collection::vec(launch, 0..3)),
        any::<bool>(),
    )
        .prop_map(|(containers, network, pid, ipc, launch, windows)| {
            json!({
                "family": "web", "taskDefinitionArn": ARN, "status": "ACTIVE",
                "containerDefinitions": containers, "networkMode": network, "pidMode": pid,
                "ipcMode": ipc, "requiresCompatibilities": launch,
                "runtimePlatform": windows.then(|| json!({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"})),
            })
        })
}

fn any_profile() -> impl Strategy<Value = Policy> {
    prop::sample::select(vec![
        Profile::Default,
        Profile::Baseline,
        Profile::Restricted,
    ])
    .prop_map(Policy::of_profile)
}

/// The findings of a decision without their places.
fn what(decision: &Decision) -> Vec<(&'static str, Outcome, Severity)> {
    let findings = decision.findings.iter();
    let mut found: Vec<_> = findings.map(|f| (f.rule, f.outcome, f.severity)).collect();
    found.sort();
    found
}

#[test]
fn profiles_give_every_rule_its_level() {
    let mut table = String::new();
    let anything = definition(&json!({"containerDefinitions": []}));
    for rule in RULES {
        let level = |profile| {
            Policy::of_profile(profile)
                .levels(&anything)
                .of(rule, rule.severity)
                .name()
        };
        let _ = writeln!(
            table,
            "{:<30} default {:<5} baseline {:<5} restricted {}",
            rule.id,
            level(Profile::Default),
            level(Profile::Baseline),
            level(Profile::Restricted)
        );
    }
    insta::assert_snapshot!(table);
}

/// Defects of other tools, from their sources: each of these passes there.
#[test]
fn what_other_tools_miss_is_found() {
    let rules = |json: &Value| -> Vec<&'static str> {
        let decision = decide(&definition(json), &Policy::default());
        decision
            .findings
            .iter()
            .map(|finding| finding.rule)
            .collect()
    };
    // Checkov CKV_AWS_334 looks for a member `privilege`.
    let privileged = json!({"containerDefinitions": [{"name": "a", "privileged": true}]});
    assert!(rules(&privileged).contains(&"privileged-container"));
    // Checkov CKV_AWS_335 looks for `pidMode` in the containers.
    let host_pid = json!({"pidMode": "host", "containerDefinitions": [{"name": "a"}]});
    assert!(rules(&host_pid).contains(&"host-pid"));
    // Checkov CKV_DOCKER_8 and Prowler's host-network check know root by one spelling.
    for user in ["0:0", "0", "root:root", "00"] {
        let root = json!({"networkMode": "host", "containerDefinitions": [
            {"name": "a", "user": user, "privileged": true}]});
        let found = rules(&root);
        assert!(found.contains(&"root-user"), "{user}");
        assert!(found.contains(&"host-network"), "{user}");
    }
    // Checkov has no check for these.
    let capability = json!({"containerDefinitions": [
        {"name": "a", "linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}}]});
    assert!(rules(&capability).contains(&"dangerous-capability"));
    let password = json!({"containerDefinitions": [
        {"name": "a", "environment": [{"name": "DB_PASSWORD", "value": "correct horse"}]}]});
    assert!(rules(&password).contains(&"secret-in-environment"));
    // Checkov CKV_AWS_97 looks at the first EFS volume alone.
    let efs = json!({"volumes": [
        {"name": "a", "efsVolumeConfiguration": {"transitEncryption": "ENABLED"}},
        {"name": "b", "efsVolumeConfiguration": {}}]});
    assert!(rules(&efs).contains(&"unencrypted-efs-volume"));
    // KICS finds every volume unencrypted that is not of EFS.
    let plain = json!({"volumes": [{"name": "a"}]});
    assert!(!rules(&plain).contains(&"unencrypted-efs-volume"));
}

#[test]
fn a_daemon_is_judged_as_what_it_is_and_left_alone() {
    let json = json!({
        "family": "agent", "pidMode": "shared", "ipcMode": "none",
        "daemonTaskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:daemon-task-definition/agent:1",
        "containerDefinitions": [{"name": "a", "privileged": true}],
    });
    let facts = definition(&json);
    let decision = decide(&facts, &Policy::default());
    let rules: Vec<_> = decision.findings.iter().map(|f| f.rule).collect();
    assert!(rules.contains(&"privileged-container"));
    assert!(rules.contains(&"host-pid"));
    assert!(!rules.contains(&"host-ipc"));
    let plan = plan(&decision, &facts, Mode::Enforce, None);
    assert_eq!(
        (plan.steps, plan.withheld),
        (Vec::new(), Some(Withheld::Daemon))
    );
}

/// ECS knows four launch types; what these rules say holds on each. Those that hold on some say so
/// in their own tests.
#[test]
fn every_rule_denies_and_allows_on_every_launch_type() {
    let bad = json!({
        "networkMode": "host", "pidMode": "host", "ipcMode": "host", "enableFaultInjection": true,
        "containerDefinitions": [{"name": "a", "privileged": true, "user": "0", "interactive": true, "links": ["b"],
            "restartPolicy": {"enabled": true}, "versionConsistency": "disabled",
            "readonlyRootFilesystem": false,
            "linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}, "devices": [{"hostPath": "/dev/sda"}]},
            "dockerSecurityOptions": ["label:disable"],
            "systemControls": [{"namespace": "kernel.msgmax", "value": "1"}],
            "mountPoints": [{"sourceVolume": "run"}, {"sourceVolume": "etc"}]}],
        "volumes": [{"name": "run", "host": {"sourcePath": "/run"}}, {"name": "etc", "host": {"sourcePath": "/etc"}}],
    });
    let good = json!({
        "networkMode": "awsvpc", "pidMode": "task", "ipcMode": "task", "enableFaultInjection": false,
        "containerDefinitions": [{"name": "a", "privileged": false, "user": "1000", "interactive": false,
            "readonlyRootFilesystem": true, "logConfiguration": {"logDriver": "awslogs"}, "linuxParameters": {"capabilities": {"add": ["CHOWN"]}},
            "links": [], "restartPolicy": {"enabled": false}, "versionConsistency": "enabled",
            "healthCheck": {"command": ["CMD", "/healthy"]}}],
    });
    let linux = [
        "container-links",
        "dangerous-capability",
        "fault-injection",
        "host-device",
        "host-ipc",
        "host-network",
        "host-pid",
        "host-runtime-socket",
        "interactive-container",
        "missing-health-check",
        "missing-init-process",
        "privileged-container",
        "root-user",
        "sensitive-host-path",
        "unsafe-sysctl",
        "version-consistency-disabled",
        "weakened-confinement",
        "writable-root-filesystem",
    ];
    let linux_only = [
        "missing-init-process",
        "root-user",
        "writable-root-filesystem",
    ];
    let mut windows = linux.to_vec();
    windows.retain(|rule| !linux_only.contains(rule));
    for launch_type in ["EC2", "EXTERNAL", "MANAGED_INSTANCES", "FARGATE", "NEW"] {
        for (family, expected) in [
            ("LINUX", &linux[..]),
            ("WINDOWS_SERVER_2025_CORE", windows.as_slice()),
        ] {
            let found = |json: &Value| -> Vec<&'static str> {
                let mut json = json.clone();
                json["compatibilities"] = json!([launch_type]);
                json["runtimePlatform"] = json!({"operatingSystemFamily": family});
                let decision = decide(&definition(&json), &Policy::of_profile(Profile::Restricted));
                let mut rules: Vec<_> = decision.findings.iter().map(|f| f.rule).collect();
                rules.retain(|rule| linux.contains(rule));
                rules.sort_unstable();
                rules
            };
            assert_eq!(found(&bad), expected, "{launch_type} {family}");
            assert_eq!(found(&good), [] as [&str; 0], "{launch_type} {family}");
        }
    }
}
