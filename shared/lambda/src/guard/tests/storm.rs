//! Findings that come by the thousand.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use tokio::time::Instant;

use super::{world::buckets::Buckets, *};
use crate::{Batch, Failures};

/// A finding about a digest, of ten minutes before the clock of a world begins.
fn finding(image: usize, number: usize) -> Value {
    let text =
        event("image-scan-guard/finding").replace(&"c3".repeat(32), &format!("{image:064x}"));
    let mut finding: Value = serde_json::from_str(&text).unwrap();
    finding["time"] = json!("2026-11-23T12:50:00Z");
    finding["id"] = json!(format!("event-{image}-{number}"));
    let arn = format!("arn:aws:inspector2:{REGION}:{ACCOUNT}:finding/{image}-{number}");
    finding["detail"]["findingArn"] = json!(arn);
    finding["detail"]["packageVulnerabilityDetails"]["vulnerabilityId"] =
        json!(format!("CVE-2026-{number}"));
    finding
}

fn with_status(image: usize, number: usize, status: &str) -> Value {
    let mut finding = finding(image, number);
    finding["detail"]["status"] = json!(status);
    finding
}

pub(super) fn batch(bodies: &[(String, String)]) -> Batch {
    let message = |(id, body): &(String, String)| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"});
    let records: Vec<Value> = bodies.iter().map(message).collect();
    Batch::read(&json!({"Records": records}).to_string()).unwrap()
}

/// A batch of these, whose ids are `0`, `1` and so on.
fn of(events: &[Value]) -> Batch {
    let events = events.iter().enumerate();
    let bodies: Vec<_> = events
        .map(|(index, event)| (index.to_string(), event.to_string()))
        .collect();
    batch(&bodies)
}

pub(super) fn at_ease() -> Instant {
    Instant::now() + Duration::from_secs(100)
}

/// What ECR has of every image: a critical finding.
fn critical(call: &Call) -> Answer {
    match call.operation.as_str() {
        "DescribeImageScanFindings" => Answer::json(
            json!({
                "imageScanStatus": {"status": "ACTIVE"},
                "imageScanFindings": {"findingSeverityCounts": {"CRITICAL": 1}},
            })
            .to_string(),
        ),
        "DescribeImages" => {
            surroundings::alone((0..=DIGESTS).map(|image| format!("sha256:{image:064x}")))
        }
        _ => Answer::empty(),
    }
}

async fn handle(
    batch: &Batch,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> (Failures, Wire) {
    let wire = Wire::new(script);
    let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    (guard.handle_batch(batch, "r", at_ease()).await, wire)
}

pub(super) fn failed(failures: &Failures) -> Vec<String> {
    let json = serde_json::to_value(failures).unwrap();
    let items = json["batchItemFailures"].as_array().unwrap();
    let id = |item: &Value| item["itemIdentifier"].as_str().unwrap().to_owned();
    items.iter().map(id).collect()
}

fn by_operation(wire: &Wire) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for operation in wire.operations() {
        *counts.entry(operation).or_default() += 1;
    }
    counts
}

/// The same order at every run.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 88_172_645_463_325_252_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state).unwrap() % (last + 1);
        items.swap(last, other);
    }
}

const DIGESTS: usize = 300;
const EVENTS: usize = 10_000;
/// What the template lets Lambda take at once.
const AT_ONCE: usize = 1000;

/// So many messages, out of order.
fn storm(events: usize) -> Vec<(String, String)> {
    let mut messages: Vec<_> = (0..events)
        .map(|number| {
            let event = finding(number % DIGESTS, number / DIGESTS);
            (number.to_string(), event.to_string())
        })
        .collect();
    shuffle(&mut messages);
    messages
}

/// Delivers all of it to these functions in turn, and what fails again, as SQS does.
async fn deliver(events: usize, guards: &[Guard]) -> (usize, usize) {
    let mut queue = storm(events);
    let (mut invocations, mut redelivered) = (0, 0);
    while !queue.is_empty() {
        let rest = queue.split_off(queue.len().min(AT_ONCE));
        let now = std::mem::replace(&mut queue, rest);
        let guard = &guards[invocations % guards.len()];
        let failures = guard.handle_batch(&batch(&now), "r", at_ease()).await;
        let failed = failed(&failures);
        redelivered += failed.len();
        if !failed.is_empty() {
            // As long as the template hides a message that is being handled.
            tokio::time::sleep(Duration::from_mins(31)).await;
        }
        queue.extend(now.into_iter().filter(|(id, _)| failed.contains(id)));
        invocations += 1;
        assert!(invocations < 100, "the storm does not end");
    }
    (invocations, redelivered)
}

/// How long every call takes: the less, the harder for AWS.
const CALL: Duration = Duration::from_millis(10);

/// An account in which every image has a critical finding and one task of something else runs, with a
/// ledger; each call takes its time, and a token from its bucket.
fn account(buckets: Arc<Mutex<Buckets>>) -> Wire {
    let ledger = Table::default();
    Wire::over(move |call| {
        let is_throttled = !buckets.lock().unwrap().take(&call.operation);
        let answer = ledger.answer(&call).unwrap_or_else(|| match call.operation.as_str() {
            _ if is_throttled => Answer::throttled(),
            "ListClusters" => Answer::json(r#"{"clusterArns":["prod"]}"#),
            "ListTasks" => Answer::json(r#"{"taskArns":["a"]}"#),
            "DescribeTasks" => Answer::json(r#"{"tasks":[{"taskArn":"a","containers":[{"name":"app","image":"public.ecr.aws/nginx/nginx:1"}]}]}"#),
            _ => critical(&call),
        });
        Box::pin(async move {
            tokio::time::sleep(CALL).await;
            answer
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_findings_costs_one_evaluation_and_one_alert_a_digest() {
    let start = std::time::Instant::now();
    let began = Instant::now();
    let buckets = Arc::new(Mutex::new(Buckets::default()));
    let wire = account(buckets.clone());
    let mut guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    world::begin();
    guard.now = world::now;
    // The default budget would end it after 60.
    let policy = "version: 1\nmax-actions-per-hour: 1000";
    guard.settings.policy = Policy::from_yaml(policy, Timestamp::now()).unwrap();
    let (invocations, redelivered) = deliver(EVENTS, &[guard]).await;
    let calls = by_operation(&wire);
    let took = began.elapsed();

    let mut table = format!(
        "{EVENTS} findings over {DIGESTS} digests: {invocations} invocations, {} s of calls that take {} ms \
         each, {:.1} s here\n\n",
        took.as_secs(),
        CALL.as_millis(),
        start.elapsed().as_secs_f64()
    );
    let _ = writeln!(table, "{:<28}{:>8}{:>12}", "call", "calls", "a digest");
    for (operation, count) in &calls {
        let share = f64::from(u32::try_from(*count).unwrap()) / 300.0;
        let _ = writeln!(table, "{operation:<28}{count:>8}{share:>12.2}");
    }
    let _ = writeln!(
        table,
        "\n{:<28}{:>8}{:>12}",
        "bucket of", "holds", "least left"
    );
    for (operation, left, size) in buckets.lock().unwrap().least() {
        let _ = writeln!(table, "{operation:<28}{size:>8}{left:>12.1}");
        // The account's own calls keep half.
        assert!(left >= size / 2.0, "{table}");
    }
    println!("{table}");

    // What the first batch had no time for is judged in one more.
    let more = invocations - EVENTS / AT_ONCE;
    assert!(more <= 1, "{invocations}");
    assert!(redelivered <= more * AT_ONCE / 10, "{redelivered}");
    let each_once = [
        "DescribeImageScanFindings",
        "DescribeImages",
        "ListClusters",
        "ListTasks",
        "DescribeTasks",
        "ListServices",
    ];
    for operation in each_once {
        let made = calls[operation];
        assert!(
            (DIGESTS..=DIGESTS + more).contains(&made),
            "{operation}: {calls:?}"
        );
    }
    // One whose invocation ended meanwhile is archived once more.
    let archived = calls["UpdateImageStorageClass"];
    assert!((DIGESTS..=DIGESTS + more).contains(&archived), "{calls:?}");
    let of_ledger: usize = ["GetItem", "UpdateItem"]
        .map(|operation| calls[operation])
        .iter()
        .sum();
    assert!(of_ledger <= 12 * (DIGESTS + more), "{calls:?}");
    assert_eq!(calls.len(), 10, "{calls:?}");
    // That it is bad, and that nothing runs it and nobody can pull it any more.
    assert_eq!(calls["Publish"], 2 * DIGESTS, "{calls:?}");
    let is_over = |call: &&Call| is_ending(call);
    let published = wire.calls();
    let published = published.iter().filter(|call| call.operation == "Publish");
    assert_eq!(published.filter(is_over).count(), DIGESTS, "{calls:?}");
    let subjects: std::collections::BTreeSet<String> = alerts(&wire)
        .iter()
        .map(|alert| alert["subject"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(subjects.len(), DIGESTS, "one alert a digest");
}

/// As long as there is no ledger, processes do not know of each other; ECR knows what is archived.
#[tokio::test(start_paused = true)]
async fn a_storm_on_several_processes_costs_an_evaluation_for_each_and_still_one_alert_a_digest() {
    let archived = Mutex::new(std::collections::BTreeSet::new());
    let wire = Wire::new(move |call| {
        let digest = call.parameters["imageId"]["imageDigest"].to_string();
        let mut archived = archived.lock().unwrap();
        match call.operation.as_str() {
            "UpdateImageStorageClass" => assert!(archived.insert(digest), "twice"),
            "DescribeImageScanFindings" if archived.contains(&digest) => {
                return Answer::json(r#"{"imageScanStatus":{"status":"IMAGE_ARCHIVED"}}"#);
            }
            _ => {}
        }
        critical(call)
    });
    let guards = [0, 1].map(|_| guard(Mode::Enforce, SubjectKind::Image, &wire));
    deliver(3 * AT_ONCE, &guards).await;
    let calls = by_operation(&wire);
    let reads = calls["DescribeImageScanFindings"];
    assert!((DIGESTS..=2 * DIGESTS).contains(&reads), "{reads}");
    assert_eq!(calls["UpdateImageStorageClass"], DIGESTS);
    assert_eq!(calls["Publish"], DIGESTS);
}

#[tokio::test(start_paused = true)]
async fn a_storm_that_is_throttled_ends_with_every_digest_judged_once() {
    let wire = Wire::new(|call| {
        // A bucket of 200, then nothing for as long as 40 calls.
        let is_dry = (200..240).contains(&call.earlier);
        match call.operation.as_str() {
            "DescribeImageScanFindings" if is_dry => Answer::throttled(),
            _ => critical(call),
        }
    });
    let guards = [guard(Mode::Enforce, SubjectKind::Image, &wire)];
    let (_, redelivered) = deliver(3 * AT_ONCE, &guards).await;
    let calls = by_operation(&wire);
    assert!(redelivered > 0);
    assert_eq!(calls["DescribeImageScanFindings"], DIGESTS + 40);
    assert_eq!(calls["UpdateImageStorageClass"], DIGESTS);
    assert_eq!(calls["Publish"], DIGESTS);
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_three_times_is_left_alone_for_a_while() {
    let events: Vec<Value> = (0..50).map(|image| finding(image, 0)).collect();
    let (failures, wire) = handle(&of(&events), |_| Answer::throttled()).await;
    assert_eq!(failures.len(), 50);
    assert_eq!(wire.operations().len(), 3 * 5, "attempts of the client");
}

#[tokio::test(start_paused = true)]
async fn one_digest_fails_without_the_others() {
    let events = [finding(1, 0), finding(2, 0), finding(1, 1), finding(3, 0)];
    let (failures, wire) = handle(&of(&events), |call| {
        let is_first = call.parameters.to_string().contains(&format!("{:064x}", 1));
        match call.operation.as_str() {
            "DescribeImageScanFindings" if is_first => Answer::error(503, "ServerException", "no"),
            _ => critical(call),
        }
    })
    .await;
    assert_eq!(failed(&failures), ["0", "2"]);
    assert_eq!(alerts(&wire).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_order_and_repetition_of_messages_do_not_matter() {
    let mut low = finding(1, 2);
    low["detail"]["severity"] = json!("LOW");
    let events = [
        low,
        finding(1, 0),
        finding(1, 1),
        finding(2, 0),
        with_status(2, 1, "CLOSED"),
    ];
    let mut told = Vec::new();
    for order in [
        vec![0, 1, 2, 3, 4],
        vec![4, 3, 2, 1, 0],
        vec![2, 2, 0, 4, 3, 1, 0, 3],
    ] {
        let events: Vec<Value> = order
            .into_iter()
            .map(|index| events[index].clone())
            .collect();
        // Another account's: then the alert is made of the event itself.
        let events: Vec<Value> = events
            .iter()
            .map(|event| {
                serde_json::from_str(&event.to_string().replace(ACCOUNT, "777788889999")).unwrap()
            })
            .collect();
        let (failures, wire) = handle(&of(&events), critical).await;
        assert!(failures.is_empty());
        let mut alerts = alerts(&wire);
        for alert in &mut alerts {
            alert.as_object_mut().unwrap().remove("since");
        }
        let mut alerts: Vec<String> = alerts.iter().map(Value::to_string).collect();
        alerts.sort();
        told.push(alerts);
    }
    assert_eq!(told[0].len(), 2);
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

#[tokio::test(start_paused = true)]
async fn a_finding_that_ended_costs_nothing() {
    let events = [with_status(1, 0, "CLOSED"), with_status(1, 1, "SUPPRESSED")];
    let (failures, wire) = handle(&of(&events), critical).await;
    assert!(failures.is_empty());
    assert_eq!(wire.operations(), [] as [&str; 0]);
    // A status that nobody knows ends nothing.
    let (_, wire) = handle(&of(&[with_status(1, 0, "REOPENED")]), critical).await;
    assert_eq!(beside_the_ledger(&wire).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_put_aside_once_and_told_once_a_batch() {
    let mut bodies: Vec<_> = (0..20)
        .map(|n| (n.to_string(), format!("broken {n}")))
        .collect();
    bodies.push(("good".to_owned(), finding(1, 0).to_string()));
    bodies.push((
        "other".to_owned(),
        event("task-definition-guard/privileged"),
    ));
    let (failures, wire) = handle(&batch(&bodies), critical).await;
    assert!(failures.is_empty(), "another attempt would not help");
    let calls = by_operation(&wire);
    assert_eq!(calls["SendMessage"], 21);
    assert_eq!(calls["Publish"], 2);
    let alerts = alerts(&wire);
    assert_eq!(alerts[0]["kind"], "decision");
    let error = alerts[1]["failure"]["error"].as_str().unwrap();
    assert!(
        error.starts_with("21 events of one batch; the first: cannot read the event"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_aside_comes_again() {
    let bodies = [("a".to_owned(), "broken".to_owned())];
    let (failures, _) = handle(&batch(&bodies), |call| match call.operation.as_str() {
        "SendMessage" => Answer::denied(),
        _ => Answer::empty(),
    })
    .await;
    assert_eq!(failed(&failures), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn reads_that_are_refused_for_good_are_put_aside_once_a_digest_and_told_once() {
    let events: Vec<Value> = (0..30).map(|number| finding(number % 3, number)).collect();
    let (failures, wire) = handle(&of(&events), |call| match call.operation.as_str() {
        "DescribeImageScanFindings" => Answer::denied(),
        _ => Answer::empty(),
    })
    .await;
    assert!(failures.is_empty());
    assert_eq!(by_operation(&wire)["SendMessage"], 3);
    assert_eq!(alerts(&wire).len(), 1);
    assert_eq!(alerts(&wire)[0]["kind"], "failure");
}

#[tokio::test(start_paused = true)]
async fn a_finding_that_came_about_since_is_judged_again() {
    let wire = Wire::new(critical);
    let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    let at = |seconds: i64| {
        let mut finding = finding(1, 0);
        let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        finding["time"] = json!(time.to_string());
        finding
    };
    let mut untimed = at(-600);
    untimed["time"] = Value::Null;
    for (event, reads) in [
        (at(-600), 1),
        (at(-600), 1),
        (at(-120), 1),
        (at(0), 2),
        (untimed, 3),
    ] {
        let failures = guard.handle_batch(&of(&[event]), "r", at_ease()).await;
        assert!(failures.is_empty());
        assert_eq!(by_operation(&wire)["DescribeImageScanFindings"], reads);
    }
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_time_for_comes_again() {
    let wire = Wire::new(critical);
    let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    let events = of(&[finding(1, 0), finding(2, 0)]);
    let failures = guard.handle_batch(&events, "r", Instant::now()).await;
    assert_eq!(failed(&failures), ["0", "1"]);
    assert_eq!(wire.operations(), [] as [&str; 0]);
    // Nor is a call waited for longer than there is time.
    let throttled = Wire::new(|_| Answer::throttled());
    let guard = self::guard(Mode::Enforce, SubjectKind::Image, &throttled);
    let soon = Instant::now() + Duration::from_millis(100);
    let failures = guard.handle_batch(&events, "r", soon).await;
    assert_eq!(failures.len(), 2);
    assert!(
        throttled.operations().len() < 5,
        "{:?}",
        throttled.operations()
    );
}

#[tokio::test(start_paused = true)]
async fn a_finding_by_itself_is_judged_as_ever() {
    let payload = finding(1, 0).to_string();
    assert!(Batch::read(&payload).is_none());
    let wire = Wire::new(critical);
    let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    assert_eq!(guard.handle(&payload, "r").await, Ok(()));
    assert_eq!(beside_the_ledger(&wire).len(), 5);
}
