//! What each channel gets about recorded events.

use super::*;

const CHANNELS: [&str; 8] = [
    "slack",
    "teams",
    "pagerduty",
    "amazon-q",
    "asff",
    "webhook",
    "email",
    "sms",
];

const EVENTS: [&str; 4] = [
    "task-definition-guard/privileged.json",
    "task-definition-guard/run-overrides.json",
    "task-definition-guard/weak.json",
    "image-scan-guard/critical.json",
];

fn preview(event: &str, channel: &str, more: &[&str]) -> String {
    let arguments = [
        "alert",
        "preview",
        "--channel",
        channel,
        "--at",
        "2026-10-05T06:12:00Z",
    ];
    let pages = [
        "--rule-pages",
        "https://git.example.com/docs/rules/{rule}.md",
    ];
    let arguments = [
        &arguments,
        &pages[..],
        &["--account-name", "prod"],
        more,
        &[event],
    ]
    .concat();
    let output = tidewaiter(&events(), &arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{event} {channel}: {error}");
    text
}

#[test]
fn every_channel_has_its_message() {
    for channel in CHANNELS {
        let mode = ["--mode", "enforce"];
        let text = EVENTS.map(|event| preview(event, channel, &mode));
        insta::assert_snapshot!(channel, text.join("\n"));
    }
}

#[test]
fn a_preview_follows_the_mode_and_the_change() {
    let event = EVENTS[0];
    let headline = |more: &[&str]| json_of(&preview(event, "slack", more))["text"].clone();
    assert_eq!(
        headline(&[]),
        "[critical] Would deregister task definition ci-builder:3 (audit): container `builder` is privileged: it has the powers of root on its host (and 4 more) (prod, eu-central-1)"
    );
    let resolved = headline(&["--mode", "enforce", "--change", "resolved"]);
    assert!(
        resolved
            .as_str()
            .unwrap()
            .starts_with("Resolved: Deregistered"),
        "{resolved}"
    );
    let event = json_of(&preview(event, "pagerduty", &["--change", "resolved"]));
    assert_eq!(event["event_action"], "resolve");
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_raises_no_alert_is_said() {
    let path = events();
    let preview = ["alert", "preview", "--channel", "sms"];
    let text: Vec<String> = ["hardened.json", "refused.json", "omitted.json", "none.json"]
        .iter()
        .map(|event| format!("task-definition-guard/{event}"))
        .map(|event| transcript(&path, &[&preview, &[event.as_str()][..]].concat()))
        .collect();
    let pages = [
        "--rule-pages",
        "http://x/",
        "task-definition-guard/weak.json",
    ];
    let refused = transcript(&path, &[&preview, &pages[..]].concat());
    insta::assert_snapshot!(format!("{}\n{refused}", text.join("\n")));
}
