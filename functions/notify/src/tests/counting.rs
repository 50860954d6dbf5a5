//! What an invocation counts.

use tidewaiter_aws::wire::Answer;
use tidewaiter_report::emf::{Metric, Metrics};

use super::{
    receiver::Reply,
    stage::{Stage, alert},
};

const TWO: &str = "{version: 1, channels: {pager: {type: pagerduty, secret: pager}, chat: {type: slack-webhook, secret: chat}}}";

fn told(metrics: &Metrics) -> Vec<(&'static str, u64)> {
    let all = Metric::ALL.iter();
    all.filter_map(|metric| Some((metric.name(), metrics.get(*metric)?)))
        .collect()
}

#[tokio::test]
async fn what_a_channel_took_and_what_it_refused_are_counted_apart() {
    let stage = Stage::new(TWO, |request, _| {
        let refuses = request.path.starts_with("/chat");
        Reply::Answer(if refuses { 400 } else { 200 }, "", "ok".to_owned())
    })
    .await;
    stage.deliver(&[alert("a", "opened", "web")], "1").await;
    assert_eq!(
        told(&stage.delivery.take_metrics()),
        [
            ("DeadLettered", 1),
            ("MessagesDelivered", 1),
            ("MessagesRefused", 1),
            ("ChannelsInvalid", 0),
        ]
    );
    stage.deliver(&[alert("a", "opened", "web")], "2").await;
    assert_eq!(
        told(&stage.delivery.take_metrics()),
        [("ChannelsInvalid", 0)],
        "nothing of it is news"
    );
}

#[tokio::test]
async fn what_has_to_come_again_is_counted_once_for_all_channels() {
    let stage = Stage::new(TWO, |_, _| Reply::Answer(500, "", String::new())).await;
    stage.deliver(&[alert("a", "opened", "web")], "1").await;
    let metrics = stage.delivery.take_metrics();
    assert_eq!(metrics.get(Metric::Retries), Some(1));
    assert_eq!(metrics.get(Metric::MessagesDelivered), None);
}

#[tokio::test]
async fn a_file_of_channels_that_cannot_be_used_is_stated() {
    let mut stage = Stage::new(TWO, |_, _| Reply::Answer(200, "", String::new())).await;
    stage.delivery.settings.channels = Err("no such file".to_owned());
    let two = [alert("a", "opened", "web"), alert("b", "opened", "api")];
    stage.deliver(&two, "1").await;
    assert_eq!(
        told(&stage.delivery.take_metrics()),
        [("Retries", 2), ("ChannelsInvalid", 1)]
    );
    stage.tell_kept("2").await;
    let metrics = stage.delivery.take_metrics();
    assert_eq!(told(&metrics), [("ChannelsInvalid", 1)]);
}

#[tokio::test]
async fn a_ledger_that_fails_is_counted() {
    let stage = Stage::with_aws(
        TWO,
        |_, _| Reply::Answer(200, "", "ok".to_owned()),
        |call| {
            let is_ledger = matches!(call.operation.as_str(), "GetItem" | "UpdateItem" | "Query");
            is_ledger.then(Answer::denied)
        },
    )
    .await;
    stage.deliver(&[alert("a", "opened", "web")], "1").await;
    let metrics = stage.delivery.take_metrics();
    assert!(metrics.get(Metric::LedgerFailures) >= Some(1));
}
