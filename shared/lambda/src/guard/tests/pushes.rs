//! What becomes of images that are pushed, or restored from the archive.

use super::*;

async fn push(
    case: &str,
    mode: Mode,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Done {
    let wire = Wire::new(script);
    let payload = event(&format!("image-push-guard/{case}"));
    let result = guard(mode, SubjectKind::Image, &wire)
        .handle(&payload, "r")
        .await;
    Done { result, wire }
}

fn found(status: &'static str, counts: &'static str) -> impl Fn(&Call) -> Answer + Send + Sync {
    move |call| match call.operation.as_str() {
        "DescribeImageScanFindings" => Answer::json(format!(
            r#"{{"imageScanStatus":{{"status":"{status}"}},"imageScanFindings":{{"findingSeverityCounts":{counts}}}}}"#
        )),
        "DescribeImages" => surroundings::listed(),
        _ => Answer::empty(),
    }
}

/// What was called, without the question what an image leads to whose event does not say that it is none.
fn beside_the_index(wire: &Wire) -> Vec<String> {
    let calls = beside_the_ledger(wire).into_iter();
    let operations = calls.map(|call| call.operation);
    operations.filter(|it| it != "BatchGetImage").collect()
}

/// ECR announces no scan of a digest that it has scanned before.
#[tokio::test(start_paused = true)]
async fn an_image_that_is_known_to_be_bad_is_quarantined_again_when_it_is_pushed_again() {
    for case in ["push", "push-untagged"] {
        let done = push(case, Mode::Enforce, found("ACTIVE", r#"{"CRITICAL":1}"#)).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(
            beside_the_index(&done.wire),
            [
                "DescribeImageScanFindings",
                "DescribeImages",
                "ListClusters",
                "UpdateImageStorageClass",
                "Publish"
            ],
            "{case}"
        );
        let calls = done.calls();
        let archived = &calls[calls.len() - 2].parameters;
        assert_eq!(archived["targetStorageClass"], "ARCHIVE");
        assert_eq!(archived["imageId"]["imageTag"], Value::Null);
    }
    let done = push(
        "push",
        Mode::Enforce,
        found("COMPLETE", r#"{"CRITICAL":1}"#),
    )
    .await;
    assert_eq!(done.alert()["subject"]["tags"], json!(["2.0.1"]));
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn in_audit_mode_a_push_changes_nothing() {
    let done = push("push", Mode::Audit, found("COMPLETE", r#"{"CRITICAL":1}"#)).await;
    assert_eq!(
        beside_the_index(&done.wire),
        [
            "DescribeImageScanFindings",
            "DescribeImages",
            "ListClusters",
            "Publish"
        ]
    );
    assert_eq!(done.alert()["actions"][0]["effect"], "not-applied");
}

/// The scan that a push begins has an event of its own.
#[tokio::test(start_paused = true)]
async fn a_push_whose_scan_has_no_result_yet_is_silent() {
    for state in [
        "IN_PROGRESS",
        "PENDING",
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "IMAGE_ARCHIVED",
        "NEW_STATE",
    ] {
        let done = push("push", Mode::Enforce, found(state, r#"{"CRITICAL":1}"#)).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(
            beside_the_index(&done.wire),
            ["DescribeImageScanFindings"],
            "{state}"
        );
    }
    for code in ["ScanNotFoundException", "ImageNotFoundException"] {
        let done = push("push", Mode::Enforce, move |call| {
            match call.operation.as_str() {
                "DescribeImageScanFindings" => Answer::error(400, code, "no"),
                _ => Answer::empty(),
            }
        })
        .await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(
            beside_the_index(&done.wire),
            ["DescribeImageScanFindings"],
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_of_a_clean_image_is_silent() {
    let done = push("push", Mode::Enforce, found("ACTIVE", "{}")).await;
    assert_eq!(beside_the_index(&done.wire), ["DescribeImageScanFindings"]);
}

/// What the ledger does not have in quarantine, a person may restore.
#[tokio::test(start_paused = true)]
async fn an_image_that_is_restored_is_told_and_left() {
    let done = push(
        "restored",
        Mode::Enforce,
        found("ACTIVE", r#"{"CRITICAL":1}"#),
    )
    .await;
    assert_eq!(
        beside_the_index(&done.wire),
        ["DescribeImageScanFindings", "Publish"]
    );
    assert_eq!(done.alert()["decision"], "deny");
    assert_eq!(done.alert()["actions"], json!([]));
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn what_brings_no_image_back_costs_nothing() {
    for case in ["archived", "deleted", "signature", "refused", "referrer"] {
        let done = push(case, Mode::Enforce, found("ACTIVE", r#"{"CRITICAL":1}"#)).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.wire.operations(), [] as [&str; 0], "{case}");
    }
}

/// A tag is anybody's to choose: it must not be a way past the guard.
#[tokio::test(start_paused = true)]
async fn a_tag_like_a_signatures_hides_nothing() {
    let tag = format!("sha256-{}.sig", "ab".repeat(32));
    let payload = event("image-push-guard/push").replace("2.0.1", &tag);
    let wire = Wire::new(found("ACTIVE", r#"{"CRITICAL":1}"#));
    let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    assert_eq!(guard.handle(&payload, "r").await, Ok(()));
    assert_eq!(beside_the_index(&wire).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_aws_does_not_answer_for_is_tried_again() {
    let done = push("push", Mode::Enforce, |_| Answer::throttled()).await;
    assert!(done.result.is_err());
    let done = push("push", Mode::Enforce, |call| {
        match call.operation.as_str() {
            "DescribeImageScanFindings" => Answer::denied(),
            _ => Answer::empty(),
        }
    })
    .await;
    assert_eq!(
        beside_the_index(&done.wire),
        ["DescribeImageScanFindings", "SendMessage", "Publish"]
    );
}
