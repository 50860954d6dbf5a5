//! Secrets are planted wherever one can stand in a definition, and no alert may hold a part of one.

// The places are those of the command line's own test. It is test code, which a dependency does
// not give.
#[path = "../../../cli/tests/secrets/planted.rs"]
mod planted;

use serde_json::json;
use tidewaiter_events::{Parsed, parse};
use tidewaiter_rules::{Effect, Mode, Policy, decide, names::Place, plan, policy::Profile};

use self::planted::{FORMED, Planted, SHOWN, Shape, base, definitions, put};
use crate::{Alert, Failure, Fate, channel::tests::everything_told};

#[test]
fn no_secret_of_a_definition_is_in_an_alert() {
    let mut planted = Planted::new();
    let home = Place::of_region("eu-west-1", "111122223333").unwrap();
    let mut definitions = definitions(&mut planted);
    // The family is a part of the ARN, without which nothing can be done about the definition.
    definitions.retain(|(place, _)| !place.starts_with("/family"));
    let mut alerts = 0;
    for shape in FORMED.iter().chain(SHOWN) {
        let mut definition = base();
        let secret = planted.plant(*shape, "a cluster");
        put(
            &mut definition,
            "/containerDefinitions/0/user",
            json!(secret),
        );
        definitions.push((String::new(), definition));
    }
    for (place, mut definition) in definitions {
        definition["taskDefinitionArn"] =
            json!("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7");
        let event = json!({
            "detail-type": "AWS API Call via CloudTrail", "source": "aws.ecs",
            "account": "111122223333", "region": "eu-west-1", "time": "2026-11-23T06:07:08Z",
            "detail": {
                "eventSource": "ecs.amazonaws.com", "eventName": "RegisterTaskDefinition",
                "userIdentity": {"type": "Root"}, "requestParameters": definition,
                "responseElements": {"taskDefinition": definition},
            },
        });
        let fate = Fate::DeadLetter;
        let mode = Mode::Enforce;
        let alert = match parse(event.to_string().as_bytes()) {
            Ok(Parsed::Event(event)) => {
                // Nothing of it can be read: what is judged then is what ECS has.
                let Some(facts) = event.facts() else { continue };
                let decision = decide(&facts, &Policy::of_profile(Profile::Restricted));
                let plan = plan(&decision, &facts, mode, None);
                let effects = vec![Effect::Done; plan.steps.len()];
                Alert::of_decision(&event, &facts, &decision, &plan, &effects, &home)
                    .unwrap_or_else(|| panic!("{place} {decision:?}"))
            }
            Ok(Parsed::Ignored(reason)) => panic!("{reason}"),
            Ok(Parsed::Scheduled(_) | Parsed::TaskChanged(_) | Parsed::Deregistered(_)) => {
                panic!("nothing is judged by it")
            }
            Err(error) => {
                let error = &error.to_string();
                Alert::of_failure(&Failure {
                    event: None,
                    error,
                    fate,
                    mode,
                    home: &home,
                })
            }
        };
        let message = alert.message();
        planted.assert_not_in(message.subject.as_bytes(), &place);
        planted.assert_not_in(message.body.as_bytes(), &place);
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        let told = everything_told(body["default"].as_str().unwrap());
        planted.assert_not_in(told.as_bytes(), &place);
        for attribute in message.attributes {
            planted.assert_not_in(attribute.value.as_bytes(), &place);
        }
        alerts += 1;
    }
    assert!(alerts > 100, "{alerts}");
    // A secret that is there is found, or the test is none.
    let secret = planted.plant(Shape::Token, "here");
    assert!(std::panic::catch_unwind(|| planted.assert_not_in(secret.as_bytes(), "here")).is_err());
}
