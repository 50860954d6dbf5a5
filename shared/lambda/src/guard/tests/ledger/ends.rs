//! When what was told is over, and when somebody is reminded of what is not.

use super::*;

/// All that went out, with what is over.
fn told(wire: &Wire) -> Vec<Value> {
    let calls = wire.calls().into_iter();
    let published = calls.filter(|call| call.operation == "Publish");
    published.map(|call| alert_of(&call)).collect()
}

fn changes(wire: &Wire) -> Vec<String> {
    let told = told(wire);
    let change = |alert: &Value| {
        let (change, reason) = (&alert["change"], &alert["resolution"]["reason"]);
        let what = alert["what_changed"].as_str().or(reason.as_str());
        let what = what.map(|what| format!(" {what}")).unwrap_or_default();
        format!("{}{what}", change.as_str().unwrap())
    };
    told.iter().map(change).collect()
}

/// The privileged definition as ECS has it, in this state.
fn described(status: &str) -> Answer {
    let event: Value = serde_json::from_str(&privileged(3)).unwrap();
    let mut definition = event["detail"]["responseElements"]["taskDefinition"].clone();
    definition["status"] = json!(status);
    // ECS answers with seconds.
    definition.as_object_mut().unwrap().remove("registeredAt");
    Answer::json(json!({ "taskDefinition": definition }).to_string())
}

fn audited(
    table: &Table,
    subject: SubjectKind,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Sandbox {
    let mut sandbox = Sandbox::new(subject, table, script);
    sandbox.guard.settings.mode = Mode::Audit;
    sandbox
}

const REVIEW: &str = "task-definition-guard/waiver-review";

#[tokio::test(start_paused = true)]
async fn a_deregistration_by_anybody_resolves_what_was_told_once_and_a_late_report_opens_nothing() {
    let table = Table::default();
    let sandbox = audited(&table, SubjectKind::TaskDefinition, fine);
    let deregistered = event("task-definition-guard/deregistered");
    for (payload, attempt) in [
        (&privileged(3), "a"),
        (&deregistered, "b"),
        (&deregistered, "c"),
        (&privileged(3), "d"),
    ] {
        assert_eq!(sandbox.guard.handle(payload, attempt).await, Ok(()));
    }
    assert_eq!(changes(&sandbox.wire), ["opened", "resolved deregistered"]);
    let calls = sandbox.wire.calls();
    let last = calls.iter().rfind(|call| call.operation == "Publish");
    let parameters = &last.unwrap().parameters;
    let message: Value = serde_json::from_str(parameters["Message"].as_str().unwrap()).unwrap();
    insta::assert_snapshot!(format!(
        "Subject: {}\nSMS: {}\n\n{}",
        parameters["Subject"].as_str().unwrap(),
        message["sms"].as_str().unwrap(),
        message["email"].as_str().unwrap()
    ));
    insta::assert_json_snapshot!("what_is_over_as_json", told(&sandbox.wire)[1]);
}

#[tokio::test(start_paused = true)]
async fn a_deregistration_of_what_was_never_told_is_no_news() {
    let table = Table::default();
    let sandbox = audited(&table, SubjectKind::TaskDefinition, fine);
    let deregistered = event("task-definition-guard/deregistered");
    assert_eq!(sandbox.guard.handle(&deregistered, "a").await, Ok(()));
    assert_eq!(sandbox.count("Publish"), 0);
    // Its registration is heard of late.
    assert_eq!(sandbox.guard.handle(&privileged(3), "b").await, Ok(()));
    assert_eq!(changes(&sandbox.wire), ["opened", "resolved deregistered"]);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_resolved_when_it_scans_clean_and_reopened_when_it_does_not() {
    let table = Table::default();
    let mut all = Vec::new();
    for severity in ["HIGH", "HIGH", "CRITICAL", "LOW", "LOW", "CRITICAL"] {
        let sandbox = audited(&table, SubjectKind::Image, move |call| {
            let body = json!({
                "imageScanStatus": {"status": "COMPLETE"},
                "imageScanFindings": {"findingSeverityCounts": {severity: 1}},
            });
            match call.operation.as_str() {
                "DescribeImageScanFindings" => Answer::json(body.to_string()),
                "DescribeImages" => surroundings::listed(),
                _ => Answer::empty(),
            }
        });
        let payload = event("image-scan-guard/no-counts");
        assert_eq!(sandbox.guard.handle(&payload, severity).await, Ok(()));
        all.extend(changes(&sandbox.wire));
    }
    let expected = ["opened", "changed worse", "resolved clean", "reopened"];
    assert_eq!(all, expected);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_archived_for_it_is_opened_and_resolved_at_once() {
    let table = Table::default();
    let sandbox = Sandbox::new(SubjectKind::Image, &table, critical_pages);
    let payload = event("image-scan-guard/critical");
    for attempt in ["a", "b"] {
        assert_eq!(sandbox.guard.handle(&payload, attempt).await, Ok(()));
    }
    assert_eq!(changes(&sandbox.wire), ["opened", "resolved contained"]);
    let [opened, resolved] = &told(&sandbox.wire)[..] else {
        panic!("two were told");
    };
    assert_eq!(opened["key"], resolved["key"]);
    assert_eq!(
        (&opened["sequence"], &resolved["sequence"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_archiving_fails_stays_open() {
    let table = Table::default();
    let sandbox = Sandbox::new(SubjectKind::Image, &table, |call| {
        match call.operation.as_str() {
            "UpdateImageStorageClass" => Answer::error(400, "AccessDeniedException", "no"),
            _ => critical_pages(call),
        }
    });
    let payload = event("image-scan-guard/critical");
    assert_eq!(sandbox.guard.handle(&payload, "a").await, Ok(()));
    assert_eq!(changes(&sandbox.wire), ["opened"]);
}

/// What a review says of the privileged definition, so much later.
async fn reviewed(
    table: &Table,
    now: fn() -> Timestamp,
    policy: &str,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Vec<String> {
    let sandbox = audited(table, SubjectKind::TaskDefinition, script);
    let sandbox = sandbox.policy(policy).now(now);
    assert_eq!(sandbox.guard.handle(&event(REVIEW), "review").await, Ok(()));
    let of_waivers = |alert: &&Value| alert["kind"] != "waivers";
    let told = told(&sandbox.wire);
    let kinds = told.iter().filter(of_waivers).count();
    let changes = changes(&sandbox.wire);
    changes[changes.len() - kinds..].to_vec()
}

async fn opened() -> Table {
    let table = Table::default();
    let sandbox = audited(&table, SubjectKind::TaskDefinition, fine);
    assert_eq!(sandbox.guard.handle(&privileged(3), "a").await, Ok(()));
    table
}

const WAIVED: &str = "waivers:
- { id: builds, rules: [privileged-container], target: { family: ci-builder }, reason: r, owner: o, expires: 2027-05-01 }
rules: { untrusted-registry: off, missing-log-configuration: off, writable-root-filesystem: off, root-user: off,
  undropped-capabilities: off, privilege-escalation: off, unpinned-image: off, metadata-service-access: off }";

fn next_day() -> Timestamp {
    "2026-11-24T13:30:00Z".parse().unwrap()
}

fn in_a_week() -> Timestamp {
    "2026-11-30T13:30:00Z".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_daily_review_resolves_what_a_waiver_covers_by_now_and_what_is_gone() {
    let active = |_: &Call| described("ACTIVE");
    let table = opened().await;
    assert_eq!(reviewed(&table, next_day, "", active).await, [""; 0]);
    let changed = reviewed(&table, next_day, WAIVED, active).await;
    assert_eq!(changed, ["resolved waived"]);
    assert_eq!(reviewed(&table, next_day, WAIVED, active).await, [""; 0]);

    let table = opened().await;
    let changed = reviewed(&table, next_day, "", |_| described("INACTIVE")).await;
    assert_eq!(changed, ["resolved deregistered"]);

    let table = opened().await;
    let gone = |_: &Call| {
        let message = "Unable to describe task definition.";
        Answer::error(400, "ClientException", message)
    };
    assert_eq!(
        reviewed(&table, next_day, "", gone).await,
        ["resolved deleted"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_daily_review_reminds_of_what_is_open_after_as_many_days_as_the_policy_says() {
    let active = |_: &Call| described("ACTIVE");
    let table = opened().await;
    let never = "alerts: { remind-after-days: 0 }";
    assert_eq!(reviewed(&table, next_day, "", active).await, [""; 0]);
    assert_eq!(reviewed(&table, in_a_week, never, active).await, [""; 0]);
    assert_eq!(reviewed(&table, in_a_week, "", active).await, ["reminder"]);
    assert_eq!(reviewed(&table, in_a_week, "", active).await, [""; 0]);
    // That ECS does not answer is no reason to forget it.
    let daily = "alerts: { remind-after-days: 1 }";
    let next: fn() -> Timestamp = || "2026-12-01T13:30:00Z".parse().unwrap();
    let refused = |_: &Call| Answer::error(400, "AccessDeniedException", "no");
    assert_eq!(reviewed(&table, next, daily, refused).await, ["reminder"]);
}

#[tokio::test(start_paused = true)]
async fn the_daily_review_of_images_resolves_what_is_clean_archived_or_deleted() {
    let answer = |status: &'static str, severity: &'static str| {
        move |call: &Call| {
            let body = json!({
                "imageScanStatus": {"status": status},
                "imageScanFindings": {"findingSeverityCounts": {severity: 1}},
            });
            match call.operation.as_str() {
                "DescribeImageScanFindings" if status == "gone" => {
                    Answer::error(400, "ImageNotFoundException", "no")
                }
                "DescribeImageScanFindings" => Answer::json(body.to_string()),
                "DescribeImages" => surroundings::listed(),
                _ => Answer::empty(),
            }
        }
    };
    for (status, severity, expected) in [
        ("COMPLETE", "CRITICAL", vec!["opened"]),
        ("COMPLETE", "LOW", vec!["opened", "resolved clean"]),
        ("PENDING", "LOW", vec!["opened"]),
        (
            "IMAGE_ARCHIVED",
            "LOW",
            vec!["opened", "resolved contained"],
        ),
        ("gone", "LOW", vec!["opened", "resolved deleted"]),
    ] {
        let table = Table::default();
        let mut all = Vec::new();
        let sandbox = audited(&table, SubjectKind::Image, answer("COMPLETE", "CRITICAL"));
        let payload = event("image-scan-guard/no-counts");
        assert_eq!(sandbox.guard.handle(&payload, "a").await, Ok(()));
        all.extend(changes(&sandbox.wire));
        let sandbox = audited(&table, SubjectKind::Image, answer(status, severity)).now(next_day);
        let review = event("image-scan-guard/quarantine-review");
        assert_eq!(sandbox.guard.handle(&review, "review").await, Ok(()));
        all.extend(changes(&sandbox.wire));
        assert_eq!(all, expected, "{status} {severity}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_about_the_budget_is_told_once_and_is_about_no_subject() {
    let table = Table::default();
    let sandbox = Sandbox::definitions(&table).policy("max-actions-per-hour: 0");
    for revision in 1..4 {
        let result = sandbox.guard.handle(&privileged(revision), "r").await;
        assert_eq!(result, Ok(()));
    }
    let keys = table.keys();
    let pages: Vec<&String> = keys
        .iter()
        .filter(|key| key.starts_with("alert#budget "))
        .collect();
    assert_eq!(pages.len(), 1, "{keys:?}");
}
