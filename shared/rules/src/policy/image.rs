//! What a policy says about images.

use super::Policy;
use crate::{
    facts::{Epss, ScanSeverity},
    severity::Severity,
    suppress::Suppression,
};

/// Parameters of the rules about images.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageParameters {
    /// `vulnerable-image`: the least severity that counts.
    pub threshold: Severity,
    /// `vulnerable-image`: whether only that counts which a newer version mends. What the scanner
    /// does not say is unknown then; basic scanning never says.
    pub fixable_only: bool,
    /// `vulnerable-image`: how long after it was first seen a finding does not count yet. One with
    /// an exploit counts at once, and so does one of which nobody knows when it was first seen.
    pub grace: Days,
    /// `exploited-vulnerability`: the least probability of exploitation within 30 days (EPSS) that
    /// counts; `None` lets exploits alone count. One in ten by default: nearly all vulnerabilities
    /// are far below it, and at one in two most of those that are exploited in the end are missed.
    pub exploit_probability: Option<Epss>,
    /// `stale-vulnerability`: how long a finding may stay. By default a month for critical ones and a
    /// quarter for high ones, which is what PCI DSS 6.3.3 asks for.
    pub stale: Days,
    /// `unscanned-image`: how long after the push a scan may be under way, in minutes.
    pub scan_minutes: u32,
    /// Whether findings in kernel packages alone are suppressed: a container runs its host's kernel.
    pub ignore_kernel: bool,
    /// Findings that do not count, from waivers and VEX documents.
    pub suppressions: Vec<Suppression>,
}

impl Default for ImageParameters {
    fn default() -> Self {
        Self {
            threshold: Severity::High,
            fixable_only: false,
            grace: Days::default(),
            exploit_probability: Epss::percent(10),
            stale: Days {
                critical: Some(30),
                high: Some(90),
                ..Days::default()
            },
            scan_minutes: 15,
            ignore_kernel: false,
            suppressions: Vec::new(),
        }
    }
}

impl ImageParameters {
    /// Whether single findings may be left out, which takes more than their number.
    pub(crate) fn leaves_out(&self) -> bool {
        self.ignore_kernel || !self.suppressions.is_empty() || self.grace != Days::default()
    }
}

impl Policy {
    /// The same policy with these parameters for images, to which a caller adds what documents beside
    /// the file suppress.
    #[must_use]
    pub fn with_images(mut self, images: ImageParameters) -> Self {
        self.parameters.image = images;
        self
    }
}

/// Days by severity; `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days {
    /// For critical findings.
    pub critical: Option<u32>,
    /// For high findings.
    pub high: Option<u32>,
    /// For medium findings.
    pub medium: Option<u32>,
    /// For low findings.
    pub low: Option<u32>,
}

impl Days {
    /// The days for a severity; there are none for one that says nothing.
    pub const fn of(&self, severity: &ScanSeverity) -> Option<u32> {
        match severity {
            ScanSeverity::Critical => self.critical,
            ScanSeverity::High => self.high,
            ScanSeverity::Medium => self.medium,
            ScanSeverity::Low => self.low,
            _ => None,
        }
    }
}
