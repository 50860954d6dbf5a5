//! What the page of a rule denies and allows, on every launch type.

use serde_json::{Value, json};

use super::*;

/// An example of a page that is judged otherwise on a launch type: the rule, the launch type, and why.
type Exception = (&'static str, &'static str, &'static str);

const EXCEPTIONS: &[Exception] = &[
    ("non-awsvpc-network", "EC2", ON_FARGATE),
    ("non-awsvpc-network", "MANAGED_INSTANCES", ON_FARGATE),
    ("privilege-escalation", "EC2", ON_FARGATE),
    ("privilege-escalation", "EXTERNAL", ON_FARGATE),
];

const ON_FARGATE: &str = "one of the allowed examples is allowed because it is for Fargate";

/// The examples of a rule's page about definitions, with whether each is to be denied.
fn definitions(rule: &Rule) -> Vec<(Value, bool)> {
    let (_, examples) = examples(page(rule));
    let examples = examples
        .into_iter()
        .filter(|example| example.language == "json");
    examples
        .filter_map(|example| {
            let is_denied = match example.section.as_str() {
                "Denied" => true,
                "Allowed" => false,
                _ => return None,
            };
            Some((serde_json::from_str(&example.text).unwrap(), is_denied))
        })
        .collect()
}

fn is_denied(rule: &Rule, definition: &Value, policy: &Policy) -> bool {
    let context = Context {
        observed_at: None,
        place: None,
        parameters: policy.parameters(),
    };
    let subject = subject(SubjectKind::TaskDefinition, &definition.to_string());
    !rule.answers(&subject, &context).is_empty()
}

fn on(definition: &Value, launch_type: &str) -> Value {
    let mut definition = definition.clone();
    definition["requiresCompatibilities"] = json!([launch_type]);
    definition
        .as_object_mut()
        .unwrap()
        .remove("compatibilities");
    definition
}

#[test]
fn the_examples_of_every_rule_hold_on_every_launch_type_that_it_is_for() {
    let rules = RULES
        .iter()
        .filter(|rule| rule.check.subject() == SubjectKind::TaskDefinition);
    let mut others = BTreeSet::new();
    for rule in rules {
        let policy = policy(&examples(page(rule)).1);
        for launch_type in LaunchType::ALL {
            let name = launch_type.name();
            let is_for_it = rule.applies.launch_types.contains(launch_type);
            let mut kinds = BTreeSet::new();
            for (definition, expected) in definitions(rule) {
                let found = is_denied(rule, &on(&definition, name), &policy);
                let expected = expected && is_for_it;
                if found == expected {
                    kinds.insert(found);
                } else {
                    others.insert((rule.id, name));
                }
            }
            // One example at least of each kind is as the page says.
            let needed: &[bool] = if is_for_it { &[false, true] } else { &[false] };
            for kind in needed {
                let is_excepted = EXCEPTIONS
                    .iter()
                    .any(|(id, on, _)| (*id, *on) == (rule.id, name));
                assert!(
                    kinds.contains(kind) || is_excepted,
                    "{} on {name} is never {kind}",
                    rule.id
                );
            }
        }
    }
    // The list holds what it has to and nothing else.
    let excepted: BTreeSet<_> = EXCEPTIONS
        .iter()
        .map(|(rule, on, _)| (*rule, *on))
        .collect();
    assert_eq!(others, excepted);
}

#[test]
fn the_examples_of_rules_that_are_not_for_windows_are_let_be_there() {
    let windows = json!({"operatingSystemFamily": "WINDOWS_SERVER_2025_CORE"});
    let rules = RULES.iter().filter(|rule| !rule.applies.windows);
    for rule in rules {
        let policy = policy(&examples(page(rule)).1);
        for (mut definition, expected) in definitions(rule) {
            assert_eq!(
                is_denied(rule, &definition, &policy),
                expected,
                "{}",
                rule.id
            );
            definition["runtimePlatform"] = windows.clone();
            assert!(!is_denied(rule, &definition, &policy), "{}", rule.id);
        }
    }
}
