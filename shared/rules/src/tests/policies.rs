//! Scopes and waivers.

use super::*;

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
    assert_eq!(decision.waived[0].expires.as_deref(), Some("2026-12-31"));
    assert!(
        plan(&decision, &facts, Mode::Enforce, None)
            .steps
            .is_empty()
    );
}

#[test]
fn the_narrowest_scope_that_says_one_decides_the_mode_below_the_stacks() {
    let policy = policy(
        "mode: enforce\nscopes:\n- {match: {family: 'web*'}, mode: audit}\n- {match: {family: web, region: 'eu-*'}, rules: {root-user: off}}\n- {match: {family: website, region: 'eu-*'}, mode: enforce}",
    );
    let mode = |family: &str, stack| {
        policy.mode(
            &definition(&json!({"family": family, "containerDefinitions": []})),
            stack,
        )
    };
    assert_eq!(mode("job", Mode::Enforce), Mode::Enforce);
    assert_eq!(mode("webapp", Mode::Enforce), Mode::Audit);
    // A narrower scope that says nothing of the mode leaves it to the next.
    assert_eq!(mode("web", Mode::Enforce), Mode::Audit);
    assert_eq!(mode("website", Mode::Enforce), Mode::Enforce);
    for family in ["job", "webapp", "web", "website"] {
        assert_eq!(mode(family, Mode::Audit), Mode::Audit, "{family}");
    }
}

#[test]
fn a_scope_or_waiver_for_a_cluster_is_not_for_a_definition() {
    let policy = policy(
        "scopes:\n- {match: {cluster: '*'}, rules: {privileged-container: off}, mode: audit}\nwaivers:\n- {id: a, rules: [privileged-container], target: {cluster: '*'}, reason: r, owner: o, expires: 2026-12-31}",
    );
    let facts = agent("agent-x", "main", "2026-11-23T00:00:00Z");
    let decision = decide(&facts, &policy);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.waived, []);
    assert_eq!(policy.mode(&facts, Mode::Enforce), Mode::Enforce);
}

#[test]
fn names_of_modes_profiles_verdicts_and_outcomes_are_read_and_written_alike() {
    for (mode, name) in [(Mode::Audit, "audit"), (Mode::Enforce, "enforce")] {
        assert_eq!((mode.name(), Mode::parse(name)), (name, Some(mode)));
    }
    for name in Profile::NAMES {
        assert_eq!(Profile::parse(name).map(Profile::name), Some(*name));
    }
    for name in ["", "Audit", "dry-run", "strict"] {
        assert_eq!((Mode::parse(name), Profile::parse(name)), (None, None));
    }
    let verdicts = [Verdict::Allow, Verdict::Warn, Verdict::Deny].map(Verdict::name);
    assert_eq!(verdicts, ["allow", "warn", "deny"]);
    let outcomes = [Outcome::Fail, Outcome::Unknown].map(Outcome::name);
    assert_eq!(outcomes, ["fail", "unknown"]);
}

#[test]
fn a_policy_tells_what_it_was_given() {
    let given = policy("profile: baseline\nmax-actions-per-hour: 7");
    assert_eq!(given.profile(), Some(Profile::Baseline));
    assert_eq!(given.max_actions_per_hour(), 7);
    let default = policy("rules: {}");
    assert_eq!(default.max_actions_per_hour(), 60);
}

#[test]
fn a_part_of_a_definition_is_in_its_cluster_and_a_definition_in_none() {
    let mut facts = definition(&json!({"family": "web", "containerDefinitions": []}));
    assert_eq!(facts.cluster(), None);
    if let Subject::TaskDefinition(part) = &mut facts.subject {
        part.cluster = Some("prod".to_owned());
    }
    assert_eq!(facts.cluster(), Some("prod"));
    assert_eq!(image(ScanState::Complete, BTreeMap::new()).cluster(), None);
}

#[test]
fn severities_are_read_in_any_case_and_none_is_dropped() {
    for (name, severity) in [
        ("critical", ScanSeverity::Critical),
        ("UNDEFINED", ScanSeverity::Undefined),
        ("Untriaged", ScanSeverity::Untriaged),
        ("severe", ScanSeverity::Other("severe".to_owned())),
    ] {
        assert_eq!(ScanSeverity::parse(name), severity);
    }
}

#[test]
fn a_complaint_says_what_was_expected() {
    for (json, expected) in [
        (r#"{"cpu":[]}"#, "a text, number or boolean"),
        (
            r#"{"containerDefinitions":[{"environment":7}]}"#,
            "a list of variables",
        ),
        (r#"{"volumes":[7]}"#, "a volume"),
    ] {
        let error = serde_json::from_str::<TaskDefinition>(json).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_subject_is_known_by_its_kind_and_name() {
    let of_definition = |json: &Value| definition(json).subject;
    let image = image(ScanState::Complete, BTreeMap::new()).subject;
    for (subject, kind, id) in [
        (
            of_definition(&json!({"taskDefinitionArn": ARN, "containerDefinitions": []})),
            "task-definition",
            "web:7".to_owned(),
        ),
        (
            of_definition(&json!({"family": "web", "containerDefinitions": []})),
            "task-definition",
            "web".to_owned(),
        ),
        (
            image,
            "image",
            format!("team/app@sha256:{}", "0a".repeat(32)),
        ),
    ] {
        assert_eq!((subject.kind_name(), subject.id()), (kind, id));
    }
}

proptest! {
    #[test]
    fn a_waiver_never_changes_what_is_said_of_another_target(definition_json in any_definition()) {
        let (with, without) = (policy(WAIVER), Policy::default());
        let facts = definition(&definition_json);
        prop_assert_eq!(decide(&facts, &with), decide(&facts, &without));
    }
}
