//! The exception that an alert offers excepts what the alert is about, and nothing else.

use super::*;

/// The policy that has the recipe of an alert in it, filled in.
fn excepting(alert: &Alert) -> Policy {
    let recipe = json!(alert)["waive"].as_str().unwrap().to_owned();
    let recipe = recipe.replace("YYYY-MM-DD", "2026-12-31");
    let yaml = format!("version: 1\nprofile: restricted\n{recipe}");
    Policy::from_yaml(&yaml, "2026-11-25T09:00:00Z".parse().unwrap())
        .unwrap_or_else(|error| panic!("{yaml}: {}", error.count()))
}

fn definition(family: &str, container: &str) -> Event {
    let arn = format!("arn:aws:ecs:eu-west-1:111122223333:task-definition/{family}:7");
    let definition = json!({"family": family, "taskDefinitionArn": arn, "pidMode": "host",
        "containerDefinitions": [{"name": container, "privileged": true, "user": "0"}]});
    registered(&definition, &json!({}), "x")
}

#[test]
fn a_recipe_excepts_just_what_the_alert_is_about() {
    let event = definition("web", "app");
    let policy = excepting(&alert(&event, Effect::Done).unwrap());
    let left = decide(&event.facts().unwrap(), &policy);
    assert_eq!(left.findings, []);
    assert!(left.waived.len() > 3);
    for (family, container) in [("web", "other"), ("web2", "app")] {
        let facts = definition(family, container).facts().unwrap();
        assert_eq!(
            decide(&facts, &policy).verdict,
            Verdict::Deny,
            "{family} {container}"
        );
    }
}

#[test]
fn a_recipe_for_an_image_is_for_its_digest() {
    let scanned = |digest: &str| {
        event(&json!({
            "detail-type": "ECR Image Scan", "source": "aws.ecr", "account": "111122223333",
            "region": "eu-west-1", "time": "2026-11-23T12:00:00Z",
            "detail": {"repository-name": "team/app", "scan-status": "COMPLETE", "image-tags": ["1.4"],
                "image-digest": format!("sha256:{}", digest.repeat(32)),
                "finding-severity-counts": {"CRITICAL": 2}},
        }))
    };
    let event = scanned("ab");
    let policy = excepting(&alert(&event, Effect::Done).unwrap());
    assert_eq!(
        decide(&event.facts().unwrap(), &policy).verdict,
        Verdict::Allow
    );
    let other = decide(&scanned("cd").facts().unwrap(), &policy);
    assert_eq!(other.verdict, Verdict::Deny);
}

#[test]
fn a_name_that_no_pattern_can_stand_for_has_no_recipe() {
    for container in [
        "a*",
        "a?",
        "a\"b",
        "a\nrules: off",
        "",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    ] {
        let event = definition("web", container);
        let machine = json!(alert(&event, Effect::Done).unwrap());
        // What is about the whole task has one all the same.
        let recipe = machine["waive"].as_str().unwrap();
        assert!(!recipe.contains("container:"), "{recipe}");
    }
}
