use std::fmt::Write as _;

use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    scan::{COUNTS, Tally, add, told, total},
};
use crate::{
    Severity,
    facts::{Fix, Image, Scan, ScanSeverity, Scanner, Vulnerability},
    names::quoted,
    policy::ImageParameters,
    remedy::Remedy,
    suppress::grace_end,
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

fn check(image: &Image, context: &Context<'_>) -> Vec<Answer> {
    let scan = &image.scan;
    let found = Found::of(scan, context);
    if !found.failing.is_empty() {
        return vec![found.fail(scan, &context.parameters.image)];
    }
    let unclear = found.unclear(scan);
    unclear.into_iter().chain(unranked(scan)).collect()
}

/// The findings at or above the threshold, by what becomes of them.
#[derive(Default)]
struct Found<'a> {
    failing: Tally<'a>,
    /// Of those that fail, how many are known by their number alone.
    by_count: u64,
    /// Of which nobody says whether they can be mended, where only such count.
    unclear: Tally<'a>,
    without_fix: u64,
    in_grace: u64,
    /// The worst that fails and whose details are known.
    worst: Option<&'a Vulnerability>,
    /// What a rebuild would do about those that fail.
    remedy: Remedy,
}

impl<'a> Found<'a> {
    fn of(scan: &'a Scan, context: &Context<'_>) -> Self {
        let parameters = &context.parameters.image;
        let counts = |severity: &ScanSeverity| {
            severity
                .rank()
                .is_some_and(|rank| rank >= parameters.threshold)
        };
        let mut found = Self::default();
        for vulnerability in scan.active().filter(|v| counts(&v.severity)) {
            let severity = &vulnerability.severity;
            if grace_end(vulnerability, parameters, context.observed_at).is_some() {
                found.in_grace = found.in_grace.saturating_add(1);
                continue;
            }
            match vulnerability.fix {
                Fix::Unavailable if parameters.fixable_only => {
                    found.without_fix = found.without_fix.saturating_add(1);
                }
                Fix::Unknown if parameters.fixable_only => add(&mut found.unclear, severity, 1),
                _ => {
                    add(&mut found.failing, severity, 1);
                    found.worst.get_or_insert(vulnerability);
                    found.remedy.add(vulnerability);
                }
            }
        }
        for severity in scan.counts.keys().filter(|severity| counts(severity)) {
            let number = scan.known_by_count(severity);
            if parameters.fixable_only {
                add(&mut found.unclear, severity, number);
            } else {
                add(&mut found.failing, severity, number);
                found.by_count = found.by_count.saturating_add(number);
                found.remedy.add_by_count(number);
            }
        }
        found
    }

    fn fail(&self, scan: &Scan, parameters: &ImageParameters) -> Answer {
        let worst = self.failing.keys().next();
        let (name, rank) = worst.map_or(("HIGH", None), |worst| (worst.name(), worst.rank()));
        let mut message = format!("{} found {}", scan.scanner.name(), told(&self.failing));
        message.push_str(&self.remedy.told());
        message.push_str(&self.left_out(scan));
        if let Some(worst) = self.worst {
            message.push_str(", among them ");
            message.push_str(&worst.told());
        }
        message.push_str(&self.disagreement(scan, parameters));
        let answer = Answer::fail(format!("{COUNTS}/{name}"), message);
        let answer = answer.severity(rank.unwrap_or(Severity::High));
        answer.remedy(self.remedy.clone())
    }

    /// What does not count, in brackets.
    fn left_out(&self, scan: &Scan) -> String {
        let parts: Vec<String> = [
            (scan.suppressed, "suppressed"),
            (self.in_grace, "in their days of grace"),
            (self.without_fix, "without a fix"),
            (
                total(&self.unclear),
                "of which nobody says whether there is a fix",
            ),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
        if parts.is_empty() {
            String::new()
        } else {
            format!(" ({})", parts.join(", "))
        }
    }

    /// That the numbers and the list do not tell the same, where it matters.
    fn disagreement(&self, scan: &Scan, parameters: &ImageParameters) -> String {
        let mut text = String::new();
        if self.by_count > 0 && (self.worst.is_some() || parameters.leaves_out()) {
            let _ = write!(text, "; {} of them counted and not listed", self.by_count);
            if parameters.leaves_out() {
                text.push_str(", so the policy's exceptions cannot hold for them");
            }
        }
        if scan.uncounted > 0 {
            let _ = write!(
                text,
                "; the list has {} more than the scanner counts",
                scan.uncounted
            );
        }
        text
    }

    fn unclear(&self, scan: &Scan) -> Option<Answer> {
        let worst = self.unclear.keys().next()?;
        let why = match scan.scanner {
            Scanner::Basic => "basic scanning does not say",
            Scanner::Enhanced => "Amazon Inspector does not say",
        };
        let message = format!(
            "whether there is a fix for {} is unknown: {why}",
            told(&self.unclear)
        );
        let severity = worst.rank().unwrap_or(Severity::High);
        Some(
            Answer::unknown(format!("{COUNTS}/{}", worst.name()), message)
                .severity(severity)
                .help("switch on enhanced scanning, which tells what can be fixed, or let the policy count what cannot"),
        )
    }
}

/// Findings whose severity nobody has given: never taken for harmless.
fn unranked(scan: &Scan) -> Option<Answer> {
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
