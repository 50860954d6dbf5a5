//! A scanned image of a private ECR repository.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Surroundings, Vulnerability};
use crate::{
    names::{Digest, Repository},
    severity::Severity,
};

/// An image and the result of its scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The repository.
    pub repository: Repository,
    /// The digest that was scanned; AWS leaves it out of some events.
    pub digest: Option<Digest>,
    /// The tags at the time of the scan; often none, because scans are of platform manifests.
    pub tags: Vec<String>,
    /// When it was pushed, where that is known.
    pub pushed_at: Option<Timestamp>,
    /// Whether somebody has just taken it out of the archive.
    pub is_restored: bool,
    /// The quarantine that it is in, as the ledger has it; `None` where it is in none, was released, or
    /// nobody asked.
    pub quarantine: Option<Quarantine>,
    /// The result.
    pub scan: Scan,
    /// What it belongs with and where it runs; not known until it is asked for.
    pub surroundings: Surroundings,
}

impl Image {
    /// `REPOSITORY@DIGEST`, or the repository alone where the digest is not known.
    pub fn id(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository.name()),
            None => self.repository.name().to_owned(),
        }
    }
}

/// A quarantine that holds, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// The repository that it holds for, where that is another one.
    pub elsewhere: Option<Repository>,
    /// Whether nobody has been told of it: who put the image there was ended before.
    pub is_untold: bool,
}

/// The result of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Who scanned.
    pub scanner: Scanner,
    /// How far the scan has come.
    pub state: ScanState,
    /// What AWS says beside the state, where it does.
    pub description: Option<String>,
    /// Findings by severity that count, all of them. A severity that is not here has none.
    pub counts: BTreeMap<ScanSeverity, u64>,
    /// The findings with their details, worst first; not always all of them, see [`Scan::KEPT`].
    /// Those that the scanner itself suppresses are here, and not in the counts.
    pub vulnerabilities: Vec<Vulnerability>,
    /// How many findings are listed beyond those that the scanner counts.
    pub uncounted: u64,
    /// How many findings have been taken out of the counts and the list because the policy
    /// suppresses them.
    pub suppressed: u64,
}

impl Scan {
    /// How many findings are kept with their details, at most; those that matter first. All are
    /// counted.
    pub const KEPT: usize = 5000;

    /// A scan of which the counts alone are known.
    pub fn counted(
        scanner: Scanner,
        state: ScanState,
        counts: BTreeMap<ScanSeverity, u64>,
    ) -> Self {
        Self {
            scanner,
            state,
            description: None,
            counts,
            vulnerabilities: Vec::new(),
            uncounted: 0,
            suppressed: 0,
        }
    }

    /// The findings that hold and whose details are known.
    pub fn active(&self) -> impl Iterator<Item = &Vulnerability> {
        self.vulnerabilities
            .iter()
            .filter(|found| found.is_active())
    }

    /// How many findings of this severity hold and are known with their details.
    pub fn listed(&self, severity: &ScanSeverity) -> u64 {
        let listed = self.active().filter(|found| found.severity == *severity);
        u64::try_from(listed.count()).unwrap_or(u64::MAX)
    }

    /// How many findings of this severity are known by their number alone: the list was cut, was not
    /// read to its end, or was never given.
    pub fn known_by_count(&self, severity: &ScanSeverity) -> u64 {
        let counted = self.counts.get(severity).copied().unwrap_or(0);
        counted.saturating_sub(self.listed(severity))
    }

    /// How many findings of any severity are known by their number alone.
    pub fn all_known_by_count(&self) -> u64 {
        let severities = self.counts.keys();
        severities.fold(0, |sum, severity| {
            sum.saturating_add(self.known_by_count(severity))
        })
    }
}

/// Who scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanner {
    /// ECR basic scanning: once a push.
    Basic,
    /// Amazon Inspector: on push and whenever a vulnerability becomes known.
    Enhanced,
}

impl Scanner {
    /// The name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic scanning",
            Self::Enhanced => "Amazon Inspector",
        }
    }
}

/// How far a scan has come (ECR API, `ScanStatus`). Only `Complete` and `Active` can mean clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanState {
    /// `COMPLETE`: the findings are all there.
    Complete,
    /// `ACTIVE`: watched continuously; the findings are all there as of now.
    Active,
    /// `IN_PROGRESS`.
    InProgress,
    /// `PENDING`.
    Pending,
    /// `FAILED`.
    Failed,
    /// `UNSUPPORTED_IMAGE`.
    Unsupported,
    /// `SCAN_ELIGIBILITY_EXPIRED`.
    Expired,
    /// `FINDINGS_UNAVAILABLE`.
    Unavailable,
    /// `LIMIT_EXCEEDED`.
    LimitExceeded,
    /// `IMAGE_SIZE_EXCEEDED`.
    TooLarge,
    /// `IMAGE_ARCHIVED`: the image is in the archive storage class and its findings are gone.
    Archived,
    /// AWS knows no scan of this image.
    NotFound,
    /// Only single findings are known, from events about them; what else there is is not.
    InPart,
    /// A state that is not known here.
    Other(String),
}

impl ScanState {
    /// Reads a state as ECR's API and events spell it.
    pub fn parse(name: &str) -> Self {
        match name {
            "COMPLETE" | "INITIAL_SCAN_COMPLETE" => Self::Complete,
            "ACTIVE" => Self::Active,
            "IN_PROGRESS" => Self::InProgress,
            "PENDING" => Self::Pending,
            "FAILED" => Self::Failed,
            "UNSUPPORTED_IMAGE" => Self::Unsupported,
            "SCAN_ELIGIBILITY_EXPIRED" => Self::Expired,
            "FINDINGS_UNAVAILABLE" => Self::Unavailable,
            "LIMIT_EXCEEDED" => Self::LimitExceeded,
            "IMAGE_SIZE_EXCEEDED" => Self::TooLarge,
            "IMAGE_ARCHIVED" => Self::Archived,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether the findings are complete, so that none means clean.
    pub const fn is_conclusive(&self) -> bool {
        matches!(self, Self::Complete | Self::Active)
    }

    /// Whether AWS is still at work on it.
    pub const fn is_under_way(&self) -> bool {
        matches!(self, Self::InProgress | Self::Pending)
    }
}

/// The severity that a scanner gave (ECR API, `FindingSeverity`, and what Inspector adds), worst
/// first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScanSeverity {
    /// `CRITICAL`.
    Critical,
    /// `HIGH`.
    High,
    /// `MEDIUM`.
    Medium,
    /// `LOW`.
    Low,
    /// `INFORMATIONAL`.
    Informational,
    /// `UNDEFINED`: the vendor has given none.
    Undefined,
    /// `UNTRIAGED`: nobody has given one yet.
    Untriaged,
    /// A name that is not known here; kept, because dropping it would be calling it harmless.
    Other(String),
}

impl ScanSeverity {
    /// Reads a severity in any case.
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "CRITICAL" => Self::Critical,
            "HIGH" => Self::High,
            "MEDIUM" => Self::Medium,
            "LOW" => Self::Low,
            "INFORMATIONAL" => Self::Informational,
            "UNDEFINED" => Self::Undefined,
            "UNTRIAGED" => Self::Untriaged,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// The name as the scanner spells it.
    pub fn name(&self) -> &str {
        match self {
            Self::Critical => "CRITICAL",
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
            Self::Informational => "INFORMATIONAL",
            Self::Undefined => "UNDEFINED",
            Self::Untriaged => "UNTRIAGED",
            Self::Other(name) => name,
        }
    }

    /// Where it stands on the scale of rules; `None` where it does not say how bad the finding is.
    pub const fn rank(&self) -> Option<Severity> {
        match self {
            Self::Critical => Some(Severity::Critical),
            Self::High => Some(Severity::High),
            Self::Medium => Some(Severity::Medium),
            Self::Low => Some(Severity::Low),
            Self::Informational => Some(Severity::Info),
            Self::Undefined | Self::Untriaged | Self::Other(_) => None,
        }
    }

    /// Whether it says how bad the finding is.
    pub const fn is_ranked(&self) -> bool {
        self.rank().is_some()
    }
}
