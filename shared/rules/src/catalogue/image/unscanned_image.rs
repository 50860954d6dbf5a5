use jiff::SignedDuration;

use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{Image, Scan, ScanState},
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "unscanned-image",
    summary: "no completed scan says what vulnerabilities an image has",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "get the image scanned, and judge it by the result",
    references: References {
        guidance: "scan images for vulnerabilities, and do not run those that have them",
        aws_config: &["ECR_PRIVATE_IMAGE_SCANNING_ENABLED"],
        security_hub: &["ECR.1"],
        control_tower: &[],
        cis_docker: &["4.4"],
        pod_security: None,
    },
    check: Check::Image(check),
};

const STATE: &str = "/imageScanStatus/status";

fn check(image: &Image, context: &Context<'_>) -> Vec<Answer> {
    let scan = &image.scan;
    // What is in quarantine is judged by that, and its scan is not awaited: its findings are gone because
    // it was put there.
    if image.quarantine.is_some() {
        return Vec::new();
    }
    if scan.state.is_conclusive() || scan.state.is_under_way() && is_just_pushed(image, context) {
        return Vec::new();
    }
    vec![answer(scan)]
}

/// Whether a scan of it may well be under way. Clocks differ a little; a push long after it was
/// observed is a mistake and buys no time.
fn is_just_pushed(image: &Image, context: &Context<'_>) -> bool {
    let (Some(pushed), Some(observed)) = (image.pushed_at, context.observed_at) else {
        return false;
    };
    let minutes = i64::from(context.parameters.image.scan_minutes);
    observed.duration_since(pushed).abs() < SignedDuration::from_mins(minutes)
}

/// A scan without a result: never clean, never proof of the opposite.
fn answer(scan: &Scan) -> Answer {
    let (why, help) = advice(&scan.state);
    let mut message = format!("whether the image is vulnerable is unknown: {why}");
    if let Some(description) = &scan.description {
        message.push_str(": ");
        message.push_str(&quoted(description));
    }
    Answer::unknown(STATE, message).help(help)
}

/// What the state means, and what to do about it.
fn advice(state: &ScanState) -> (String, &'static str) {
    let (why, help) = match state {
        ScanState::Failed => (
            "the scan failed",
            "start the scan again; if it fails again, check that the image has a manifest and layers that ECR can read",
        ),
        ScanState::Unsupported => (
            "the scanner does not support this image",
            "build on an operating system that the scanner knows, or scan the image in its pipeline",
        ),
        ScanState::InProgress | ScanState::Pending => (
            "the scan has not finished",
            "wait for it: a further event tells its result",
        ),
        ScanState::Expired => (
            "the image is too old to be scanned continuously",
            "push it again, or lengthen the re-scan duration in Amazon Inspector's settings",
        ),
        ScanState::Unavailable => ("the findings are not available", "start the scan again"),
        ScanState::LimitExceeded => (
            "the account's scan limit is used up",
            "start the scan again tomorrow, or switch on enhanced scanning",
        ),
        ScanState::TooLarge => (
            "the image is too large to be scanned",
            "make it smaller: build in stages, and copy only what runs into the last one",
        ),
        ScanState::Archived => (
            "the image is archived and its findings are gone",
            "restore it to scan it again",
        ),
        ScanState::NotFound => (
            "there is no scan of this image",
            "switch on scanning for its repository; an image index is scanned through its platform images",
        ),
        ScanState::InPart => (
            "single findings are known, and not whether they are all",
            "read the findings of the image with `aws ecr describe-image-scan-findings`",
        ),
        ScanState::Other(state) => {
            return (
                format!("the scan is in the unknown state {}", quoted(state)),
                "look the state up in the ECR API, `ScanStatus`",
            );
        }
        ScanState::Complete | ScanState::Active => (
            "the scan has a result that cannot be read",
            "start the scan again",
        ),
    };
    (why.to_owned(), help)
}
