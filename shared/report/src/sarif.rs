//! A report as SARIF 2.1.0 (OASIS), for code scanning and for editors: only the part of the model
//! that is used here.

use serde::Serialize;
use tidewaiter_rules::{
    Finding, Level, Outcome, Rule, Severity,
    catalogue::{self, PAGES},
    policy::Profile,
};

use crate::{check::Checked, clean, report::Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A report as SARIF 2.1.0: serialised, the whole log.
///
/// Every result has the kind `fail`, which is what SARIF takes where none is written: with any other
/// the level would have to be `none`, and code scanning would not show what cannot be known. So an
/// unknown is a `note`, or an `error` where the policy denies it, whose property `outcome` says what
/// it is. Waived findings are left out, as
/// they are of what is found.
#[derive(Debug, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    /// Columns count characters, not UTF-16 units.
    column_kind: &'static str,
    results: Vec<ResultObject>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    /// Those that have results, so that a short log stays short.
    rules: Vec<Descriptor>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    name: String,
    short_description: Text,
    full_description: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    help: Help,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Debug, Serialize)]
struct Text {
    text: String,
}

#[derive(Debug, Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct RuleProperties {
    /// What code scanning reads a severity from, as a number from 0.0 to 10.0.
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
    precision: &'static str,
    tags: [&'static str; 2],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: Fingerprints,
    properties: ResultProperties,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Fingerprints {
    /// What a finding keeps when lines move: rule, subject and pointer.
    #[serde(rename = "tidewaiter/v1")]
    v1: String,
}

#[derive(Debug, Serialize)]
struct ResultProperties {
    outcome: &'static str,
    decision: &'static str,
    severity: Severity,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
    locations: [Location; 1],
}

impl Sarif {
    /// The log of a report.
    pub fn of(report: &Report<Checked>) -> Self {
        let mut rules = Vec::new();
        let mut results = Vec::new();
        for checked in &report.results {
            for (index, finding) in checked.findings.iter().enumerate() {
                let known = rules
                    .iter()
                    .position(|rule: &&Rule| rule.id == finding.rule);
                let rule_index = match (known, catalogue::find(finding.rule)) {
                    (Some(index), _) => index,
                    (None, Some(rule)) => {
                        rules.push(rule);
                        rules.len() - 1
                    }
                    // Every finding is made by a rule of the catalogue.
                    (None, None) => continue,
                };
                results.push(result(checked, finding, rule_index, checked.place(index)));
            }
        }
        let driver = Driver {
            name: "tidewaiter",
            version: env!("CARGO_PKG_VERSION"),
            rules: rules.into_iter().map(descriptor).collect(),
        };
        let errors = report.errors.iter();
        let errors = errors.map(|error| notification("error", &error.file, &error.message));
        let notes = report.notes.iter();
        let notes = notes.map(|note| notification("warning", &note.file, &note.message));
        let invocation = Invocation {
            execution_successful: report.errors.is_empty(),
            tool_execution_notifications: errors.chain(notes).collect(),
        };
        Self {
            schema: SCHEMA,
            version: "2.1.0",
            runs: [Run {
                tool: Tool { driver },
                invocations: [invocation],
                column_kind: "unicodeCodePoints",
                results,
            }],
        }
    }
}

fn result(
    checked: &Checked,
    finding: &Finding,
    rule_index: usize,
    place: Option<(usize, usize)>,
) -> ResultObject {
    let (message, help) = (clean(&finding.message, 1000), clean(&finding.help, 1000));
    let pointer = clean(&finding.pointer, 400);
    let (kind, id) = (checked.subject.kind(), clean(checked.subject.id(), 400));
    ResultObject {
        rule_id: finding.rule,
        rule_index,
        level: match finding.outcome {
            _ if checked.denies(finding) => "error",
            Outcome::Unknown => "note",
            Outcome::Fail => level_name(finding.level),
        },
        message: Text {
            text: format!("{message}\nHelp: {help}"),
        },
        partial_fingerprints: Fingerprints {
            v1: format!("{} {kind} {id} {pointer}", finding.rule),
        },
        locations: [Location {
            physical_location: physical(&checked.file, place),
            logical_locations: vec![LogicalLocation {
                fully_qualified_name: pointer,
                kind: "member",
            }],
        }],
        properties: ResultProperties {
            outcome: finding.outcome.name(),
            decision: finding.level.name(),
            severity: finding.severity,
        },
    }
}

fn notification(level: &'static str, file: &str, message: &str) -> Notification {
    Notification {
        level,
        message: Text {
            text: clean(message, 1000),
        },
        locations: [Location {
            physical_location: physical(file, None),
            logical_locations: Vec::new(),
        }],
    }
}

fn physical(file: &str, place: Option<(usize, usize)>) -> PhysicalLocation {
    PhysicalLocation {
        artifact_location: ArtifactLocation { uri: uri(file) },
        // Code scanning drops a result without a line.
        region: Region {
            start_line: place.map_or(1, |(line, _)| line.max(1)),
            start_column: place.map(|(_, column)| column.max(1)),
        },
    }
}

/// A path as a URI reference: relative unless the path is absolute.
fn uri(path: &str) -> String {
    let path = clean(path, 400);
    let path = if cfg!(windows) {
        path.replace('\\', "/")
    } else {
        path
    };
    let (scheme, path) = if path.starts_with('/') {
        ("file://", path.as_str())
    } else if cfg!(windows) && path.get(1..3) == Some(":/") {
        ("file:///", path.as_str())
    } else {
        let inner = path.strip_prefix("./").unwrap_or(&path);
        ("", inner.trim_start_matches('/'))
    };
    let mut uri = scheme.to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            let digits = [byte >> 4, byte & 15].map(|digit| DIGITS.get(usize::from(digit)));
            uri.push('%');
            uri.extend(digits.into_iter().flatten().copied().map(char::from));
        }
    }
    uri
}

fn descriptor(rule: &'static Rule) -> Descriptor {
    let page = PAGES.iter().find(|(id, _)| *id == rule.id);
    let page = page.map_or("", |(_, page)| *page);
    let level = Profile::Default.level(rule, rule.severity);
    Descriptor {
        id: rule.id,
        name: in_pascal_case(rule.id),
        short_description: Text {
            text: capitalised(rule.summary),
        },
        full_description: Text {
            text: what(page).unwrap_or_else(|| capitalised(rule.summary)),
        },
        help_uri: help_uri(rule),
        help: Help {
            text: rule.help,
            markdown: page,
        },
        default_configuration: Configuration {
            level: level_name(level),
        },
        properties: RuleProperties {
            security_severity: security_severity(rule.severity),
            precision: "high",
            tags: ["security", rule.check.subject().name()],
        },
    }
}

/// What AWS says of the same weakness, where Security Hub has a control for it. The rule's own page
/// is in the log.
fn help_uri(rule: &Rule) -> Option<String> {
    let control = rule.references.security_hub.first()?.to_ascii_lowercase();
    let (service, _) = control.split_once('.')?;
    Some(format!(
        "https://docs.aws.amazon.com/securityhub/latest/userguide/{service}-controls.html#{}",
        control.replace('.', "-")
    ))
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        // Where a rule is off, the policy or a graver case of it has made the finding.
        Level::Off => "note",
    }
}

/// A number within the range that code scanning gives the name to: critical above 9.0, high from
/// 7.0, medium from 4.0, low above 0.0.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

/// The first paragraph of what a page says that its rule finds.
fn what(page: &str) -> Option<String> {
    let lines = page.lines().skip_while(|line| *line != "## What").skip(1);
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

fn in_pascal_case(id: &str) -> String {
    id.split('-').map(capitalised).collect()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
