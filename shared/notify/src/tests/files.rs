//! Files of channels: what is read, and what is said of mistakes.

use tidewaiter_rules::policy::Paint;

use super::*;
use crate::{Kind, Store};

fn mistakes(yaml: &str) -> String {
    let error = Channels::from_yaml(yaml).expect_err("a mistake");
    error.render("channels.yaml", Paint::PLAIN)
}

const WHOLE: &str = r#"
version: 1
channels:
  on-call: { type: pagerduty, secret: tidewaiter/pagerduty, min-severity: high, rate-per-minute: 60 }
  team:
    type: slack-bot
    secret: ssm:/tidewaiter/slack
    conversation: C0123456789
    digest: { below: high, at: ["09:00", "16:00"], days: [mon, fri], time-zone: Europe/Berlin }
    quiet-hours: { from: "22:00", to: "07:00", time-zone: Europe/Berlin }
  posts: { type: slack-webhook, secret: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tidewaiter/posts-AbCdEf" }
  office: { type: teams, secret: tidewaiter/teams }
  chat: { type: amazon-q, topic: "arn:aws:sns:eu-west-1:111122223333:chat" }
  siem: { type: webhook, secret: tidewaiter/siem }
  hub: { type: security-hub }
routes:
  - match: { account: "111122223333", repository: ["payments/*", "ledger"], min-severity: critical }
    to: [on-call]
  - match: { principal: "*:assumed-role/ci-*", change: [opened, resolved], rule: privileged-container, kind: decision }
    to: [team]
    last: true
  - to: [hub, siem]
flaps-per-hour: 4
"#;

#[test]
fn a_whole_file_is_read() {
    let channels = channels(WHOLE);
    assert_eq!(channels.all().count(), 7);
    assert_eq!(channels.flaps_per_hour, 4);
    let team = channels.named("team").unwrap();
    assert_eq!(
        (team.kind, team.target.as_str()),
        (Kind::SlackBot, "C0123456789")
    );
    let secret = team.secret.as_ref().unwrap();
    assert_eq!(
        (secret.store(), secret.id()),
        (Store::ParameterStore, "/tidewaiter/slack")
    );
    let posts = channels.named("posts").unwrap().secret.as_ref().unwrap();
    assert_eq!(posts.store(), Store::SecretsManager);
    assert!(posts.id().starts_with("arn:aws:secretsmanager:"));
}

#[test]
fn routes_add_up_until_one_is_the_last_and_severity_is_the_channels_own() {
    let channels = channels(WHOLE);
    let names = |alert: &Incoming| -> Vec<String> {
        let named = channels.of_alert(alert).into_iter();
        named
            .map(|channel| channel.name.as_str().to_owned())
            .collect()
    };
    assert_eq!(names(&definition("1", "opened", "web", 1)), ["team"]);
    assert_eq!(
        names(&definition("1", "changed", "web", 1)),
        ["hub", "siem"]
    );
    assert_eq!(
        names(&image("1", "critical", "payments/api", &[])),
        ["hub", "on-call", "siem"]
    );
    assert_eq!(
        names(&image("1", "critical", "ledger", &[])),
        ["hub", "on-call", "siem"]
    );
    assert_eq!(
        names(&image("1", "high", "payments/api", &[])),
        ["hub", "siem"]
    );
    assert_eq!(
        names(&image("1", "critical", "other", &[])),
        ["hub", "siem"]
    );
}

#[test]
fn without_routes_every_channel_hears_what_is_grave_enough_for_it() {
    let channels = channels(
        "{version: 1, channels: {a: {type: teams, secret: s, min-severity: critical}, b: {type: security-hub}}}",
    );
    let count = |severity| channels.of_alert(&image("1", severity, "app", &[])).len();
    assert_eq!((count("critical"), count("high")), (2, 1));
}

#[test]
fn mistakes_are_told_with_their_places() {
    // Named, or the snapshot would show the secret of the file as what was asked.
    let told = mistakes(
        r#"version: 1
channels:
  a: { type: slak-webhook, secret: tidewaiter/a }
  b: { type: slack-webhook, secret: "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX" }
  c: { type: slack-bot, secret: xoxb-123456789012-abcdefghijkl }
  d: { type: pagerduty, quiet-hours: { from: "22:00", to: "7", time-zone: Europe/Berln } }
  "e f": { type: teams, secret: tidewaiter/e }
routes:
  - match: { repo: app }
    to: [a]
"#,
    );
    insta::assert_snapshot!(told);
    insta::assert_snapshot!(mistakes(
        r#"version: 1
channels:
  a: { type: slack-webhook }
  b: { type: security-hub, secret: x, topic: "arn:aws:sns:eu-west-1:111122223333:t" }
  c: { type: pagerduty, secret: x, digest: { below: high, at: [] }, rate-per-minute: 0 }
  d: { type: amazon-q, topic: "arn:aws:sqs:eu-west-1:111122223333:t" }
  e: { type: slack-bot, secret: x, conversation: "<!channel>" }
  f: { type: teams, secret: x, quiet-hours: { from: "07:00", to: "07:00" } }
routes:
  - match: { family: "web*" }
    to: [on-cal]
"#
    ));
    insta::assert_snapshot!(mistakes("version: 1\nchannels: {}\n"));
}

#[test]
fn what_is_not_there_is_told_at_the_begin_of_the_file() {
    let error = Channels::from_yaml("version: 1\n").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 1 column 1: there is no channel"),
        "{error}"
    );
    let told = mistakes("version: 1\n");
    assert!(told.contains("--> channels.yaml:1:1\n"), "{told}");
    assert!(told.contains("\n1 | version: 1\n"), "{told}");
}

#[test]
fn a_secret_that_stands_in_the_file_is_not_shown() {
    for secret in [
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "xoxb-1234567890-abcdefghijklmnop",
    ] {
        let yaml = format!(
            "version: 1\nchannels:\n  a: {{ type: slack-webhook, secret: \"{secret}\" }}\n"
        );
        let error = Channels::from_yaml(&yaml).unwrap_err();
        assert!(!error.to_string().contains(secret), "{error}");
    }
}
