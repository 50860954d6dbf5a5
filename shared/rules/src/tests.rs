//! What holds for every decision and every plan.

mod images;

use std::{collections::BTreeMap, fmt::Write as _};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Action, Decision, Facts, Level, Mode, Outcome, Policy, Severity, Subject, Verdict, Withheld,
    catalogue::RULES,
    decide,
    facts::{Image, Scan, ScanSeverity, ScanState, Scanner, TaskDefinition},
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
            scan: Scan::counted(Scanner::Basic, state, counts),
        })),
    }
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

proptest! {
    #[test]
    fn the_order_of_containers_does_not_matter(definition_json in any_definition(), policy in any_profile()) {
        let mut turned = definition_json.clone();
        turned["containerDefinitions"].as_array_mut().unwrap().reverse();
        let (a, b) = (decide(&definition(&definition_json), &policy), decide(&definition(&turned), &policy));
        prop_assert_eq!(a.verdict, b.verdict);
        prop_assert_eq!(what(&a), what(&b));
    }

    #[test]
    fn members_that_no_rule_reads_do_not_matter(definition_json in any_definition(), policy in any_profile()) {
        let mut more = definition_json.clone();
        more["inferenceAccelerators"] = json!([{"deviceName": "x"}]);
        more["containerDefinitions"][0]["dependsOn"] = json!([{"containerName": "x", "condition": "START"}]);
        prop_assert_eq!(
            decide(&definition(&definition_json), &policy),
            decide(&definition(&more), &policy)
        );
    }

    #[test]
    fn adding_a_weakness_never_makes_a_decision_milder(
        definition_json in any_definition(),
        policy in any_profile(),
        weakness in 0..6,
    ) {
        let mut weaker = definition_json.clone();
        match weakness {
            0 => weaker["containerDefinitions"][0]["privileged"] = json!(true),
            1 => weaker["pidMode"] = json!("host"),
            2 => weaker["ipcMode"] = json!("host"),
            3 => weaker["networkMode"] = json!("host"),
            4 => weaker["containerDefinitions"][0]["linuxParameters"] = json!({"capabilities": {"add": ["SYS_ADMIN"]}}),
            _ => weaker["containerDefinitions"].as_array_mut().unwrap().push(json!({"name": "d", "image": "i"})),
        }
        prop_assert!(
            decide(&definition(&weaker), &policy).verdict >= decide(&definition(&definition_json), &policy).verdict
        );
    }

    #[test]
    fn a_stricter_profile_never_decides_milder(definition_json in any_definition()) {
        let verdict = |profile| decide(&definition(&definition_json), &Policy::of_profile(profile)).verdict;
        prop_assert!(verdict(Profile::Default) <= verdict(Profile::Baseline));
        prop_assert!(verdict(Profile::Baseline) <= verdict(Profile::Restricted));
    }

    #[test]
    fn only_a_failure_at_level_deny_leads_to_an_action(definition_json in any_definition(), policy in any_profile()) {
        let facts = definition(&definition_json);
        let decision = decide(&facts, &policy);
        let denied = decision.findings.iter().any(|f| f.level == Level::Deny && f.outcome == Outcome::Fail);
        for mode in [Mode::Audit, Mode::Enforce] {
            let plan = plan(&decision, &facts, mode, Some(&home()));
            prop_assert_eq!(!plan.steps.is_empty(), denied);
            prop_assert_eq!(plan.mode, mode);
        }
    }

    #[test]
    fn the_same_facts_give_the_same_plan_and_key(definition_json in any_definition(), policy in any_profile()) {
        let facts = definition(&definition_json);
        let once = plan(&decide(&facts, &policy), &facts, Mode::Enforce, None);
        prop_assert_eq!(&once, &plan(&decide(&facts, &policy), &facts, Mode::Enforce, None));
        for step in once.steps {
            prop_assert_eq!(step.idempotency_key, format!("deregister-task-definition:{ARN}"));
        }
    }

    #[test]
    fn no_text_in_a_definition_can_forge_a_line(name in "[\\s\\S]{0,300}", user in "[\\s\\S]{0,300}") {
        let json = json!({"networkMode": user, "containerDefinitions": [{"name": name, "user": user,
            "linuxParameters": {"capabilities": {"add": [name]}, "devices": [{"hostPath": user}]},
            "dockerSecurityOptions": [format!("label:disable{user}"), name],
            "systemControls": [{"namespace": user}], "privileged": true,
            "mountPoints": [{"sourceVolume": name}]}],
            "volumes": [{"name": name, "host": {"sourcePath": format!("/etc/{user}")}}]});
        for finding in decide(&definition(&json), &Policy::of_profile(Profile::Restricted)).findings {
            prop_assert!(finding.message.chars().all(crate::names::is_inert), "{:?}", finding.message);
            prop_assert!(finding.message.len() < 5000);
        }
    }

    #[test]
    fn a_scan_is_clean_only_when_it_is_complete_and_counts_nothing_bad(
        state in prop::sample::select(vec!["COMPLETE", "ACTIVE", "FAILED", "PENDING", "IN_PROGRESS", "UNSUPPORTED_IMAGE",
            "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE", "LIMIT_EXCEEDED", "IMAGE_ARCHIVED", "IMAGE_SIZE_EXCEEDED", "NEW"]),
        counts in prop::collection::btree_map(
            prop::sample::select(vec!["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED", "UNTRIAGED", "SEVERE"]),
            0_u64..3, 0..8),
    ) {
        let counted = |names: &[&str]| counts.iter().any(|(name, count)| names.contains(name) && *count > 0);
        let bad = counted(&["CRITICAL", "HIGH"]);
        let unranked = counted(&["UNDEFINED", "UNTRIAGED", "SEVERE"]);
        let conclusive = matches!(state, "COMPLETE" | "ACTIVE");
        let by_severity = counts.iter().map(|(name, count)| (ScanSeverity::parse(name), *count)).collect();
        let facts = image(ScanState::parse(state), by_severity);
        let decision = decide(&facts, &Policy::default());
        prop_assert_eq!(decision.verdict, match (bad, conclusive && !unranked) {
            (true, _) => Verdict::Deny,
            (false, true) => Verdict::Allow,
            (false, false) => Verdict::Warn,
        });
        let plan = plan(&decision, &facts, Mode::Enforce, Some(&home()));
        prop_assert_eq!(!plan.steps.is_empty(), bad && state != "IMAGE_ARCHIVED");
    }
}

#[test]
fn an_unknown_leads_to_no_action_whatever_it_costs() {
    let policy = policy("profile: restricted\nunknown: deny");
    let facts = definition(
        &json!({"taskDefinitionArn": ARN, "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [
        {"name": "app", "readonlyRootFilesystem": true, "essential": false,
         "logConfiguration": {"logDriver": "awslogs"},
         "linuxParameters": {"capabilities": {"drop": ["ALL"]}}}]}),
    );
    let decision = decide(&facts, &policy);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(
        what(&decision),
        [("root-user", Outcome::Unknown, Severity::High)]
    );
    let plan = plan(&decision, &facts, Mode::Enforce, None);
    assert_eq!((plan.steps, plan.withheld), (Vec::new(), None));
}

#[test]
fn what_cannot_be_acted_on_is_left_alone_for_a_reason() {
    let privileged = |more: &Value| {
        let mut json = json!({"containerDefinitions": [{"name": "app", "privileged": true}]});
        let members = json.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        definition(&json)
    };
    let elsewhere = Place::of_region("us-east-1", "111122223333").unwrap();
    for (facts, home, reason) in [
        (privileged(&json!({})), home(), Withheld::NotIdentified),
        (
            privileged(&json!({"taskDefinitionArn": ARN, "status": "INACTIVE"})),
            home(),
            Withheld::AlreadyDone,
        ),
        (
            privileged(&json!({"taskDefinitionArn": ARN})),
            elsewhere,
            Withheld::Elsewhere,
        ),
    ] {
        let decision = decide(&facts, &Policy::default());
        let plan = plan(&decision, &facts, Mode::Enforce, Some(&home));
        assert_eq!((plan.steps, plan.withheld), (Vec::new(), Some(reason)));
    }
}

#[test]
fn commands_name_the_one_thing_and_nothing_from_outside() {
    let counts = BTreeMap::from([(ScanSeverity::Critical, 1)]);
    let facts = image(ScanState::Complete, counts);
    let plan = plan(
        &decide(&facts, &Policy::default()),
        &facts,
        Mode::Enforce,
        None,
    );
    let step = &plan.steps[0];
    assert!(matches!(step.action, Action::ArchiveImage(..)));
    assert!(
        step.action
            .command()
            .ends_with("--target-storage-class ARCHIVE")
    );
    assert!(
        step.undo
            .command
            .ends_with("--target-storage-class STANDARD")
    );
    assert!(
        step.undo
            .command
            .contains("--image-id imageDigest=sha256:0a0a")
    );
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

const WAIVER: &str = "waivers:\n- {id: agent, rules: [privileged-container], target: {family: 'agent-*', container: main}, reason: r, owner: o, expires: 2026-12-31}";

fn agent(family: &str, container: &str, observed_at: &str) -> Facts {
    let json = json!({"family": family, "containerDefinitions": [
        {"name": container, "privileged": true, "user": "1000", "readonlyRootFilesystem": true}]});
    Facts {
        observed_at: Some(observed_at.parse().unwrap()),
        ..definition(&json)
    }
}

#[test]
fn a_waiver_covers_its_target_until_the_end_of_its_last_day() {
    let policy = policy(WAIVER);
    let verdict = |facts: &Facts| {
        let decision = decide(facts, &policy);
        let privileged = decision
            .findings
            .iter()
            .any(|f| f.rule == "privileged-container");
        assert_eq!(privileged, decision.waived.is_empty());
        !privileged
    };
    assert!(verdict(&agent("agent-x", "main", "2026-11-23T00:00:00Z")));
    assert!(verdict(&agent("agent-x", "main", "2026-12-31T23:59:59Z")));
    assert!(!verdict(&agent("agent-x", "main", "2027-01-01T00:00:00Z")));
    assert!(!verdict(&agent("agent", "main", "2026-11-23T00:00:00Z")));
    assert!(!verdict(&agent("agent-x", "other", "2026-11-23T00:00:00Z")));
}

#[test]
fn the_narrowest_scope_decides() {
    let policy = policy(
        "rules: {root-user: deny}\nscopes:\n- {match: {family: 'web*'}, rules: {root-user: warn}}\n- {match: {family: web, region: 'eu-*'}, rules: {root-user: off}}\n- {match: {account: '999999999999'}, profile: restricted}",
    );
    let level = |family: &str| {
        let json = json!({"family": family, "containerDefinitions": [{"name": "a", "user": "0"}]});
        let decision = decide(&definition(&json), &policy);
        let finding = decision
            .findings
            .into_iter()
            .find(|f| f.rule == "root-user");
        finding.map(|finding| finding.level)
    };
    assert_eq!(level("job"), Some(Level::Deny));
    assert_eq!(level("website"), Some(Level::Warn));
    assert_eq!(level("web"), None);
}

#[test]
fn a_scope_for_a_launch_type_or_tag_is_for_those_that_are_only_that() {
    let policy = policy(
        "scopes:\n- {match: {launch-type: FARGATE}, rules: {root-user: off}}\n- {match: {tags: {tier: 'test*'}}, rules: {root-user: off}}",
    );
    let found = |more: &Value| {
        let mut json = json!({"containerDefinitions": [{"name": "a", "user": "0"}]});
        let members = json.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let decision = decide(&definition(&json), &policy);
        decision
            .findings
            .iter()
            .any(|finding| finding.rule == "root-user")
    };
    assert!(found(&json!({})));
    assert!(found(
        &json!({"requiresCompatibilities": ["EC2", "FARGATE"]})
    ));
    assert!(!found(&json!({"requiresCompatibilities": ["FARGATE"]})));
    assert!(!found(
        &json!({"tags": [{"key": "tier", "value": "testing"}]})
    ));
    assert!(found(&json!({"tags": [{"key": "tier", "value": "prod"}]})));
}

#[test]
fn a_waived_finding_leads_to_no_action() {
    let facts = agent("agent-x", "main", "2026-11-23T00:00:00Z");
    let decision = decide(&facts, &policy(WAIVER));
    assert_eq!(decision.waived[0].waiver, "agent");
    assert_eq!(decision.waived[0].expires, "2026-12-31");
    assert!(
        plan(&decision, &facts, Mode::Enforce, None)
            .steps
            .is_empty()
    );
}

proptest! {
    #[test]
    fn a_waiver_never_changes_what_is_said_of_another_target(definition_json in any_definition()) {
        let (with, without) = (policy(WAIVER), Policy::default());
        let facts = definition(&definition_json);
        prop_assert_eq!(decide(&facts, &with), decide(&facts, &without));
    }
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
