//! What `tidewaiter check` says of a file.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use tidewaiter_rules::{Decision, Finding, Subject, Verdict, Waived};

use crate::report::{Judged, Named, write_findings, write_title};

/// The decision about one subject of one file.
#[derive(Debug, Serialize)]
pub struct Checked {
    file: String,
    subject: Named,
    decision: Verdict,
    findings: Vec<Finding>,
    waived: Vec<Waived>,
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

impl Judged for Checked {
    fn verdict(&self) -> Option<Verdict> {
        Some(self.decision)
    }

    fn waived(&self) -> &[Waived] {
        &self.waived
    }
}

impl Display for Checked {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return Ok(());
        }
        write_title(out, &self.file, &self.subject, self.decision)?;
        write_findings(out, &self.findings)
    }
}
