//! What holds for the parts of a definition that other calls than its registration say.

use std::collections::BTreeSet;

use super::*;
use crate::facts::{ExpressRequest, Form, RunRequest};

fn facts(definition: TaskDefinition) -> Facts {
    Facts {
        place: Some(home()),
        observed_at: None,
        subject: Subject::TaskDefinition(Box::new(definition)),
    }
}

fn run(overrides: &Value) -> Facts {
    let request = json!({"taskDefinition": "web:7", "overrides": overrides});
    let request: RunRequest = serde_json::from_value(request).unwrap();
    facts(request.into_definition().unwrap())
}

fn express(request: Value) -> Facts {
    let request: ExpressRequest = serde_json::from_value(request).unwrap();
    facts(request.into_definition().unwrap())
}

fn told(facts: &Facts) -> Vec<(&'static str, Outcome, String)> {
    let decision = decide(facts, &Policy::of_profile(Profile::Restricted));
    let told = decision.findings.into_iter();
    let mut told: Vec<_> = told.map(|f| (f.rule, f.outcome, f.pointer)).collect();
    told.sort();
    told
}

fn key_id() -> String {
    format!("AKIA{}", "7Q2Z9R4V1N8W5H3J")
}

#[test]
fn overrides_are_judged_where_they_stand() {
    let facts = run(&json!({
        "taskRoleArn": "admin", "executionRoleArn": "admin",
        "containerOverrides": [
            {"name": "log"},
            {"name": "app", "command": ["run", "--password=hunter2"],
             "environment": [{"name": "A", "value": "b"}, {"name": "K", "value": key_id()},
                {"name": "HOST", "value": "http://169.254.169.254/"}],
             "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/x.env"}]},
        ],
    }));
    let at = |path: &str| format!("/overrides/{path}");
    let app = |path: &str| at(&format!("containerOverrides/1/{path}"));
    assert_eq!(
        told(&facts),
        [
            (
                "environment-file",
                Outcome::Unknown,
                app("environmentFiles")
            ),
            (
                "metadata-service-access",
                Outcome::Fail,
                app("environment/2/value")
            ),
            (
                "overridden-task-role",
                Outcome::Fail,
                at("executionRoleArn")
            ),
            ("overridden-task-role", Outcome::Fail, at("taskRoleArn")),
            ("secret-in-environment", Outcome::Fail, app("command/1")),
            (
                "secret-in-environment",
                Outcome::Fail,
                app("environment/1/value")
            ),
            ("shared-task-role", Outcome::Fail, at("taskRoleArn")),
        ]
    );
}

#[test]
fn an_express_service_is_judged_where_it_stands() {
    let facts = express(json!({
        "taskRoleArn": "web", "executionRoleArn": "web",
        "primaryContainer": {"image": "nginx", "command": ["--password=hunter2"],
            "environment": [{"name": "K", "value": key_id()}]},
    }));
    let at = |path: &str| format!("/primaryContainer/{path}");
    assert_eq!(
        told(&facts),
        [
            ("latest-image-tag", Outcome::Fail, at("image")),
            ("secret-in-environment", Outcome::Fail, at("command/0")),
            (
                "secret-in-environment",
                Outcome::Fail,
                at("environment/0/value")
            ),
            ("shared-task-role", Outcome::Fail, "/taskRoleArn".to_owned()),
            ("unpinned-image", Outcome::Fail, at("image")),
            ("untrusted-registry", Outcome::Fail, at("image")),
        ]
    );
}

/// An environment that CloudTrail hides is nearly every one: nobody is woken for it.
#[test]
fn what_cloudtrail_hides_of_a_run_is_unknown_and_silent_by_default() {
    let hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";
    let container = json!({"name": "app", "environment": hidden});
    for facts in [
        run(&json!({"containerOverrides": [container, {"name": "log", "environment": hidden}]})),
        express(
            json!({"primaryContainer": {"image": format!("111122223333.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:{}", "0a".repeat(32)), "environment": hidden}}),
        ),
    ] {
        let decision = decide(&facts, &Policy::default());
        assert_eq!(
            (decision.verdict, decision.findings),
            (Verdict::Allow, Vec::new())
        );
        let told = told(&facts);
        assert!(!told.is_empty());
        assert!(
            told.iter()
                .all(|(_, outcome, _)| *outcome == Outcome::Unknown),
            "{told:?}"
        );
    }
}

#[test]
fn a_part_that_is_denied_says_why_it_is_left() {
    let policy = policy("rules: {overridden-task-role: deny, untrusted-registry: deny}");
    for (facts, reason) in [
        (run(&json!({"taskRoleArn": "admin"})), Withheld::Run),
        (
            express(json!({"primaryContainer": {"image": "nginx"}})),
            Withheld::ExpressService,
        ),
    ] {
        let decision = decide(&facts, &policy);
        assert_eq!(decision.verdict, Verdict::Deny);
        let plan = plan(&decision, &facts, Mode::Enforce, Some(&home()));
        assert_eq!((plan.steps, plan.withheld), (Vec::new(), Some(reason)));
    }
}

proptest! {
    /// Whatever is in it, an ARN that can be acted on included.
    #[test]
    fn a_part_never_leads_to_an_action_nor_is_judged_for_what_it_lacks(
        json in any_definition(),
        form in prop::sample::select(vec![Form::Overrides, Form::ExpressService]),
        policy in any_profile(),
    ) {
        let mut definition: TaskDefinition = serde_json::from_value(json).unwrap();
        definition.form = form;
        definition.task_definition_arn = ARN.to_owned().into();
        let facts = facts(definition);
        let decision = decide(&facts, &policy);
        for mode in [Mode::Audit, Mode::Enforce] {
            prop_assert_eq!(plan(&decision, &facts, mode, Some(&home())).steps, Vec::new());
            prop_assert_eq!(plan(&decision, &facts, mode, None).steps, Vec::new());
        }
        let rules: BTreeSet<&str> = decision.findings.iter().map(|f| f.rule).collect();
        let of_parts: BTreeSet<&str> = RULES
            .iter()
            .filter(|rule| rule.applies.forms.contains(&form))
            .map(|rule| rule.id)
            .collect();
        prop_assert!(rules.is_subset(&of_parts), "{:?}", rules);
        prop_assert!(!of_parts.iter().any(|rule| rule.starts_with("missing-")));
    }
}
