//! Each channel, and what it may answer.

use std::time::Duration;

use serde_json::{Value, json};
use tidewaiter_aws::wire::Answer;

use super::{
    receiver::Reply,
    stage::{PLANTED, Stage, alert},
};

/// A channel of each type that is spoken to over HTTPS, and what it says when all is well.
pub(super) const CHANNELS: [(&str, &str, u16, &str); 5] = [
    (
        "slack-webhook",
        "{type: slack-webhook, secret: it}",
        200,
        "ok",
    ),
    (
        "slack-bot",
        "{type: slack-bot, secret: it, conversation: C1}",
        200,
        r#"{"ok":true,"ts":"17.1","channel":"C1"}"#,
    ),
    ("teams", "{type: teams, secret: 'ssm:it'}", 202, ""),
    (
        "pagerduty",
        "{type: pagerduty, secret: it}",
        202,
        r#"{"status":"success"}"#,
    ),
    ("webhook", "{type: webhook, secret: it}", 204, ""),
];

pub(super) fn file(channel: &str) -> String {
    format!("{{version: 1, channels: {{it: {channel}, other: {{type: teams, secret: other}}}}}}")
}

pub(super) fn well(request: &super::receiver::Request, status: u16, body: &str) -> Reply {
    if request.path.starts_with("/other/") {
        return Reply::Answer(200, "", String::new());
    }
    Reply::Answer(status, "", body.to_owned())
}

pub(super) fn is_other(path: &str) -> bool {
    path.starts_with("/other/")
}

#[tokio::test]
async fn every_channel_gets_its_message_once() {
    for (name, channel, status, body) in CHANNELS {
        let stage = Stage::new(&file(channel), move |request, _| {
            well(request, status, body)
        })
        .await;
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "1")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(
            (stage.told("it").len(), stage.told("other").len()),
            (1, 1),
            "{name}"
        );
        assert_eq!(stage.state("a", "it"), "sent", "{name}");
        let told = &stage.told("it")[0];
        assert!(told.body.contains("web:1"), "{name}: {}", told.body);
        assert!(serde_json::from_str::<Value>(&told.body).is_ok(), "{name}");
        match name {
            "slack-bot" => assert!(
                told.head
                    .contains(&format!("authorization: bearer {PLANTED}-0"))
            ),
            "webhook" => assert!(
                told.head
                    .contains("x-tidewaiter-signature: t=1795608000,v1=")
            ),
            "pagerduty" => assert!(told.body.contains(r#""dedup_key":"key-web""#)),
            _ => {}
        }
        // Delivered again, it is known.
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "2")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(
            (stage.told("it").len(), stage.told("other").len()),
            (1, 1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_channel_that_says_when_is_left_alone_until_then_and_the_others_are_not() {
    for (name, channel, status, body) in CHANNELS {
        let mut stage = Stage::new(&file(channel), move |request, earlier| match earlier {
            0 if !is_other(&request.path) => {
                Reply::Answer(429, "retry-after: 3000\r\n", String::new())
            }
            _ => well(request, status, body),
        })
        .await;
        let first = [alert("a", "opened", "web"), alert("b", "opened", "api")];
        assert_eq!(stage.deliver(&first, "1").await.len(), 2, "{name}");
        assert_eq!(
            (stage.told("it").len(), stage.told("other").len()),
            (1, 2),
            "{name}"
        );
        assert_eq!(
            stage.table.attribute("channel#it", "until").unwrap(),
            "2026-11-25T12:50:00Z"
        );
        // Another process knows it from the ledger.
        let again = stage.deliver(&first, "2").await;
        assert_eq!(
            (
                again.len(),
                stage.told("it").len(),
                stage.told("other").len()
            ),
            (2, 1, 2),
            "{name}"
        );
        stage.later();
        assert!(stage.deliver(&first, "3").await.is_empty(), "{name}");
        assert_eq!(
            (stage.told("it").len(), stage.told("other").len()),
            (3, 2),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_channel_that_asks_for_a_second_is_waited_for() {
    let stage = Stage::new(
        &file("{type: slack-webhook, secret: it}"),
        |request, earlier| match earlier {
            0 if !is_other(&request.path) => {
                Reply::Answer(429, "retry-after: 1\r\n", String::new())
            }
            _ => well(request, 200, "ok"),
        },
    )
    .await;
    assert!(
        stage
            .deliver(&[alert("a", "opened", "web")], "1")
            .await
            .is_empty()
    );
    assert_eq!((stage.told("it").len(), stage.told("other").len()), (2, 1));
}

#[tokio::test]
async fn a_fault_of_a_channel_is_tried_again_at_once_and_then_later() {
    for (name, channel, status, body) in CHANNELS {
        let stage = Stage::new(&file(channel), move |request, earlier| match earlier {
            0 if !is_other(&request.path) => Reply::Answer(500, "", "oops".to_owned()),
            _ => well(request, status, body),
        })
        .await;
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "1")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(stage.told("it").len(), 2, "{name}");

        let mut stage = Stage::new(&file(channel), move |request, earlier| match earlier {
            0 | 1 if !is_other(&request.path) => Reply::Answer(503, "", String::new()),
            _ => well(request, status, body),
        })
        .await;
        assert_eq!(
            stage
                .deliver(&[alert("a", "opened", "web")], "1")
                .await
                .len(),
            1,
            "{name}"
        );
        assert_eq!(stage.state("a", "it"), "waiting", "{name}");
        stage.later();
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "2")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(
            (stage.told("it").len(), stage.told("other").len()),
            (3, 1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_channel_that_hangs_drips_or_hangs_up_is_tried_later_and_holds_up_no_other() {
    for (name, channel, status, body) in CHANNELS {
        for broken in [Reply::Hang, Reply::Reset, Reply::Drip("x".repeat(100))] {
            let shown = format!("{name} {broken:?}");
            let mut stage = Stage::new(&file(channel), move |request, earlier| match earlier {
                0 if !is_other(&request.path) => broken.clone(),
                _ => well(request, status, body),
            })
            .await;
            assert_eq!(
                stage
                    .deliver(&[alert("a", "opened", "web")], "1")
                    .await
                    .len(),
                1,
                "{shown}"
            );
            assert_eq!(
                (stage.told("it").len(), stage.told("other").len()),
                (1, 1),
                "{shown}"
            );
            stage.later();
            assert!(
                stage
                    .deliver(&[alert("a", "opened", "web")], "2")
                    .await
                    .is_empty(),
                "{shown}"
            );
            assert_eq!(
                (stage.told("it").len(), stage.told("other").len()),
                (2, 1),
                "{shown}"
            );
            assert!(stage.aside().is_empty(), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_channel_that_is_only_slow_is_waited_for() {
    for (name, channel, _, body) in CHANNELS {
        let stage = Stage::new(&file(channel), move |request, _| {
            match request.path.as_str() {
                path if is_other(path) => well(request, 200, ""),
                _ => Reply::Slow(Duration::from_millis(600), body.to_owned()),
            }
        })
        .await;
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "1")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(
            (stage.told("it").len(), stage.told("other").len()),
            (1, 1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_a_channel_refuses_is_put_aside_at_once_with_the_reason_and_the_others_are_told() {
    for (name, channel, ..) in CHANNELS {
        let stage = Stage::new(&file(channel), move |request, _| {
            match request.path.as_str() {
                path if is_other(path) => well(request, 200, ""),
                _ => Reply::Answer(400, "", "invalid_blocks".to_owned()),
            }
        })
        .await;
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "1")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(
            stage.aside(),
            ["channel it: it answered 400: invalid_blocks"],
            "{name}"
        );
        assert_eq!(
            (stage.told("it").len(), stage.told("other").len()),
            (1, 1),
            "{name}"
        );
        // The same message again is not tried again. One that somebody sent to the queue again is.
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "2")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(
            (stage.told("it").len(), stage.aside().len()),
            (1, 1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_secret_that_was_changed_is_read_again_once() {
    for (name, channel, status, body) in CHANNELS {
        for denied in [401, 403, 404, 410] {
            let stage = Stage::new(&file(channel), move |request, earlier| match earlier {
                0 if !is_other(&request.path) => Reply::Answer(denied, "", "no_service".to_owned()),
                _ => well(request, status, body),
            })
            .await;
            assert!(
                stage
                    .deliver(&[alert("a", "opened", "web")], "1")
                    .await
                    .is_empty(),
                "{name} {denied}"
            );
            assert_eq!(
                (stage.told("it").len(), stage.aside().len()),
                (2, 0),
                "{name} {denied}"
            );
        }
        let stage = Stage::new(&file(channel), move |request, _| {
            match request.path.as_str() {
                path if is_other(path) => well(request, 200, ""),
                _ => Reply::Answer(403, "", "invalid_token".to_owned()),
            }
        })
        .await;
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "1")
                .await
                .is_empty(),
            "{name}"
        );
        assert_eq!(
            (stage.told("it").len(), stage.aside().len()),
            (2, 1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stage = Stage::new(&file("{type: slack-webhook, secret: it}"), |request, _| {
        if is_other(&request.path) || request.path == "/elsewhere" {
            return Reply::Answer(200, "", "ok".to_owned());
        }
        Reply::Answer(302, "location: /elsewhere\r\n", String::new())
    })
    .await;
    assert!(
        stage
            .deliver(&[alert("a", "opened", "web")], "1")
            .await
            .is_empty()
    );
    assert_eq!(stage.receiver.requests_to("/elsewhere").len(), 0);
    assert!(
        stage.aside()[0].contains("it points elsewhere"),
        "{:?}",
        stage.aside()
    );
}

#[tokio::test]
async fn slack_says_no_in_an_answer_of_success() {
    let bot = file("{type: slack-bot, secret: it, conversation: C1}");
    for (error, tries, is_refused) in [
        ("channel_not_found", 1, true),
        ("invalid_auth", 2, true),
        ("ratelimited", 1, false),
    ] {
        let stage = Stage::new(&bot, move |request, _| {
            well(
                request,
                200,
                &json!({ "ok": false, "error": error }).to_string(),
            )
        })
        .await;
        let failures = stage.deliver(&[alert("a", "opened", "web")], "1").await;
        assert_eq!(failures.is_empty(), is_refused, "{error}");
        assert_eq!(stage.aside().len(), usize::from(is_refused), "{error}");
        assert_eq!(stage.told("it").len(), tries, "{error}");
    }
}

#[tokio::test]
async fn what_follows_goes_under_the_first_message_and_what_opens_anew_begins_another() {
    let bot = "{version: 1, flaps-per-hour: 0, channels: {it: {type: slack-bot, secret: it, conversation: C1}}}";
    let stage = Stage::new(bot, |_, earlier| {
        Reply::Answer(
            200,
            "",
            json!({ "ok": true, "ts": format!("17.{earlier}"), "channel": "C1X" }).to_string(),
        )
    })
    .await;
    for (id, change) in [
        ("a", "opened"),
        ("b", "changed"),
        ("c", "resolved"),
        ("d", "opened"),
        ("e", "reminder"),
    ] {
        assert!(
            stage
                .deliver(&[alert(id, change, "web")], id)
                .await
                .is_empty()
        );
    }
    let threads: Vec<(Value, Value)> = stage
        .told("it")
        .iter()
        .map(|told| serde_json::from_str::<Value>(&told.body).unwrap())
        .map(|body| (body["channel"].clone(), body["thread_ts"].clone()))
        .collect();
    let (own, thread) = ((json!("C1"), json!(null)), |ts: &str| {
        (json!("C1X"), json!(ts))
    });
    assert_eq!(
        threads,
        [
            own.clone(),
            thread("17.0"),
            thread("17.0"),
            own,
            thread("17.3")
        ]
    );
}

#[tokio::test]
async fn amazon_q_gets_its_notification_on_its_own_topic() {
    const YAML: &str = "{version: 1, channels: {q: {type: amazon-q, topic: 'arn:aws:sns:eu-west-1:111122223333:chat'}}}";
    let stage = Stage::new(YAML, |_, _| Reply::Reset).await;
    assert!(
        stage
            .deliver(&[alert("a", "opened", "web")], "1")
            .await
            .is_empty()
    );
    let calls = stage.wire.calls();
    let publish = calls
        .iter()
        .find(|call| call.operation == "Publish")
        .unwrap();
    assert_eq!(
        publish.parameters["TopicArn"],
        "arn:aws:sns:eu-west-1:111122223333:chat"
    );
    let body: Value =
        serde_json::from_str(publish.parameters["Message"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["source"], &body["metadata"]["threadId"]),
        (&json!("custom"), &json!("key-web"))
    );

    let denied = |call: &tidewaiter_aws::wire::Call| {
        (call.operation == "Publish").then(|| Answer::error(403, "AuthorizationError", "no"))
    };
    let stage = Stage::with_aws(YAML, |_, _| Reply::Reset, denied).await;
    assert!(
        stage
            .deliver(&[alert("a", "opened", "web")], "1")
            .await
            .is_empty()
    );
    assert_eq!(stage.aside().len(), 1);
}

#[tokio::test]
async fn security_hub_gets_findings_that_keep_their_ids_and_says_which_it_refuses() {
    const YAML: &str = "{version: 1, channels: {hub: {type: security-hub}}}";
    let stage = Stage::new(YAML, |_, _| {
        Reply::Answer(200, "", r#"{"FailedCount":0}"#.to_owned())
    })
    .await;
    for (id, change) in [("a", "opened"), ("b", "changed"), ("c", "resolved")] {
        assert!(
            stage
                .deliver(&[alert(id, change, "web")], id)
                .await
                .is_empty()
        );
    }
    let imports = stage.receiver.requests_to("/findings/import");
    let findings = imports.iter().map(|import| {
        assert!(
            import.head.contains("/securityhub/aws4_request"),
            "{}",
            import.head
        );
        let body: Value = serde_json::from_str(&import.body).unwrap();
        (
            body["Findings"][0]["Id"].clone(),
            body["Findings"][0]["RecordState"].clone(),
        )
    });
    let findings: Vec<(Value, Value)> = findings.collect();
    let (id, _) = findings[0].clone();
    let states = ["ACTIVE", "ACTIVE", "ARCHIVED"].map(|state| (id.clone(), json!(state)));
    assert_eq!(findings, states);

    let refused = r#"{"FailedCount":1,"FailedFindings":[{"Id":"x","ErrorCode":"InvalidInput","ErrorMessage":"bad"}]}"#;
    let stage = Stage::new(YAML, move |_, _| Reply::Answer(200, "", refused.to_owned())).await;
    assert!(
        stage
            .deliver(&[alert("a", "opened", "web")], "1")
            .await
            .is_empty()
    );
    assert_eq!(
        stage.aside(),
        ["channel hub: BatchImportFindings failed: InvalidInput: bad"]
    );

    for (answer, returned, aside) in [
        (Reply::Answer(500, "", String::new()), 1, 0),
        (
            Reply::Answer(429, "", r#"{"Code":"TooManyRequestsException"}"#.to_owned()),
            1,
            0,
        ),
        (Reply::Reset, 1, 0),
        (
            Reply::Answer(400, "", r#"{"Code":"InvalidInputException"}"#.to_owned()),
            0,
            1,
        ),
    ] {
        let stage = Stage::new(YAML, move |_, _| answer.clone()).await;
        let failures = stage.deliver(&[alert("a", "opened", "web")], "1").await;
        assert_eq!((failures.len(), stage.aside().len()), (returned, aside));
    }
}
