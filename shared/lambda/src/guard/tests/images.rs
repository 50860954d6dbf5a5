//! What `image-scan-guard` does.

use super::*;

#[tokio::test(start_paused = true)]
async fn every_page_of_findings_is_read_and_the_image_archived_by_digest() {
    let payload = event("image-scan-guard/critical");
    let done = handle(Mode::Enforce, &payload, critical_pages).await;
    assert_eq!(done.result, Ok(()));
    let calls = done.calls();
    let names: Vec<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(
        names,
        [
            "DescribeImageScanFindings",
            "DescribeImageScanFindings",
            "DescribeImageScanFindings",
            "DescribeImages",
            "ListClusters",
            "UpdateImageStorageClass",
            "Publish"
        ]
    );
    let archived = &calls[5].parameters;
    assert_eq!(archived["targetStorageClass"], "ARCHIVE");
    assert_eq!(archived["imageId"]["imageTag"], Value::Null);
    assert!(
        archived["imageId"]["imageDigest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:c3")
    );
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn a_clean_scan_is_left_in_silence() {
    for path in ["image-scan-guard/clean", "image-scan-guard/no-counts"] {
        let done = handle(Mode::Enforce, &event(path), |_| {
            Answer::json(
                r#"{"imageScanStatus":{"status":"COMPLETE"},"imageScanFindings":{"findingSeverityCounts":{"LOW":3}}}"#,
            )
        })
        .await;
        assert_eq!(done.operations(), ["DescribeImageScanFindings"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_without_result_is_told_as_unknown_and_nothing_is_changed() {
    for state in [
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_SIZE_EXCEEDED",
        "IN_PROGRESS",
        "PENDING",
        "NEW_STATE",
    ] {
        let done = handle(
            Mode::Enforce,
            &event("image-scan-guard/failed"),
            move |_| Answer::json(json!({"imageScanStatus": {"status": state}}).to_string()),
        )
        .await;
        assert_eq!(
            done.operations(),
            ["DescribeImageScanFindings", "Publish"],
            "{state}"
        );
        let alert = done.alert();
        assert_eq!(alert["findings"][0]["outcome"], "unknown", "{state}");
        assert_eq!(alert["decision"], "warn", "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_vanished_scan_is_not_a_clean_one() {
    let done = handle(
        Mode::Enforce,
        &event("image-scan-guard/no-counts"),
        |call| match call.operation.as_str() {
            "DescribeImageScanFindings" => Answer::error(400, "ScanNotFoundException", "no scan"),
            _ => Answer::empty(),
        },
    )
    .await;
    assert_eq!(done.operations(), ["DescribeImageScanFindings", "Publish"]);
    assert_eq!(done.alert()["findings"][0]["outcome"], "unknown");
}

#[tokio::test(start_paused = true)]
async fn results_that_are_not_there_yet_are_waited_for() {
    let done = handle(Mode::Enforce, &event("image-scan-guard/critical"), |_| {
        Answer::json(r#"{"imageScanStatus":{"status":"IN_PROGRESS"}}"#)
    })
    .await;
    assert!(done.result.is_err());
    assert_eq!(done.operations(), ["DescribeImageScanFindings"]);
}

#[tokio::test(start_paused = true)]
async fn an_archived_image_is_not_archived_again() {
    let done = handle(Mode::Enforce, &event("image-scan-guard/critical"), |_| {
        Answer::json(r#"{"imageScanStatus":{"status":"IMAGE_ARCHIVED"}}"#)
    })
    .await;
    assert_eq!(done.operations(), ["DescribeImageScanFindings", "Publish"]);
    assert_eq!(done.alert()["withheld"], "it has been done already");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_image_is_left_in_silence() {
    let done = handle(Mode::Enforce, &event("image-scan-guard/critical"), |_| {
        Answer::error(400, "ImageNotFoundException", "no image")
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.operations(), ["DescribeImageScanFindings"]);
}

#[tokio::test(start_paused = true)]
async fn another_accounts_image_is_told_and_left() {
    let payload = event("image-scan-guard/inspector").replace(ACCOUNT, "777788889999");
    let done = handle(Mode::Enforce, &payload, fine).await;
    assert_eq!(done.operations(), ["Publish"]);
    assert_eq!(
        done.alert()["withheld"],
        "the subject is in another account or region"
    );
    assert_eq!(done.alert()["account"], "777788889999");
}

#[tokio::test(start_paused = true)]
async fn an_image_without_digest_is_told_and_left() {
    let done = handle(Mode::Enforce, &event("image-scan-guard/no-digest"), fine).await;
    assert_eq!(done.operations(), ["Publish"]);
}

/// A late event of an image that has gone into the archive since, as clean as it was then.
#[tokio::test(start_paused = true)]
async fn that_an_archived_image_has_no_scan_is_no_news() {
    let payload = event("image-scan-guard/clean");
    let done = handle(Mode::Enforce, &payload, |call| {
        match call.operation.as_str() {
            "DescribeImageScanFindings" => {
                Answer::json(r#"{"imageScanStatus":{"status":"IMAGE_ARCHIVED"}}"#)
            }
            _ => Answer::empty(),
        }
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.operations(), ["DescribeImageScanFindings"]);
}
