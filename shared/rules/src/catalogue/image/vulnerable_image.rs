use super::super::{Answer, Applies, Check, References, Rule};
use crate::{
    Severity,
    facts::{Image, Scan, ScanSeverity, ScanState},
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "vulnerable-image",
    summary: "a scanned image has known vulnerabilities of high or critical severity",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "rebuild the image on a patched base with the fixed package versions, push it under a new tag and deploy that",
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

/// Where the scanner's answer has its numbers (ECR API, `DescribeImageScanFindings`).
const COUNTS: &str = "/imageScanFindings/findingSeverityCounts";
const STATE: &str = "/imageScanStatus/status";

fn check(image: &Image) -> Vec<Answer> {
    let scan = &image.scan;
    if let Some(answer) = bad_findings(scan) {
        return vec![answer];
    }
    if !scan.state.is_conclusive() {
        return vec![inconclusive(scan)];
    }
    unranked_findings(scan).into_iter().collect()
}

fn bad_findings(scan: &Scan) -> Option<Answer> {
    let count = |severity| scan.counts.get(&severity).copied().unwrap_or(0);
    let (critical, high) = (count(ScanSeverity::Critical), count(ScanSeverity::High));
    let (severity, member, text) = match (critical, high) {
        (0, 0) => return None,
        (0, high) => (Severity::High, "HIGH", format!("{high} high")),
        (critical, 0) => (
            Severity::Critical,
            "CRITICAL",
            format!("{critical} critical"),
        ),
        (critical, high) => (
            Severity::Critical,
            "CRITICAL",
            format!("{critical} critical and {high} high"),
        ),
    };
    let plural = if critical.saturating_add(high) == 1 {
        "vulnerability"
    } else {
        "vulnerabilities"
    };
    let mut message = format!("{} found {text} {plural}", scan.scanner.name());
    if let Some(worst) = scan.worst.first() {
        message.push_str(", among them ");
        message.push_str(&quoted(&worst.name));
        if let Some(package) = &worst.package {
            message.push_str(" in ");
            message.push_str(&quoted(package));
        }
        if let Some(fixed) = &worst.fixed_in {
            message.push_str(", fixed in ");
            message.push_str(&quoted(fixed));
        }
    }
    Some(Answer::fail(format!("{COUNTS}/{member}"), message).severity(severity))
}

/// A scan without a result: never clean, never proof of the opposite.
fn inconclusive(scan: &Scan) -> Answer {
    let (why, help) = match &scan.state {
        ScanState::Failed => (
            "the scan failed".to_owned(),
            "start the scan again; if it fails again, check that the image has a manifest and layers that ECR can read",
        ),
        ScanState::Unsupported => (
            "the scanner does not support this image".to_owned(),
            "build on an operating system that the scanner knows, or scan the image in its pipeline",
        ),
        ScanState::InProgress | ScanState::Pending => (
            "the scan has not finished".to_owned(),
            "wait for it: a further event tells its result",
        ),
        ScanState::Expired => (
            "the image is too old to be scanned continuously".to_owned(),
            "push it again, or lengthen the re-scan duration in Amazon Inspector's settings",
        ),
        ScanState::Unavailable => (
            "the findings are not available".to_owned(),
            "start the scan again",
        ),
        ScanState::LimitExceeded => (
            "the account's scan limit is used up".to_owned(),
            "start the scan again tomorrow, or switch on enhanced scanning",
        ),
        ScanState::TooLarge => (
            "the image is too large to be scanned".to_owned(),
            "make it smaller: build in stages, and copy only what runs into the last one",
        ),
        ScanState::Archived => (
            "the image is archived and its findings are gone".to_owned(),
            "restore it to scan it again",
        ),
        ScanState::NotFound => (
            "there is no scan of this image".to_owned(),
            "switch on scanning for its repository; an image index is scanned through its platform images",
        ),
        ScanState::Other(state) => (
            format!("the scan is in the unknown state {}", quoted(state)),
            "look the state up in the ECR API, `ScanStatus`",
        ),
        ScanState::Complete | ScanState::Active => (
            "the scan has a result that cannot be read".to_owned(),
            "start the scan again",
        ),
    };
    let mut message = format!("whether the image is vulnerable is unknown: {why}");
    if let Some(description) = &scan.description {
        message.push_str(": ");
        message.push_str(&quoted(description));
    }
    Answer::unknown(STATE, message)
        .severity(Severity::Medium)
        .help(help)
}

fn unranked_findings(scan: &Scan) -> Option<Answer> {
    let unranked: Vec<String> = scan
        .counts
        .iter()
        .filter(|(severity, count)| !severity.is_ranked() && **count > 0)
        .map(|(severity, count)| format!("{count} {}", quoted(severity.name())))
        .collect();
    if unranked.is_empty() {
        return None;
    }
    let message = format!(
        "{} found vulnerabilities whose severity is not known: {}",
        scan.scanner.name(),
        unranked.join(", ")
    );
    Some(
        Answer::unknown(COUNTS, message)
            .severity(Severity::Medium)
            .help("read the findings: nobody has said yet how bad they are"),
    )
}
