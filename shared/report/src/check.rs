//! What `tidewaiter check` says of a file.

use serde::Serialize;
use tidewaiter_rules::{Decision, Finding, Level, Outcome, Subject, Verdict, Waived};

use crate::report::{Judged, Named, shown};

/// The decision about one subject of one file.
#[derive(Debug, Serialize)]
pub struct Checked {
    pub(crate) file: String,
    pub(crate) subject: Named,
    pub(crate) decision: Verdict,
    pub(crate) findings: Vec<Finding>,
    pub(crate) waived: Vec<Waived>,
    /// Where each finding stands in the file: line and column, from 1.
    #[serde(skip)]
    pub(crate) places: Vec<Option<(usize, usize)>>,
}

impl Checked {
    /// The decision about `subject`, which `file` holds.
    pub fn new(file: String, subject: &Subject, decision: Decision) -> Self {
        Self {
            file,
            subject: Named::of(subject),
            decision: decision.verdict,
            findings: shown(decision.findings),
            waived: decision.waived,
            places: Vec::new(),
        }
    }

    /// The same, of a resource of a template: `id` names the subject where it has no name of its
    /// own, and `locate` finds a pointer's line and column in the file.
    #[must_use]
    pub fn of_resource(
        mut self,
        id: &str,
        locate: impl Fn(&str) -> Option<(usize, usize)>,
    ) -> Self {
        self.subject.name_if_unnamed(id);
        let pointers = self.findings.iter().map(|finding| finding.pointer.as_str());
        self.places = pointers.map(locate).collect();
        self
    }

    /// The same, with the line and column of each finding's pointer, all of them asked for at once.
    /// Where nothing was found, nothing is asked.
    #[must_use]
    pub fn at(mut self, locate: impl FnOnce(&[&str]) -> Vec<Option<(usize, usize)>>) -> Self {
        let pointers = self.findings.iter().map(|finding| finding.pointer.as_str());
        let pointers: Vec<&str> = pointers.collect();
        if !pointers.is_empty() {
            self.places = locate(&pointers);
        }
        self
    }

    /// Whether a finding is why the subject is denied. What cannot be known is only where the policy
    /// counts it so, which shows where nothing else denies.
    pub(crate) fn denies(&self, finding: &Finding) -> bool {
        let fails =
            |finding: &Finding| finding.level == Level::Deny && finding.outcome == Outcome::Fail;
        fails(finding)
            || self.decision == Verdict::Deny
                && finding.level == Level::Deny
                && !self.findings.iter().any(fails)
    }

    /// The line and column of a finding, where they are known.
    pub(crate) fn place(&self, index: usize) -> Option<(usize, usize)> {
        self.places.get(index).copied().flatten()
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
