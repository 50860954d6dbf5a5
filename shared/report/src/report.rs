//! What the program prints: an answer for every input, or why there is none (JSON contract,
//! version 1).

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use tidewaiter_rules::{Finding, Subject, Verdict, Waived, conceal, suppress::Suppressed};

use crate::clean;

/// The answers to all inputs.
#[derive(Debug, Serialize)]
pub struct Report<T> {
    version: u8,
    /// In the order of the inputs.
    pub results: Vec<T>,
    /// What could not be read.
    pub errors: Vec<Unreadable>,
    /// What was read and may hold more than was judged.
    pub notes: Vec<Note>,
}

/// An answer that comes to a verdict.
pub trait Judged {
    /// The verdict; `None` where there was nothing to judge.
    fn verdict(&self) -> Option<Verdict>;

    /// What was found and is waived.
    fn waived(&self) -> &[Waived];

    /// What of a scanner's findings does not count; `None` where no such findings are known.
    fn suppressed(&self) -> Option<&[Suppressed]> {
        None
    }

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

/// Something that a file or folder may hold and that was not judged.
#[derive(Debug, Serialize)]
pub struct Note {
    /// The path as it was given.
    pub file: String,
    /// What was not judged and why, in one line.
    pub message: String,
}

impl<T> Default for Report<T> {
    fn default() -> Self {
        Self {
            version: 1,
            results: Vec::new(),
            errors: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl<T> Report<T> {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty() && self.errors.is_empty() && self.notes.is_empty()
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
            kind: subject.kind_name(),
            id: conceal::forms(&subject.id()).into_owned(),
        }
    }

    /// The name without revision, cluster or digest.
    pub(crate) fn stem(&self) -> String {
        let stem = self.id.split(['@', ':', ' ']).next().unwrap_or_default();
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
