//! What is made of what lies in a queue.

use tidewaiter_rules::names::quoted;

use super::*;

const GUARD: Option<Way> = Some(Way::Function("TaskDefinitionGuard"));

fn letter(body: &str, attributes: &[(&str, &str)]) -> Letter {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Letter {
        id: "m-1".to_owned(),
        body: body.to_owned(),
        attributes: attributes.iter().map(owned).collect(),
        ..Letter::default()
    }
}

fn texts(told: &Told) -> Vec<String> {
    let value = serde_json::to_value(told).unwrap();
    let members = value.as_object().unwrap().values();
    members
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn hostile_text_is_bounded_and_moves_no_cursor() {
    let long = "\u{1b}[2J\u{202e}\r\nerror: forged`".repeat(10_000);
    let event = serde_json::json!({"id": long, "detail-type": long, "account": long, "region": long, "time": long,
        "source": "aws.ecs", "detail": {"eventName": long}})
    .to_string();
    for body in [&event, &long, &format!("{{\"{long}\": 1}}")] {
        for way in [
            GUARD,
            Some(Way::Alerts {
                queue: "Alerts",
                function: "Notify",
            }),
            None,
        ] {
            let attributes = [
                "RULE_ARN",
                "ERROR_CODE",
                "ERROR_MESSAGE",
                "RETRY_ATTEMPTS",
                "EXHAUSTED_RETRY_CONDITION",
            ];
            let attributes = attributes.map(|name| (name, long.as_str()));
            let mut letter = letter(body, &attributes);
            letter.id = long.clone();
            letter.source = Some(long.clone());
            for text in texts(&Told::of(&letter, way)) {
                assert!(text.chars().count() <= 500, "{}", quoted(&text));
                assert!(
                    !text.contains(['\u{1b}', '\r', '\n', '\u{202e}']),
                    "{}",
                    quoted(&text)
                );
            }
        }
    }
}

#[test]
fn no_form_of_a_secret_is_shown() {
    let error = "refused: AKIAIOSFODNN7EXAMPLE and ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let told = Told::of(&letter("{}", &[("ErrorMessage", error)]), GUARD);
    assert!(!told.error.contains("ghp_abcdef"), "{}", told.error);
}

#[test]
fn what_the_function_would_pass_by_goes_back_and_what_it_cannot_read_does_not() {
    let refused = r#"{"id":"e","detail-type":"AWS API Call via CloudTrail","source":"aws.ecs","detail":{"eventSource":"ecs.amazonaws.com","eventName":"RegisterTaskDefinition","errorCode":"AccessDenied"}}"#;
    let told = Told::of(&letter(refused, &[]), GUARD);
    assert_eq!(
        (told.back, told.kind.as_str()),
        (
            Some(Back::Function("TaskDefinitionGuard")),
            "RegisterTaskDefinition"
        )
    );
    for body in [
        "",
        "[]",
        "{}",
        "\u{feff}",
        "{\"detail-type\":",
        r#"{"a":1}"#,
    ] {
        let told = Told::of(&letter(body, &[]), GUARD);
        assert_eq!(told.back, None, "{body}");
        assert!(told.unreadable.is_some(), "{body}");
        assert_eq!(told.id, "m-1", "it can be named");
    }
}
