//! What other tools for images get wrong, as their sources show: docs/conformance.md has them.

use super::*;

const OLD: &str = "sha256:c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3";
const NEW: &str = "sha256:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";

fn images(details: &Value, next: Option<&str>) -> Answer {
    Answer::json(json!({"imageDetails": details, "nextToken": next}).to_string())
}

fn detail(digest: &str, tag: &str) -> Value {
    json!({"imageDigest": digest, "imageTags": [tag], "imageStatus": "ACTIVE",
        "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json"})
}

fn scan(status: &str, counts: &str) -> Answer {
    Answer::json(format!(
        r#"{{"imageScanStatus":{{"status":"{status}"}},"imageScanFindings":{{"findingSeverityCounts":{counts}}}}}"#
    ))
}

fn archived(done: &Done) -> Vec<Value> {
    let calls = done.calls().into_iter();
    let archiving = calls.filter(|call| call.operation == "UpdateImageStorageClass");
    archiving
        .map(|call| call.parameters["imageId"]["imageDigest"].clone())
        .collect()
}

/// Prowler judges the image that was pushed last; what runs is often an older one.
#[tokio::test(start_paused = true)]
async fn an_image_is_judged_though_a_newer_one_is_clean() {
    let payload = event("image-scan-guard/critical");
    let done = handle(Mode::Enforce, &payload, |call| {
        let is_old = call.parameters["imageId"]["imageDigest"] == OLD;
        match call.operation.as_str() {
            "DescribeImageScanFindings" if is_old => scan("COMPLETE", r#"{"CRITICAL":1}"#),
            "DescribeImageScanFindings" => scan("COMPLETE", "{}"),
            "DescribeImages" => images(&json!([detail(NEW, "latest"), detail(OLD, "1.0")]), None),
            _ => Answer::empty(),
        }
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(archived(&done), [OLD]);
}

/// What lists images and stops at the first page takes the rest for absent.
#[tokio::test(start_paused = true)]
async fn an_image_on_the_last_page_of_its_repository_is_found() {
    let payload = event("image-scan-guard/critical");
    let done = handle(Mode::Enforce, &payload, |call| {
        match call.operation.as_str() {
            "DescribeImageScanFindings" => scan("COMPLETE", r#"{"CRITICAL":1}"#),
            "DescribeImages" if call.parameters["nextToken"].is_null() => {
                images(&json!([detail(NEW, "latest")]), Some("b"))
            }
            "DescribeImages" => images(&json!([detail(OLD, "1.0")]), None),
            _ => Answer::empty(),
        }
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(archived(&done), [OLD]);
}

/// Prowler passes an image whose scan has no counts, whatever the state of the scan.
#[tokio::test(start_paused = true)]
async fn a_scan_without_counts_is_not_clean_whatever_its_state() {
    let payload = event("image-scan-guard/critical");
    for state in [
        "UNSUPPORTED_IMAGE",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "FAILED",
        "LIMIT_EXCEEDED",
        "IMAGE_SIZE_EXCEEDED",
        "A_STATE_OF_TOMORROW",
    ] {
        let done = handle(Mode::Enforce, &payload, move |call| {
            match call.operation.as_str() {
                "DescribeImageScanFindings" => scan(state, "{}"),
                _ => Answer::empty(),
            }
        })
        .await;
        // The event counted something critical; what counts is that nobody takes it for clean.
        assert_ne!(done.alert()["decision"], "allow", "{state}");
    }
}

/// philips-labs' scanner compares the counts as text, in which their order makes a difference.
#[tokio::test(start_paused = true)]
async fn the_order_of_the_counts_is_no_news() {
    let table = Table::default();
    let payload = event("image-scan-guard/critical");
    let mut told = 0;
    for counts in [r#"{"CRITICAL":1,"LOW":2}"#, r#"{"LOW":2,"CRITICAL":1}"#] {
        let wire = with_ledger(table.clone(), move |call| match call.operation.as_str() {
            "DescribeImageScanFindings" => scan("COMPLETE", counts),
            "DescribeImages" => surroundings::listed(),
            _ => Answer::empty(),
        });
        let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
        assert_eq!(guard.handle(&payload, "r").await, Ok(()));
        told += alerts(&wire).len();
    }
    assert_eq!(told, 1);
}
