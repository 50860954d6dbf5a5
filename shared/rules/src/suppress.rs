//! Which findings of a scanner do not count, and why. What is taken out is told with its reason.

use std::{borrow::Cow, collections::BTreeMap, collections::BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

use crate::{
    catalogue::ImageReference,
    facts::{Exploit, FindingStatus, Image, Package, Subject, Vulnerability},
    names::Repository,
    policy::{ImageParameters, matches},
};

/// A reason for which findings of one vulnerability do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The name by which reports call it.
    pub id: String,
    /// Where it comes from.
    pub source: Source,
    /// The names of the vulnerability, in any case; one is enough.
    pub vulnerabilities: Vec<String>,
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
    /// The policy's preset for kernels.
    Preset,
    /// The policy's days of grace; only `vulnerable-image` leaves it out.
    Grace,
    /// A suppression rule in Amazon Inspector.
    Scanner,
}

/// Which packages are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagePattern {
    /// A glob on the name, see [`matches`].
    pub name: String,
    /// The version, where only one is meant.
    pub version: Option<String>,
}

/// Which images are meant: every member that is set has to match, and what is not known of an image
/// matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageTarget {
    /// A glob on the repository's name.
    pub repository: Option<String>,
    /// A glob on one of the tags.
    pub tag: Option<String>,
    /// A glob on the digest.
    pub digest: Option<String>,
    /// The repository with its registry, `HOST/NAME`, in any of the forms of ECR's hosts.
    pub location: Option<String>,
    /// The last part of the repository's name.
    pub last_part: Option<String>,
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
    /// The last day on which it does not count, `YYYY-MM-DD`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The id of the policy's preset for kernels.
pub const KERNEL: &str = "preset:kernel";

/// The subject as the rules are to judge it, and what was taken out of it.
pub(crate) fn split<'a>(
    subject: &'a Subject,
    parameters: &ImageParameters,
    at: Option<Timestamp>,
) -> (Cow<'a, Subject>, Vec<Suppressed>) {
    let Subject::Image(image) = subject else {
        return (Cow::Borrowed(subject), Vec::new());
    };
    if image.scan.vulnerabilities.is_empty() {
        return (Cow::Borrowed(subject), Vec::new());
    }
    let (judged, suppressed) = split_image(image, parameters, at);
    let subject = judged.map_or(Cow::Borrowed(subject), |judged| {
        Cow::Owned(Subject::Image(Box::new(judged)))
    });
    (subject, suppressed)
}

/// The image without what is suppressed, `None` where that is nothing, and what is. What is known by
/// its number alone cannot be suppressed.
pub fn split_image(
    image: &Image,
    parameters: &ImageParameters,
    at: Option<Timestamp>,
) -> (Option<Image>, Vec<Suppressed>) {
    let reasons = Reasons::of(image, parameters, at);
    let mut suppressed = Vec::new();
    let mut taken_out = Vec::new();
    for (index, found) in image.scan.vulnerabilities.iter().enumerate() {
        if found.status == FindingStatus::Suppressed {
            suppressed.push(of_scanner(found));
        } else if let Some(reason) = reasons.against(found) {
            suppressed.push(reason);
            taken_out.push(index);
        } else if let Some(end) = grace_end(found, parameters, at) {
            suppressed.push(in_grace(found, end));
        }
    }
    if taken_out.is_empty() {
        return (None, suppressed);
    }
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
    (Some(judged), suppressed)
}

/// The suppressions that took nothing out of any of the images that were judged: they can go, or do
/// not say what they were meant to. `used` are the ids in the decisions.
pub fn unused<'a>(
    suppressions: &'a [Suppression],
    used: &BTreeSet<&str>,
) -> impl Iterator<Item = &'a Suppression> {
    suppressions
        .iter()
        .filter(move |suppression| !used.contains(suppression.id.as_str()))
}

/// What there is against the findings of one image.
struct Reasons<'a> {
    by_name: BTreeMap<String, Vec<&'a Suppression>>,
    ignore_kernel: bool,
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
            ignore_kernel: parameters.ignore_kernel,
        }
    }

    fn against(&self, found: &Vulnerability) -> Option<Suppressed> {
        if !found.is_active() || found.name.is_empty() {
            return None;
        }
        let named = self.by_name.get(&key(&found.name));
        let named = named.and_then(|all| all.iter().find(|one| one.covers_packages_of(found)));
        if let Some(suppression) = named {
            return Some(Suppressed {
                source: suppression.source,
                by: suppression.id.clone(),
                reason: suppression.reason.clone(),
                until: suppression.until.map(|day| day.to_string()),
                ..of(found)
            });
        }
        (self.ignore_kernel && found.is_of_kernel()).then(|| Suppressed {
            source: Source::Preset,
            by: KERNEL.to_owned(),
            reason: "a container runs the kernel of its host, not one of its image".to_owned(),
            ..of(found)
        })
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

impl PackagePattern {
    fn is(&self, package: &Package) -> bool {
        let is_named = package
            .name
            .as_ref()
            .is_some_and(|name| matches(&self.name, name));
        let is_of_version = match (&self.version, &package.version) {
            (None, _) => true,
            (Some(wanted), Some(version)) => {
                let wanted = wanted.strip_prefix("0:").unwrap_or(wanted);
                wanted == version.strip_prefix("0:").unwrap_or(version)
            }
            (Some(_), None) => false,
        };
        is_named && is_of_version
    }
}

impl ImageTarget {
    /// Whether the image is meant.
    pub fn holds(&self, image: &Image) -> bool {
        let name = image.repository.name();
        let is = |glob: &Option<String>, value: &str| {
            glob.as_ref().is_none_or(|glob| matches(glob, value))
        };
        is(&self.repository, name)
            && self
                .tag
                .as_ref()
                .is_none_or(|glob| image.tags.iter().any(|tag| matches(glob, tag)))
            && self.digest.as_ref().is_none_or(|glob| {
                let digest = image.digest.as_ref();
                digest.is_some_and(|digest| matches(glob, digest.as_str()))
            })
            && self
                .last_part
                .as_ref()
                .is_none_or(|part| name.rsplit('/').next() == Some(part))
            && self
                .location
                .as_ref()
                .is_none_or(|location| is_at(&image.repository, location))
    }
}

/// Whether `HOST/NAME` is this repository.
fn is_at(repository: &Repository, location: &str) -> bool {
    let Some(reference) = ImageReference::parse(location) else {
        return false;
    };
    let place = repository.place();
    reference.ecr_account() == Some(place.account())
        && reference
            .host
            .split('.')
            .any(|label| label == place.region())
        && reference.repository == repository.name()
        && reference.tag.is_none()
        && reference.digest.is_none()
}

#[cfg(test)]
mod tests;
