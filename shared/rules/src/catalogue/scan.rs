//! What the rules about images have in common: where a scanner's answer has what, and how findings
//! are told.

use std::collections::BTreeMap;

use crate::{
    facts::{Scan, ScanSeverity, Scanner, Vulnerability},
    names::quoted,
};

/// Where the scanner's answer has its numbers (ECR API, `DescribeImageScanFindings`).
pub(super) const COUNTS: &str = "/imageScanFindings/findingSeverityCounts";

/// Where it has the findings.
pub(super) const fn list(scan: &Scan) -> &'static str {
    match scan.scanner {
        Scanner::Basic => "/imageScanFindings/findings",
        Scanner::Enhanced => "/imageScanFindings/enhancedFindings",
    }
}

/// How many findings there are of each severity that has any, worst first.
pub(super) type Tally<'a> = BTreeMap<&'a ScanSeverity, u64>;

pub(super) fn add<'a>(tally: &mut Tally<'a>, severity: &'a ScanSeverity, number: u64) {
    if number > 0 {
        let count = tally.entry(severity).or_default();
        *count = count.saturating_add(number);
    }
}

pub(super) fn total(tally: &Tally<'_>) -> u64 {
    tally
        .values()
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// `1 critical and 3 high vulnerabilities`. Names that are not known here are quoted.
pub(super) fn told(tally: &Tally<'_>) -> String {
    let parts: Vec<String> = tally
        .iter()
        .map(|(severity, count)| match severity {
            ScanSeverity::Other(name) => format!("{count} {}", quoted(name)),
            known => format!("{count} {}", known.name().to_ascii_lowercase()),
        })
        .collect();
    format!("{} {}", and(&parts), noun(total(tally)))
}

pub(super) const fn noun(number: u64) -> &'static str {
    if number == 1 {
        "vulnerability"
    } else {
        "vulnerabilities"
    }
}

fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// How many findings a message names.
const NAMED: usize = 3;

/// The first few findings, each as `tell` has it, and how many more there are.
pub(super) fn named(found: &[&Vulnerability], tell: impl Fn(&Vulnerability) -> String) -> String {
    let first: Vec<String> = found.iter().take(NAMED).map(|found| tell(found)).collect();
    let more = found.len().saturating_sub(NAMED);
    let text = first.join("; ");
    if more == 0 {
        text
    } else {
        format!("{text}; and {more} more")
    }
}
