//! What the doctor says.

use std::fmt::{self, Display};

use serde::Serialize;

use super::Patient;
use crate::Status;

/// How something stands; the worse, the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::account) enum Standing {
    /// As it should be.
    Ok,
    /// Worth to know, and no reason to do anything at once.
    Warning,
    /// It could not be read.
    Unknown,
    /// Something has to be done.
    Problem,
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "cannot tell",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::account) struct Check {
    /// Which check, such as `rules`; docs/doctor.md has a section for each.
    pub(in crate::account) check: &'static str,
    pub(in crate::account) standing: Standing,
    /// What was looked at, such as the logical id of a resource.
    pub(in crate::account) subject: String,
    /// What was found.
    pub(in crate::account) found: String,
    /// Why that matters; empty where all is well.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::account) why: &'static str,
    /// The commands that set it right, one after the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::account) fix: Vec<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::account) struct Report {
    version: u8,
    stack: String,
    account: String,
    region: String,
    problems: usize,
    unknown: usize,
    warnings: usize,
    pub(in crate::account) checks: Vec<Check>,
}

impl Report {
    pub(in crate::account) fn of(patient: &Patient<'_>) -> Self {
        let home = patient.account.clients().home();
        Self {
            version: 1,
            stack: patient.stack.name.clone(),
            account: home.account().to_owned(),
            region: home.region().to_owned(),
            problems: 0,
            unknown: 0,
            warnings: 0,
            checks: Vec::new(),
        }
    }

    /// Adds what was found.
    pub(in crate::account) fn add(&mut self, check: Check) {
        match check.standing {
            Standing::Ok => {}
            Standing::Warning => self.warnings += 1,
            Standing::Unknown => self.unknown += 1,
            Standing::Problem => self.problems += 1,
        }
        self.checks.push(check);
    }

    /// What the program ends with: 1 where there is a problem, 2 where there is none and something could
    /// not be read.
    pub(in crate::account) fn status(&self) -> Status {
        match (self.problems, self.unknown) {
            (0, 0) => Status::Allowed,
            (0, _) => Status::Unusable,
            _ => Status::Denied,
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "stack {}, account {}, {}",
            self.stack, self.account, self.region
        )?;
        let mut checks: Vec<&Check> = self.checks.iter().collect();
        checks.sort_by_key(|check| std::cmp::Reverse(check.standing));
        for check in checks {
            writeln!(
                f,
                "  {:<12}{:<11}{}: {}",
                check.standing.name(),
                check.check,
                check.subject,
                check.found
            )?;
            if !check.why.is_empty() {
                writeln!(f, "    why: {}", check.why)?;
            }
            for command in &check.fix {
                writeln!(f, "    fix: {command}")?;
            }
        }
        writeln!(
            f,
            "{} problems, {} that cannot be told, {} warnings, {} checks",
            self.problems,
            self.unknown,
            self.warnings,
            self.checks.len()
        )
    }
}
