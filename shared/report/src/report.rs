//! What the program prints: an answer for every input, or why there is none (JSON contract,
//! version 1).

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use tidewaiter_rules::{Finding, Outcome, Subject, Verdict, Waived, conceal};

use crate::clean;

/// The answers to all inputs.
#[derive(Debug, Serialize)]
pub struct Report<T> {
    version: u8,
    /// In the order of the inputs.
    pub results: Vec<T>,
    /// What could not be read.
    pub errors: Vec<Unreadable>,
}

/// An answer that comes to a verdict.
pub trait Judged {
    /// The verdict; `None` where there was nothing to judge.
    fn verdict(&self) -> Option<Verdict>;

    /// What was found and is waived.
    fn waived(&self) -> &[Waived];

    /// What many of them come to, for people; empty where there is nothing to say.
    fn summary(_: &[Self]) -> String
    where
        Self: Sized,
    {
        String::new()
    }

    /// Whether this waiver covers anything in it.
    fn uses(&self, waiver: &str) -> bool {
        self.waived().iter().any(|waived| waived.waiver == waiver)
    }
}

/// A file that could not be read.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// The path as it was given.
    pub file: String,
    /// Why, in one line.
    pub message: String,
}

impl<T> Default for Report<T> {
    fn default() -> Self {
        Self {
            version: 1,
            results: Vec::new(),
            errors: Vec::new(),
        }
    }
}

impl<T: Judged> Report<T> {
    /// The gravest verdict.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.results.iter().filter_map(Judged::verdict);
        verdicts.max().unwrap_or(Verdict::Allow)
    }
}

impl<T: Display + Judged> Display for Report<T> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for result in &self.results {
            write!(out, "{result}")?;
        }
        if self.results.len() > 1 {
            out.write_str(&T::summary(&self.results))?;
        }
        Ok(())
    }
}

/// The findings to be shown: names of containers without what has the form of a secret.
pub(crate) fn shown(mut findings: Vec<Finding>) -> Vec<Finding> {
    for container in findings.iter_mut().filter_map(|f| f.container.as_mut()) {
        *container = conceal::forms(container).into_owned();
    }
    findings
}

/// A subject by kind and name.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    kind: &'static str,
    id: String,
}

impl Named {
    pub(crate) fn of(subject: &Subject) -> Self {
        Self {
            kind: subject.kind().name(),
            id: conceal::forms(&subject.id()).into_owned(),
        }
    }

    /// The name without revision or digest.
    pub(crate) fn stem(&self) -> String {
        let stem = self.id.split(['@', ':']).next().unwrap_or_default();
        clean(stem, 200)
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Takes a resource's name where the subject has none of its own.
    pub(crate) fn name_if_unnamed(&mut self, id: &str) {
        if self.id == "?" {
            self.id = conceal::forms(id).into_owned();
        }
    }
}

/// The line over the findings of a subject.
pub(crate) fn write_title(
    out: &mut Formatter<'_>,
    file: &str,
    subject: &Named,
    verdict: Verdict,
) -> fmt::Result {
    let (file, id) = (clean(file, 400), clean(&subject.id, 400));
    writeln!(out, "{file}: {} {id}: {}", subject.kind, verdict.name())
}

/// The findings, each with its line in the file where that is known.
pub(crate) fn write_findings(
    out: &mut Formatter<'_>,
    findings: &[Finding],
    places: &[Option<(usize, usize)>],
) -> fmt::Result {
    for (index, finding) in findings.iter().enumerate() {
        let outcome = match finding.outcome {
            Outcome::Fail => "",
            Outcome::Unknown => " (unknown)",
        };
        writeln!(
            out,
            "  {:<4} {:<8} {}{outcome} at {}{}",
            finding.level.name(),
            finding.severity,
            finding.rule,
            clean(&finding.pointer, 400),
            match places.get(index) {
                Some(Some((line, column))) => format!(", line {line}, column {column}"),
                _ => String::new(),
            }
        )?;
        writeln!(out, "       {}", clean(&finding.message, 1000))?;
        writeln!(out, "       help: {}", clean(&finding.help, 1000))?;
    }
    Ok(())
}
