//! One page of `DescribeImageScanFindings`, read leniently: a member that is missing says nothing,
//! and a severity that nobody knows is kept.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    FindingStatus, InspectorFinding, Scan, ScanSeverity, ScanState, Scanner, Vulnerability,
    scanner_finding::BasicFinding,
};

/// One page of the answer to `DescribeImageScanFindings` (ECR API).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ScanPage {
    image_scan_status: Option<Status>,
    image_scan_findings: Option<Found>,
    /// What to ask the next page with; absent on the last.
    pub next_token: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Status {
    status: Option<String>,
    description: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Found {
    #[serde(rename = "findingSeverityCounts")]
    counts: Option<BTreeMap<String, u64>>,
    #[serde(rename = "findings")]
    basic: Option<Vec<BasicFinding>>,
    #[serde(rename = "enhancedFindings")]
    enhanced: Option<Vec<InspectorFinding>>,
}

/// A scan put together from its pages, in any order.
#[derive(Debug, Clone, Default)]
pub struct ScanPages {
    state: Option<ScanState>,
    description: Option<String>,
    is_enhanced: bool,
    stated: Option<BTreeMap<ScanSeverity, u64>>,
    listed: BTreeMap<ScanSeverity, u64>,
    kept: Vec<Vulnerability>,
}

impl ScanPages {
    /// Takes one page in.
    pub fn add(&mut self, page: ScanPage) {
        if let Some(status) = page.image_scan_status {
            self.state = status.status.as_deref().map(ScanState::parse);
            self.description = status.description;
        }
        let Some(found) = page.image_scan_findings else {
            return;
        };
        if let Some(counts) = found.counts {
            let stated = self.stated.get_or_insert_default();
            keep_greater(stated, severity_counts(counts));
        }
        if let Some(findings) = found.enhanced {
            self.is_enhanced = true;
            self.list(findings.into_iter().map(Vulnerability::from));
        }
        if let Some(findings) = found.basic {
            self.list(findings.into_iter().map(Vulnerability::from));
        }
    }

    fn list(&mut self, found: impl Iterator<Item = Vulnerability>) {
        for vulnerability in found.filter(|found| found.status != FindingStatus::Closed) {
            if vulnerability.is_active() {
                let count = self.listed.entry(vulnerability.severity.clone());
                let count = count.or_default();
                *count = count.saturating_add(1);
            }
            self.kept.push(vulnerability);
        }
        // What is kept must not depend on the order of the pages.
        if self.kept.len() > Scan::KEPT {
            self.kept.sort_by(|a, b| {
                let (first, second) = (a.expendability(), b.expendability());
                first.cmp(&second).then_with(|| a.cmp(b))
            });
            self.kept.truncate(Scan::KEPT);
        }
    }

    /// The scan as all pages together tell it. `announced` is what the event counted: it stands in
    /// where the answer has no findings at all, because the scan has gone since.
    pub fn into_scan(self, scanner: Scanner, announced: &BTreeMap<ScanSeverity, u64>) -> Scan {
        let mut uncounted = 0_u64;
        let mut counts = self.listed;
        match self.stated {
            Some(stated) => {
                for (severity, listed) in &counts {
                    let stated = stated.get(severity).copied().unwrap_or(0);
                    uncounted = uncounted.saturating_add(listed.saturating_sub(stated));
                }
                keep_greater(&mut counts, stated);
            }
            None if counts.is_empty() => counts.clone_from(announced),
            None => {}
        }
        let mut vulnerabilities = self.kept;
        vulnerabilities.sort();
        let scanner = if self.is_enhanced {
            Scanner::Enhanced
        } else {
            scanner
        };
        Scan {
            description: self.description,
            vulnerabilities,
            uncounted,
            ..Scan::counted(scanner, self.state.unwrap_or(ScanState::NotFound), counts)
        }
    }
}

/// Counts by severity as AWS spells them. `TOTAL`, which Inspector adds, is not a severity.
pub fn severity_counts(
    counts: impl IntoIterator<Item = (String, u64)>,
) -> BTreeMap<ScanSeverity, u64> {
    let mut known = BTreeMap::new();
    let named = counts.into_iter().filter(|(name, _)| name != "TOTAL");
    keep_greater(
        &mut known,
        named.map(|(name, count)| (ScanSeverity::parse(&name), count)),
    );
    known
}

fn keep_greater(
    counts: &mut BTreeMap<ScanSeverity, u64>,
    others: impl IntoIterator<Item = (ScanSeverity, u64)>,
) {
    for (severity, other) in others {
        let count = counts.entry(severity).or_default();
        *count = (*count).max(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pages: &[&str], announced: &[(&str, u64)]) -> Scan {
        let mut all = ScanPages::default();
        for page in pages {
            all.add(serde_json::from_str(page).unwrap());
        }
        let announced = announced.iter().map(|(name, n)| ((*name).to_owned(), *n));
        all.into_scan(Scanner::Basic, &severity_counts(announced))
    }

    fn counts(scan: &Scan) -> Vec<(&str, u64)> {
        scan.counts.iter().map(|(s, n)| (s.name(), *n)).collect()
    }

    const PAGE_1: &str = r#"{"imageScanStatus":{"status":"COMPLETE"},"nextToken":"2",
        "imageScanFindings":{"findings":[{"name":"CVE-1","severity":"LOW"},{"name":"CVE-2","severity":"LOW"}]}}"#;
    const PAGE_2: &str = r#"{"imageScanStatus":{"status":"COMPLETE"},
        "imageScanFindings":{"findings":[{"name":"CVE-3","severity":"CRITICAL",
            "attributes":[{"key":"package_version","value":"1.1"},{"key":"package_name","value":"openssl"}]}]}}"#;

    #[test]
    fn a_critical_on_the_last_page_counts() {
        let scan = scan(&[PAGE_1, PAGE_2], &[]);
        assert_eq!(counts(&scan), [("CRITICAL", 1), ("LOW", 2)]);
        assert_eq!(scan.vulnerabilities[0].name, "CVE-3");
        assert_eq!(
            scan.vulnerabilities[0].package_names().as_deref(),
            Some("openssl 1.1")
        );
    }

    #[test]
    fn the_order_of_pages_does_not_matter() {
        assert_eq!(scan(&[PAGE_1, PAGE_2], &[]), scan(&[PAGE_2, PAGE_1], &[]));
    }

    #[test]
    fn counts_and_list_are_believed_whichever_is_worse() {
        let page = r#"{"imageScanStatus":{"status":"ACTIVE"},"imageScanFindings":{
            "findingSeverityCounts":{"HIGH":4,"TOTAL":9,"SEVERE":1},
            "enhancedFindings":[{"severity":"CRITICAL","status":"ACTIVE","packageVulnerabilityDetails":
                {"vulnerabilityId":"CVE-9","vulnerablePackages":[{"name":"zlib","version":"1","fixedInVersion":"2"}]}},
                {"severity":"HIGH","status":"SUPPRESSED"},{"severity":"HIGH","status":"CLOSED"}]}}"#;
        let scan = scan(&[page], &[("LOW", 7)]);
        assert_eq!(counts(&scan), [("CRITICAL", 1), ("HIGH", 4), ("SEVERE", 1)]);
        assert_eq!(scan.scanner, Scanner::Enhanced);
        let found = &scan.vulnerabilities;
        assert_eq!(found[0].packages[0].fixed_in.as_deref(), Some("2"));
        assert_eq!(found[1].status, FindingStatus::Suppressed);
        assert_eq!((found.len(), scan.uncounted), (2, 1));
        assert_eq!(scan.listed(&ScanSeverity::High), 0);
        assert_eq!(scan.known_by_count(&ScanSeverity::High), 4);
    }

    #[test]
    fn what_the_event_announced_stands_in_when_the_findings_are_gone() {
        let gone = scan(
            &[r#"{"imageScanStatus":{"status":"IMAGE_ARCHIVED"}}"#],
            &[("CRITICAL", 2)],
        );
        assert_eq!(counts(&gone), [("CRITICAL", 2)]);
        let clean = scan(
            &[
                r#"{"imageScanStatus":{"status":"COMPLETE"},"imageScanFindings":{"findingSeverityCounts":{}}}"#,
            ],
            &[("CRITICAL", 2)],
        );
        assert_eq!(counts(&clean), []);
    }

    /// Runs over a folder of recorded answers where one is named.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder is outside the project"
    )]
    fn every_recorded_answer_has_findings() {
        let Some(folder) = std::env::var_os("TIDEWAITER_FINDINGS") else {
            return;
        };
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_json = path.extension().is_some_and(|ending| ending == "json");
            if name.starts_with("inspector2-") && is_json {
                let text = std::fs::read_to_string(&path).unwrap();
                let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                for finding in answer["data"]["findings"].as_array().unwrap() {
                    let finding: InspectorFinding =
                        serde_json::from_value(finding.clone()).unwrap();
                    let finding = Vulnerability::from(finding);
                    assert!(finding.name.starts_with("CVE-"), "{finding:?}");
                    assert!(!finding.packages.is_empty(), "{finding:?}");
                }
            }
            let is_answer = name.starts_with("basic-") || name.starts_with("enhanced-");
            if !is_answer || !is_json {
                continue;
            }
            let scan = scan(&[&std::fs::read_to_string(&path).unwrap()], &[]);
            assert!(scan.counts.values().any(|count| *count > 0), "{name}");
            assert!(!scan.vulnerabilities.is_empty(), "{name}");
            assert_eq!(
                scan.scanner == Scanner::Enhanced,
                name.starts_with("enhanced-"),
                "{name}"
            );
            read += 1;
        }
        assert!(read > 0, "no answer in TIDEWAITER_FINDINGS");
    }

    #[test]
    fn those_that_matter_are_kept_and_all_are_counted_in_whatever_order_they_come() {
        let many = |number: usize| {
            let findings: Vec<String> = (0..number)
                .map(|n| format!(r#"{{"name":"CVE-{n}","severity":"MEDIUM"}}"#))
                .collect();
            format!(
                r#"{{"imageScanFindings":{{"findings":[{}]}}}}"#,
                findings.join(",")
            )
        };
        let exploited = r#"{"imageScanFindings":{"enhancedFindings":[{"severity":"LOW","exploitAvailable":"YES",
            "packageVulnerabilityDetails":{"vulnerabilityId":"CVE-X"}}]}}"#;
        let (first, second) = (many(Scan::KEPT), many(1000));
        let all = scan(&[&first, &second, exploited, PAGE_2], &[]);
        assert_eq!(all, scan(&[PAGE_2, exploited, &second, &first], &[]));
        assert_eq!(all.vulnerabilities.len(), Scan::KEPT);
        assert_eq!(all.vulnerabilities[0].severity, ScanSeverity::Critical);
        assert!(
            all.vulnerabilities
                .iter()
                .any(|found| found.name == "CVE-X")
        );
        let counted = u64::try_from(Scan::KEPT).unwrap() + 1000;
        assert_eq!(
            counts(&all),
            [("CRITICAL", 1), ("MEDIUM", counted), ("LOW", 1)]
        );
        assert_eq!(all.known_by_count(&ScanSeverity::Medium), 1002);
    }

    #[test]
    fn a_status_that_nobody_knows_ends_no_finding() {
        let page = r#"{"imageScanStatus":{"status":"ACTIVE"},"imageScanFindings":{
            "enhancedFindings":[{"severity":"CRITICAL","status":"REOPENED"}]}}"#;
        assert_eq!(counts(&scan(&[page], &[])), [("CRITICAL", 1)]);
    }
}
