//! What the ledger keeps from being lost or doubled.

use serde_json::Value;
use tidewaiter_aws::wire::Answer;

use super::{
    receiver::Reply,
    stage::{Stage, alert},
};

const TWO: &str = "{version: 1, channels: {pager: {type: pagerduty, secret: pager}, chat: {type: slack-webhook, secret: chat}}}";

fn ok() -> Reply {
    Reply::Answer(200, "", "ok".to_owned())
}

#[tokio::test]
async fn a_thousand_deliveries_of_one_incident_are_one_message_of_each_change() {
    let stage = Stage::new(TWO, |_, _| ok()).await;
    let mut batches = 0;
    // The same two alerts, doubled and out of order.
    for number in 0..50_u32 {
        let batch: Vec<Value> = (0..20_u32)
            .map(|place| match (number * 7 + place * 3) % 2 {
                0 => alert("opened", "opened", "web"),
                _ => alert("resolved", "resolved", "web"),
            })
            .collect();
        assert!(stage.deliver(&batch, &number.to_string()).await.is_empty());
        batches += batch.len();
    }
    assert_eq!(batches, 1000);
    for channel in ["pager", "chat"] {
        assert_eq!(stage.told(channel).len(), 2, "{channel}");
    }
}

#[tokio::test]
async fn wherever_the_ledger_fails_a_message_repeats_at_most_once_and_none_is_lost() {
    // Among them the writing after the sending, as in a process that is killed in between.
    for nth in 1..12_usize {
        let mut stage = Stage::with_aws(
            "{version: 1, flaps-per-hour: 0, channels: {pager: {type: pagerduty, secret: pager}}}",
            |_, _| ok(),
            {
                let seen = std::sync::atomic::AtomicUsize::new(0);
                move |call| {
                    let is_ledger = matches!(call.operation.as_str(), "GetItem" | "UpdateItem");
                    let count =
                        seen.fetch_add(usize::from(is_ledger), std::sync::atomic::Ordering::SeqCst);
                    (is_ledger && count + 1 == nth)
                        .then(|| Answer::error(400, "ValidationException", "no"))
                }
            },
        )
        .await;
        stage.deliver(&[alert("a", "opened", "web")], "1").await;
        let before = stage.told("pager").len();
        stage.later();
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "2")
                .await
                .is_empty(),
            "{nth}"
        );
        let told = stage.told("pager").len();
        assert!(
            (1..=2).contains(&told) && told <= before + 1,
            "{nth}: {told}"
        );
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], "3")
                .await
                .is_empty(),
            "{nth}"
        );
        let in_all = stage.told("pager").len();
        assert!(in_all <= 2, "{nth}: {in_all}");
    }
}

#[tokio::test]
async fn without_the_ledger_everything_is_told_and_once_by_each_process() {
    let stage = Stage::with_aws(
        TWO,
        |_, _| ok(),
        |call| {
            let is_ledger = matches!(call.operation.as_str(), "GetItem" | "UpdateItem" | "Query");
            is_ledger.then(Answer::denied)
        },
    )
    .await;
    for attempt in ["1", "2"] {
        assert!(
            stage
                .deliver(&[alert("a", "opened", "web")], attempt)
                .await
                .is_empty()
        );
        assert_eq!(
            (stage.told("pager").len(), stage.told("chat").len()),
            (1, 1),
            "{attempt}"
        );
    }
}

#[tokio::test]
async fn what_waits_for_a_digest_is_told_together_when_it_is_due_and_once() {
    let mut stage = Stage::new(
        "{version: 1, channels: {chat: {type: slack-webhook, secret: chat, quiet-hours: {from: '11:00', to: '13:00', passes: critical}}}}",
        |_, _| ok(),
    )
    .await;
    let minor = |id: &str, family: &str| {
        let mut minor = alert(id, "opened", family);
        minor["alert"]["severity"] = "medium".into();
        minor
    };
    let alerts = [
        minor("a", "web"),
        minor("b", "api"),
        alert("c", "opened", "db"),
    ];
    for attempt in ["1", "2"] {
        assert!(stage.deliver(&alerts, attempt).await.is_empty());
    }
    assert_eq!(stage.told("chat").len(), 1, "what is critical passes");
    assert_eq!(
        (stage.state("a", "chat"), stage.state("c", "chat")),
        ("kept".to_owned(), "sent".to_owned())
    );
    stage.tell_kept("3").await;
    assert_eq!(stage.told("chat").len(), 1, "nothing is due yet");
    stage.later();
    for attempt in ["4", "5"] {
        stage.tell_kept(attempt).await;
    }
    let told = stage.told("chat");
    assert_eq!(told.len(), 2);
    assert!(
        told[1].body.contains("2 alerts that waited") && told[1].body.contains("api:1 is denied")
    );
}

#[tokio::test]
async fn what_flaps_is_called_so_and_its_end_is_told_when_it_is_stable() {
    let mut stage = Stage::new(
        "{version: 1, flaps-per-hour: 2, channels: {chat: {type: slack-webhook, secret: chat}}}",
        |_, _| ok(),
    )
    .await;
    for (number, change) in [
        "opened", "resolved", "opened", "resolved", "opened", "resolved",
    ]
    .into_iter()
    .enumerate()
    {
        let id = number.to_string();
        assert!(
            stage
                .deliver(&[alert(&id, change, "web")], &id)
                .await
                .is_empty()
        );
    }
    let told = stage.told("chat");
    assert_eq!(told.len(), 3);
    assert!(
        told[2].body.contains("Flapping: 3 changes within an hour"),
        "{}",
        told[2].body
    );
    stage.tell_kept("x").await;
    assert_eq!(stage.told("chat").len(), 3);
    stage.later();
    for attempt in ["y", "z"] {
        stage.tell_kept(attempt).await;
    }
    let told = stage.told("chat");
    assert_eq!(told.len(), 4);
    assert!(
        told[3]
            .body
            .contains("Resolved: Stable again, after 3 more changes"),
        "{}",
        told[3].body
    );
}

#[tokio::test]
async fn what_is_too_much_for_a_minute_is_told_together_later_or_comes_again() {
    let mut stage = Stage::new(
        "{version: 1, channels: {chat: {type: slack-webhook, secret: chat, rate-per-minute: 2}, pager: {type: pagerduty, secret: pager, rate-per-minute: 2}}}",
        |_, _| ok(),
    )
    .await;
    let alerts: Vec<Value> = (0..5)
        .map(|n| alert(&n.to_string(), "opened", &format!("f{n}")))
        .collect();
    assert_eq!(
        stage.deliver(&alerts, "1").await.len(),
        3,
        "those that the pager did not get"
    );
    assert_eq!(
        (stage.told("chat").len(), stage.told("pager").len()),
        (2, 2)
    );
    stage.later();
    stage.tell_kept("2").await;
    assert!(stage.told("chat")[2].body.contains("3 alerts that waited"));
    assert_eq!(stage.deliver(&alerts, "3").await.len(), 1);
    assert_eq!(
        (stage.told("chat").len(), stage.told("pager").len()),
        (3, 4)
    );
}

#[tokio::test]
async fn what_is_no_alert_is_put_aside_and_alike_alerts_are_one_message() {
    let stage = Stage::new(TWO, |_, _| ok()).await;
    let odd = serde_json::json!({ "id": "x", "alert": "nothing" });
    assert!(
        stage
            .deliver(
                &[
                    odd,
                    alert("a", "opened", "web"),
                    alert("b", "opened", "web")
                ],
                "1"
            )
            .await
            .is_empty()
    );
    assert_eq!(
        stage.aside(),
        ["the message is no alert: it is not of version 1"]
    );
    assert_eq!(
        (stage.told("pager").len(), stage.told("chat").len()),
        (2, 1)
    );
    assert!(
        stage.told("chat")[0]
            .body
            .contains("2 task definitions alike")
    );
}

fn numbered(id: &str, change: &str, sequence: u64) -> Value {
    let mut one = alert(id, change, "web");
    one["alert"]["sequence"] = sequence.into();
    one
}

#[tokio::test]
async fn alerts_that_overtook_each_other_end_in_the_state_of_the_last() {
    let actions = |stage: &Stage| -> Vec<String> {
        let told = stage.told("pager").into_iter();
        let action = |request: crate::tests::receiver::Request| {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            body["event_action"].as_str().unwrap().to_owned()
        };
        told.map(action).collect()
    };
    // In one batch they are told in their order.
    let stage = Stage::new(TWO, |_, _| ok()).await;
    let batch = [numbered("b", "resolved", 2), numbered("a", "opened", 1)];
    assert!(stage.deliver(&batch, "1").await.is_empty());
    assert_eq!(actions(&stage), ["trigger", "resolve"]);
    // One that is late is told to people, and opens nothing where a state is kept.
    let stage = Stage::new(TWO, |_, _| ok()).await;
    for one in batch {
        let id = one["id"].as_str().unwrap().to_owned();
        assert!(stage.deliver(&[one], &id).await.is_empty());
    }
    assert_eq!(actions(&stage), ["resolve"]);
    assert_eq!(stage.told("chat").len(), 2);
    assert_eq!(stage.state("a", "pager"), "overtaken");
    // It begins anew later.
    let again = [numbered("c", "reopened", 3)];
    assert!(stage.deliver(&again, "2").await.is_empty());
    assert_eq!(actions(&stage), ["resolve", "trigger"]);
}
