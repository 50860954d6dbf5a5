//! Findings of a scanner that do not count: listed, never hidden.

use std::fmt::{self, Formatter};

use serde::Serialize;
use tidewaiter_rules::suppress::{RULES, Suppressed};

use crate::clean;

/// How many an alert carries; the message must stay under SNS's 256 KiB.
const MOST: usize = 25;

/// How many a text for people names.
const NAMED: usize = 10;

/// What does not count, in an alert.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct AlertSuppressed {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressed: Vec<Suppressed>,
    /// How many were left out.
    #[serde(skip_serializing_if = "is_zero")]
    more_suppressed: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl AlertSuppressed {
    pub(crate) fn of(all: &[Suppressed]) -> Self {
        Self {
            suppressed: all.iter().take(MOST).map(cleaned).collect(),
            more_suppressed: all.len().saturating_sub(MOST),
        }
    }

    /// The part of the text that is about them.
    pub(crate) fn write(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let number = self.suppressed.len().saturating_add(self.more_suppressed);
        if number == 0 {
            return Ok(());
        }
        writeln!(out, "\nSuppressed: {number}")?;
        lines(out, &self.suppressed, number)
    }
}

/// What does not count, in a text.
pub(crate) fn write(out: &mut Formatter<'_>, all: &[Suppressed]) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "  suppressed: {}", all.len())?;
    let first: Vec<Suppressed> = all.iter().take(NAMED).map(cleaned).collect();
    lines(out, &first, all.len())
}

fn lines(out: &mut Formatter<'_>, first: &[Suppressed], number: usize) -> fmt::Result {
    for one in first.iter().take(NAMED) {
        write!(out, "  {} {}", one.severity, one.vulnerability)?;
        if let Some(package) = &one.package {
            write!(out, " in {package}")?;
        }
        write!(out, ", by {}", one.by)?;
        if let Some(until) = &one.until {
            write!(out, " until {until}")?;
        }
        if one.rules.len() < RULES.len() {
            write!(out, ", for {}", one.rules.join(", "))?;
        }
        writeln!(out, ": {}", one.reason)?;
    }
    let more = number.saturating_sub(NAMED);
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    Ok(())
}

fn cleaned(one: &Suppressed) -> Suppressed {
    Suppressed {
        vulnerability: clean(&one.vulnerability, 100),
        package: one.package.as_deref().map(|package| clean(package, 200)),
        severity: clean(&one.severity, 40),
        source: one.source,
        by: clean(&one.by, 100),
        reason: clean(&one.reason, 300),
        rules: one.rules.clone(),
        until: one.until.clone(),
    }
}
