//! What a policy says about images.

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    Policy, Preset,
    form::{Form, choice, mapping, text},
    mistake::{Mistake, Mistakes},
    yaml::Node,
};
use crate::{
    facts::{Epss, ScanSeverity},
    names::quoted,
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
    /// `expired-quarantine`: for how many days an image is in quarantine before it is deleted; `None`
    /// where none is. It follows from the method of the quarantine.
    pub delete_after_days: Option<u16>,
    /// The preset that suppresses findings in kernel packages, where the policy includes it.
    pub of_kernel: Option<&'static Preset>,
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
                critical: Some(Count(30)),
                high: Some(Count(90)),
                ..Days::default()
            },
            scan_minutes: 15,
            delete_after_days: None,
            of_kernel: None,
            suppressions: Vec::new(),
        }
    }
}

impl ImageParameters {
    /// Whether single findings may be left out, which takes more than their number.
    pub(crate) fn leaves_out(&self) -> bool {
        self.of_kernel.is_some() || !self.suppressions.is_empty() || self.grace != Days::default()
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

mapping! {
    /// Days by severity; what is left out has no limit.
    #[derive(Copy, Eq, Default)]
    pub struct Days is "days by severity" {
        /// For critical findings.
        pub critical: Option<Count> = "critical",
        /// For high findings.
        pub high: Option<Count> = "high",
        /// For medium findings.
        pub medium: Option<Count> = "medium",
        /// For low findings.
        pub low: Option<Count> = "low",
    }
}

mapping! {
    /// What the rules about images are told.
    #[derive(Default)]
    pub(super) struct Images is "`images`" {
        /// `vulnerable-image`: the least severity that counts; `high` where nothing is said.
        threshold: Option<Severity> = "threshold",
        /// `vulnerable-image`: whether only findings count that a newer version mends. Basic scanning
        /// never says which do: all of its findings are unknown then.
        fixable_only: Option<Flag> = "fixable-only",
        /// `vulnerable-image`: how many days after it was first seen a finding does not count yet. One
        /// with an exploit counts at once.
        grace_days: Option<Days> = "grace-days",
        /// `exploited-vulnerability`: the least EPSS in percent that counts; 10 where nothing is said.
        exploit_percent: Option<Percent> = "exploit-percent",
        /// `stale-vulnerability`: how many days a finding may stay; 30 for critical and 90 for high ones
        /// where nothing is said.
        stale_days: Option<Days> = "stale-days",
        /// `unscanned-image`: how many minutes after the push a scan may be under way; 15 where nothing is
        /// said.
        scan_minutes: Option<Count> = "scan-minutes",
    }
}

impl Images {
    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Says what it says, and leaves the rest as it is.
    pub(super) fn put_over(&self, images: &mut ImageParameters) {
        fn put<T: Copy, U>(said: Option<T>, over: &mut U, of: fn(T) -> U) {
            if let Some(said) = said {
                *over = of(said);
            }
        }
        put(self.threshold, &mut images.threshold, |least| least);
        put(self.fixable_only, &mut images.fixable_only, |Flag(on)| on);
        put(self.grace_days, &mut images.grace, |days| days);
        let over = &mut images.exploit_probability;
        put(self.exploit_percent, over, |Percent(least)| Some(least));
        put(self.stale_days, &mut images.stale, |days| days);
        put(self.scan_minutes, &mut images.scan_minutes, |Count(of)| of);
    }
}

impl Form for ImageParameters {
    const EXAMPLE: &'static str = <Images as Form>::EXAMPLE;

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = Images::read(node, mistakes)?;
        let mut images = Self::default();
        written.put_over(&mut images);
        Some(images)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        Images::schema(definitions)
    }
}

choice!(
    Severity,
    "severity",
    "a severity",
    [
        ("critical", Self::Critical, "What is critical alone."),
        ("high", Self::High, "What is high or worse."),
        ("medium", Self::Medium, "What is medium or worse."),
        ("low", Self::Low, "What is low or worse."),
        ("info", Self::Info, "Everything."),
    ],
    &[("informational", "info")]
);

/// A whole number that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u32);

impl Form for Count {
    const EXAMPLE: &'static str = "30";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(node, "a number", "`30`", mistakes)?;
        let number = written.parse().map(Self);
        if number.is_err() {
            let message = format!("{} is no whole number", quoted(written));
            mistakes.add(Mistake::new(node.span, message).help("write one such as `30`"));
        }
        number.ok()
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "type": "integer", "minimum": 0 })
    }
}

/// A probability, written in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Percent(Epss);

impl Form for Percent {
    const EXAMPLE: &'static str = "10";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(node, "a percentage", "a number from 0 to 100", mistakes)?;
        let probability = written.parse().ok().and_then(Epss::percent);
        if probability.is_none() {
            let message = format!("{} is no percentage", quoted(written));
            mistakes.add(Mistake::new(node.span, message).help("write a number from 0 to 100"));
        }
        probability.map(Self)
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "type": "integer", "minimum": 0, "maximum": 100 })
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flag(bool);

impl Form for Flag {
    const EXAMPLE: &'static str = "true";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        match text(node, "`true` or `false`", "`true` or `false`", mistakes)? {
            "true" => Some(Self(true)),
            "false" => Some(Self(false)),
            other => {
                let message = format!("{} is neither yes nor no", quoted(other));
                mistakes.add(Mistake::new(node.span, message).help("write `true` or `false`"));
                None
            }
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "type": "boolean" })
    }
}

impl Days {
    /// The days for a severity; there are none for one that says nothing.
    pub const fn of(&self, severity: &ScanSeverity) -> Option<u32> {
        let days = match severity {
            ScanSeverity::Critical => self.critical,
            ScanSeverity::High => self.high,
            ScanSeverity::Medium => self.medium,
            ScanSeverity::Low => self.low,
            _ => None,
        };
        match days {
            Some(Count(days)) => Some(days),
            None => None,
        }
    }
}
