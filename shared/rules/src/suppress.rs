//! Which findings of a scanner do not count, and why. What is taken out is told with its reason.

mod target;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

pub use target::{ImageTarget, PackagePattern};

use crate::{
    facts::{Exploit, FindingStatus, Image, Package, Subject, Vulnerability},
    policy::{ImageParameters, Preset, Waiver},
};

/// A reason for which findings of some vulnerabilities do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The name by which reports call it.
    pub id: String,
    /// Where it comes from.
    pub source: Source,
    /// The names of vulnerabilities, in any case; one is enough.
    pub vulnerabilities: Vec<String>,
    /// The rules for which they do not count; empty for all about vulnerabilities.
    pub rules: Vec<&'static str>,
    /// In which packages; every package of a finding has to be one of these. Empty for any.
    pub packages: Vec<PackagePattern>,
    /// In which images.
    pub target: ImageTarget,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, UTC; `None` where it has no end.
    pub until: Option<Date>,
}

/// Where the reason for a suppression comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A waiver in the policy.
    Waiver,
    /// A statement of an OpenVEX document.
    Vex,
    /// A preset that the policy includes.
    Preset,
    /// The policy's days of grace.
    Grace,
    /// A suppression rule in Amazon Inspector.
    Scanner,
}

/// A finding that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// The vulnerability, usually a CVE id.
    pub vulnerability: String,
    /// The packages that have it, with their versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// How bad the scanner says it is, as the scanner spells it.
    pub severity: String,
    /// Where the reason comes from.
    pub source: Source,
    /// The suppression's id.
    pub by: String,
    /// Why it does not count.
    pub reason: String,
    /// The rules for which it does not count.
    pub rules: Vec<&'static str>,
    /// The last day on which it does not count, `YYYY-MM-DD`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The rules about vulnerabilities: what is suppressed, is for these.
pub const RULES: &[&str] = &[
    "vulnerable-image",
    "exploited-vulnerability",
    "stale-vulnerability",
];

/// The one of them that days of grace are for.
const OF_GRACE: &str = "vulnerable-image";

/// A subject as each rule is to judge it.
pub(crate) struct Split<'a> {
    subject: &'a Subject,
    /// What rules judge in its place from which something was taken out for them.
    judged: Vec<Judged>,
    /// What was taken out, or would not count for a rule.
    pub(crate) suppressed: Vec<Suppressed>,
}

/// A subject without what is suppressed for these rules.
struct Judged {
    rules: Vec<&'static str>,
    taken_out: Vec<usize>,
    subject: Subject,
}

impl Split<'_> {
    /// The subject as this rule is to judge it.
    pub(crate) fn subject(&self, rule: &str) -> &Subject {
        let mut judged = self.judged.iter();
        let judged = judged.find(|judged| judged.rules.contains(&rule));
        judged.map_or(self.subject, |judged| &judged.subject)
    }
}

/// Takes out of an image what is suppressed, rule by rule. What is known by its number alone cannot
/// be suppressed.
pub(crate) fn split<'a>(
    subject: &'a Subject,
    parameters: &ImageParameters,
    at: Option<Timestamp>,
) -> Split<'a> {
    let mut split = Split {
        subject,
        judged: Vec::new(),
        suppressed: Vec::new(),
    };
    let Subject::Image(image) = subject else {
        return split;
    };
    if image.scan.vulnerabilities.is_empty() {
        return split;
    }
    let reasons = Reasons::of(image, parameters, at);
    let mut taken_out: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
    for (index, found) in image.scan.vulnerabilities.iter().enumerate() {
        if found.status == FindingStatus::Suppressed {
            split.suppressed.push(of_scanner(found));
            continue;
        }
        let against = reasons.against(found);
        for rule in RULES.iter().filter(|rule| against.has(rule)) {
            taken_out.entry(rule).or_default().push(index);
        }
        if let Some(end) = grace_end(found, parameters, at)
            && !against.has(OF_GRACE)
        {
            split.suppressed.push(in_grace(found, end));
        }
        split.suppressed.extend(against.0);
    }
    for (rule, taken_out) in taken_out {
        let mut judged = split.judged.iter_mut();
        match judged.find(|judged| judged.taken_out == taken_out) {
            Some(same) => same.rules.push(rule),
            None => split.judged.push(Judged {
                rules: vec![rule],
                subject: Subject::Image(Box::new(without(image, &taken_out))),
                taken_out,
            }),
        }
    }
    split
}

/// The image without the findings at these indices, which ascend.
fn without(image: &Image, taken_out: &[usize]) -> Image {
    let mut judged = image.clone();
    let mut out = taken_out.iter().peekable();
    let mut index = 0_usize;
    let counts = &mut judged.scan.counts;
    judged.scan.vulnerabilities.retain(|found| {
        let is_out = out.next_if(|next| **next == index).is_some();
        index = index.saturating_add(1);
        if is_out && let Some(count) = counts.get_mut(&found.severity) {
            *count = count.saturating_sub(1);
        }
        !is_out
    });
    judged.scan.suppressed = u64::try_from(taken_out.len()).unwrap_or(u64::MAX);
    judged
}

/// The names of vulnerabilities that a waiver has and that it took out of none of the images that
/// were judged: they can go, or are misspelt. `suppressed` is all that was.
pub fn unused<'a, 's>(
    waiver: &'a Waiver,
    suppressed: impl IntoIterator<Item = &'s Suppressed>,
) -> Vec<&'a str> {
    let suppressed = suppressed.into_iter();
    let of_waiver = suppressed.filter(|one| one.source == Source::Waiver && one.by == waiver.id);
    let used: BTreeSet<String> = of_waiver.map(|one| key(&one.vulnerability)).collect();
    let names = waiver.vulnerabilities().iter().map(String::as_str);
    names.filter(|name| !used.contains(&key(name))).collect()
}

/// What there is against the findings of one image.
struct Reasons<'a> {
    by_name: BTreeMap<String, Vec<&'a Suppression>>,
    of_kernel: Option<&'static Preset>,
}

impl<'a> Reasons<'a> {
    fn of(image: &Image, parameters: &'a ImageParameters, at: Option<Timestamp>) -> Self {
        let mut by_name: BTreeMap<String, Vec<&Suppression>> = BTreeMap::new();
        for suppression in &parameters.suppressions {
            if suppression.has_ended(at) || !suppression.target.holds(image) {
                continue;
            }
            for name in &suppression.vulnerabilities {
                by_name.entry(key(name)).or_default().push(suppression);
            }
        }
        Self {
            by_name,
            of_kernel: parameters.of_kernel,
        }
    }

    fn against(&self, found: &Vulnerability) -> Against {
        let mut against = Against::default();
        if !found.is_active() || found.name.is_empty() {
            return against;
        }
        let named = self.by_name.get(&key(&found.name));
        let mut named: Vec<&Suppression> = named
            .into_iter()
            .flatten()
            .filter(|one| one.covers_packages_of(found))
            .copied()
            .collect();
        // The one that holds longest is named, so that the order in the policy means nothing.
        named.sort_by_key(|one| Reverse((one.until.unwrap_or(Date::MAX), &one.id)));
        for suppression in named {
            against.add(&suppression.rules, || Suppressed {
                source: suppression.source,
                by: suppression.id.clone(),
                reason: suppression.reason.clone(),
                until: suppression.until.map(|day| day.to_string()),
                ..of(found)
            });
        }
        if let Some(preset) = self.of_kernel
            && found.is_of_kernel()
        {
            for grant in preset.grants {
                against.add(&[grant.rule], || Suppressed {
                    source: Source::Preset,
                    by: preset.id(),
                    reason: grant.reason.to_owned(),
                    ..of(found)
                });
            }
        }
        against
    }
}

/// What there is against one finding, each with the rules that it is for.
#[derive(Default)]
struct Against(Vec<Suppressed>);

impl Against {
    fn has(&self, rule: &str) -> bool {
        self.0.iter().any(|one| one.is_for(rule))
    }

    /// Adds what is against the finding for those of the rules for which nothing is yet. No rules
    /// are all.
    fn add(&mut self, rules: &[&'static str], suppressed: impl FnOnce() -> Suppressed) {
        let rules = if rules.is_empty() { RULES } else { rules };
        let new = rules.iter().copied().filter(|rule| !self.has(rule));
        let new: Vec<&'static str> = new.collect();
        if new.is_empty() {
            return;
        }
        let suppressed = suppressed();
        let same =
            |one: &&mut Suppressed| one.source == suppressed.source && one.by == suppressed.by;
        match self.0.iter_mut().find(same) {
            Some(one) => one.rules.extend(new),
            None => self.0.push(Suppressed {
                rules: new,
                ..suppressed
            }),
        }
    }
}

fn key(name: &str) -> String {
    name.trim().to_ascii_uppercase()
}

fn of(found: &Vulnerability) -> Suppressed {
    Suppressed {
        vulnerability: found.name.clone(),
        package: found.package_names(),
        severity: found.severity.name().to_owned(),
        source: Source::Scanner,
        by: String::new(),
        reason: String::new(),
        rules: RULES.to_vec(),
        until: None,
    }
}

fn of_scanner(found: &Vulnerability) -> Suppressed {
    Suppressed {
        by: "inspector".to_owned(),
        reason: "a suppression rule in Amazon Inspector".to_owned(),
        ..of(found)
    }
}

fn in_grace(found: &Vulnerability, end: Timestamp) -> Suppressed {
    Suppressed {
        source: Source::Grace,
        by: "grace".to_owned(),
        rules: vec![OF_GRACE],
        reason: format!(
            "the policy gives time for findings of severity {}",
            found.severity.name()
        ),
        until: Some(day(end).to_string()),
        ..of(found)
    }
}

fn day(time: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(time).date()
}

/// So many days.
pub(crate) fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days).saturating_mul(24))
}

/// When the days of grace of this finding end, if they have not by `at`. Neither a finding that can
/// be exploited already has any, nor one of which nobody knows since when it is there.
pub(crate) fn grace_end(
    found: &Vulnerability,
    parameters: &ImageParameters,
    at: Option<Timestamp>,
) -> Option<Timestamp> {
    let grace = parameters.grace.of(&found.severity)?;
    if found.exploit == Exploit::Available || !found.is_active() {
        return None;
    }
    let end = found.first_seen?.checked_add(days(grace)).ok()?;
    (at? < end).then_some(end)
}

impl Suppressed {
    /// Whether it does not count for this rule.
    pub fn is_for(&self, rule: &str) -> bool {
        self.rules.contains(&rule)
    }
}

impl Suppression {
    /// Whether it has ended by `at`. A moment that nobody knows ends none.
    pub fn has_ended(&self, at: Option<Timestamp>) -> bool {
        match (self.until, at) {
            (Some(until), Some(at)) => day(at) > until,
            _ => false,
        }
    }

    /// Whether it is for every package that has the vulnerability.
    fn covers_packages_of(&self, found: &Vulnerability) -> bool {
        if self.packages.is_empty() {
            return true;
        }
        let is_meant = |package: &Package| self.packages.iter().any(|p| p.is(package));
        !found.has_more_packages
            && !found.packages.is_empty()
            && found.packages.iter().all(is_meant)
    }
}

#[cfg(test)]
mod tests;
