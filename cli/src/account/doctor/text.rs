//! The report for people: what is wrong first, and what is well in one line each check.

use std::fmt::{self, Display, Formatter};

use super::report::{Check, Report, Standing};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stack {}, account {}, {}",
            self.stack, self.account, self.region
        )?;
        match &self.mode {
            Some(mode) => writeln!(f, ", mode {mode}")?,
            None => writeln!(f)?,
        }
        let of = |standing| {
            self.checks
                .iter()
                .filter(move |one| one.standing == standing)
        };
        for standing in [Standing::Problem, Standing::CannotTell, Standing::Warning] {
            for check in of(standing) {
                writeln!(f)?;
                told(f, check)?;
            }
        }
        writeln!(f)?;
        let mut well: Vec<(&str, Vec<&Check>)> = Vec::new();
        for check in of(Standing::Ok) {
            match well.iter_mut().find(|(name, _)| *name == check.check) {
                Some((_, checks)) => checks.push(check),
                None => well.push((check.check, vec![check])),
            }
        }
        for (name, checks) in &well {
            match checks.as_slice() {
                [only] => writeln!(
                    f,
                    "ok           {name:<13} {}: {}",
                    only.subject, only.found
                )?,
                all => writeln!(f, "ok           {name:<13} {}", together(all))?,
            }
        }
        let unread = match self.cannot_tell {
            0 => String::new(),
            count => format!(", {count} that cannot be told"),
        };
        writeln!(
            f,
            "{}{unread}, {}; {} of {} checks are well",
            counted(self.problems, "problem"),
            counted(self.warnings, "warning"),
            of(Standing::Ok).count(),
            self.checks.len(),
        )?;
        Ok(())
    }
}

fn told(f: &mut Formatter<'_>, check: &Check) -> fmt::Result {
    let standing = match check.standing {
        Standing::Ok => "ok",
        Standing::Warning => "warning",
        Standing::CannotTell => "cannot tell",
        Standing::Problem => "problem",
    };
    writeln!(
        f,
        "{standing:<12} {:<13} {}: {}",
        check.check, check.subject, check.found
    )?;
    if !check.why.is_empty() {
        writeln!(f, "             {:<13} {}", "why", check.why)?;
    }
    for (index, command) in check.fix.iter().enumerate() {
        let label = if index == 0 { "fix" } else { "then" };
        writeln!(f, "             {label:<13} {command}")?;
    }
    Ok(())
}

/// Several that are well: what they have in common, or how many they are.
fn together(checks: &[&Check]) -> String {
    let first = checks.first().map_or("", |check| check.found.as_str());
    if checks.iter().all(|check| check.found == first) {
        format!("all {}: {first}", checks.len())
    } else {
        let all = checks.iter();
        let all: Vec<String> = all
            .map(|check| format!("{}: {}", check.subject, check.found))
            .collect();
        all.join("\n                           ")
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
