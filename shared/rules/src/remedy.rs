//! What a rebuild of an image would do about the vulnerabilities that a finding is about.

use serde::Serialize;

use crate::facts::{Exploit, Fix, Vulnerability};

/// How far newer packages mend what a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Remedy {
    /// How many vulnerabilities the finding is about.
    pub total: u64,
    /// How many of them newer versions mend.
    pub fixable: u64,
    /// How many of them newer versions mend in some of their packages.
    pub partly_fixable: u64,
    /// Of how many of them nobody says whether there is a fix.
    pub unknown: u64,
    /// The worst of those whose details are known.
    pub worst: Vec<Affected>,
}

/// A vulnerability and what there is against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// The vulnerability, usually a CVE id.
    pub vulnerability: String,
    /// How bad the scanner says it is, as the scanner spells it.
    pub severity: String,
    /// The first package that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The version of the package in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed: Option<String>,
    /// The version of the package that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_in: Option<String>,
    /// Whether there is a fix: `available`, `partial`, `unavailable` or `unknown`.
    pub fix: &'static str,
    /// Whether an exploit is known to be available.
    pub has_exploit: bool,
}

impl Remedy {
    /// How many vulnerabilities are told one by one.
    const TOLD: usize = 10;

    /// What there is against these, worst first, and against so many of which only the number is
    /// known.
    pub(crate) fn of<'a>(
        found: impl IntoIterator<Item = &'a Vulnerability>,
        by_count: u64,
    ) -> Self {
        let mut remedy = Self {
            total: by_count,
            unknown: by_count,
            ..Self::default()
        };
        for vulnerability in found {
            remedy.add(vulnerability);
        }
        remedy
    }

    /// Adds one that is no worse than those before it.
    pub(crate) fn add(&mut self, found: &Vulnerability) {
        let count_one = |count: &mut u64| *count = count.saturating_add(1);
        count_one(&mut self.total);
        match found.fix {
            Fix::Available => count_one(&mut self.fixable),
            Fix::Partial => count_one(&mut self.partly_fixable),
            Fix::Unknown => count_one(&mut self.unknown),
            Fix::Unavailable => {}
        }
        if self.worst.len() < Self::TOLD {
            self.worst.push(Affected::of(found));
        }
    }

    /// Adds so many of which only the number is known.
    pub(crate) fn add_by_count(&mut self, number: u64) {
        self.total = self.total.saturating_add(number);
        self.unknown = self.unknown.saturating_add(number);
    }

    /// How many have a fix, in a few words for the end of a clause; nothing where nobody says.
    pub(crate) fn told(&self) -> String {
        if self.unknown == self.total {
            return String::new();
        }
        match (self.fixable, self.total) {
            (1, 1) => ", with a fix".to_owned(),
            (0, 1) if self.partly_fixable == 0 => ", without a fix".to_owned(),
            (fixable, total) if fixable == total => ", all with a fix".to_owned(),
            (0, _) => ", none with a whole fix".to_owned(),
            (fixable, _) => format!(", {fixable} with a fix"),
        }
    }
}

impl Affected {
    fn of(found: &Vulnerability) -> Self {
        let mut fixed = found.packages.iter().filter(|p| p.fixed_in.is_some());
        let package = fixed.next().or_else(|| found.packages.first());
        Self {
            vulnerability: found.name.clone(),
            severity: found.severity.name().to_owned(),
            package: package.and_then(|package| package.name.clone()),
            installed: package.and_then(|package| package.version.clone()),
            fixed_in: package.and_then(|package| package.fixed_in.clone()),
            fix: match found.fix {
                Fix::Available => "available",
                Fix::Partial => "partial",
                Fix::Unknown => "unknown",
                Fix::Unavailable => "unavailable",
            },
            has_exploit: found.exploit == Exploit::Available,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Fix::{Available, Partial, Unavailable, Unknown},
        *,
    };
    use crate::facts::ScanSeverity;

    #[test]
    fn how_many_have_a_fix_is_told_in_a_few_words() {
        let of = |fixes: &[Fix], by_count: u64| {
            let found: Vec<Vulnerability> = fixes
                .iter()
                .map(|fix| Vulnerability {
                    fix: *fix,
                    ..Vulnerability::new("CVE-2026-1234", ScanSeverity::High)
                })
                .collect();
            Remedy::of(&found, by_count).told()
        };
        for (fixes, by_count, told) in [
            (&[Available][..], 0, ", with a fix"),
            (&[Unavailable], 0, ", without a fix"),
            (&[Partial], 0, ", none with a whole fix"),
            (&[Unknown], 0, ""),
            (&[], 3, ""),
            (&[Available, Available], 0, ", all with a fix"),
            (&[Available, Unavailable], 0, ", 1 with a fix"),
            (&[Unavailable, Unavailable], 0, ", none with a whole fix"),
            (&[Available], 1, ", 1 with a fix"),
        ] {
            assert_eq!(of(fixes, by_count), told, "{fixes:?} {by_count}");
        }
    }
}
