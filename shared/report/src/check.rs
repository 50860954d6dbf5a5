//! What `tidewaiter check` prints (JSON contract, version 1).

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use tidewaiter_rules::{Decision, Finding, Outcome, Subject, Verdict, Waived};

use crate::clean;

/// Every file's answer, and every file that had none.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u8,
    /// In the order of the files.
    pub results: Vec<Checked>,
    /// What could not be checked.
    pub errors: Vec<Unreadable>,
}

/// The decision about one subject of one file.
#[derive(Debug, Serialize)]
pub struct Checked {
    file: String,
    subject: Named,
    decision: Verdict,
    findings: Vec<Finding>,
    waived: Vec<Waived>,
}

/// A subject by kind and name.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
}

/// A file that could not be checked.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// The path as it was given.
    pub file: String,
    /// Why, in one line.
    pub message: String,
}

impl Named {
    pub(crate) fn of(subject: &Subject) -> Self {
        Self {
            kind: subject.kind().name(),
            id: subject.id(),
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self {
            version: 1,
            results: Vec::new(),
            errors: Vec::new(),
        }
    }
}

impl Report {
    /// The gravest decision.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.results.iter().map(|checked| checked.decision);
        verdicts.max().unwrap_or(Verdict::Allow)
    }
}

impl Checked {
    /// The decision about `subject`, which `file` holds.
    pub fn new(file: String, subject: &Subject, decision: Decision) -> Self {
        Self {
            file,
            subject: Named::of(subject),
            decision: decision.verdict,
            findings: decision.findings,
            waived: decision.waived,
        }
    }
}

impl Display for Checked {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "{}: {} {}: {}",
            clean(&self.file, 400),
            self.subject.kind,
            clean(&self.subject.id, 400),
            self.decision.name()
        )?;
        write_findings(out, &self.findings)
    }
}

pub(crate) fn write_findings(out: &mut Formatter<'_>, findings: &[Finding]) -> fmt::Result {
    for finding in findings {
        let outcome = match finding.outcome {
            Outcome::Fail => "",
            Outcome::Unknown => " (unknown)",
        };
        writeln!(
            out,
            "  {:<4} {:<8} {}{outcome} at {}",
            finding.level.name(),
            finding.severity,
            finding.rule,
            clean(&finding.pointer, 400)
        )?;
        writeln!(out, "       {}", clean(&finding.message, 1000))?;
        writeln!(out, "       help: {}", clean(&finding.help, 1000))?;
    }
    Ok(())
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for checked in &self.results {
            write!(out, "{checked}")?;
        }
        Ok(())
    }
}
