//! What is known of a subject at the moment of judging it. Facts are gathered elsewhere; here they
//! are only read.

mod container;
mod image;
mod moment;
mod scan_page;
mod scanner_finding;
mod task_definition;
mod vulnerability;

use jiff::Timestamp;

pub(crate) use container::REDACTED;
pub use container::{
    Capabilities, Container, Device, ExtraHost, HealthCheck, LinuxParameters, LogConfiguration,
    MountPoint, PortMapping, Present, RestartPolicy, Scalar, SystemControl, Ulimit, Variable,
};
pub use image::{Image, Scan, ScanSeverity, ScanState, Scanner};
pub use moment::moment;
pub use scan_page::{ScanPage, ScanPages, severity_counts};
pub use scanner_finding::InspectorFinding;
pub use task_definition::{
    DockerVolume, EfsAuthorization, EfsVolume, HostVolume, LaunchType, PlacedContainer,
    PlacementConstraint, RuntimePlatform, Tag, TaskDefinition, Volume,
};
pub use vulnerability::{Epss, Exploit, FindingStatus, Fix, Package, Score, Vulnerability};

use crate::names::Place;

/// All that one decision is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Where the subject lives; `None` for a file that names no account.
    pub place: Option<Place>,
    /// When the state described here was observed, in UTC.
    pub observed_at: Option<Timestamp>,
    /// What is judged.
    pub subject: Subject,
}

/// What is judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A task definition, registered or about to be.
    TaskDefinition(Box<TaskDefinition>),
    /// A scanned image of a private repository.
    Image(Box<Image>),
}

impl Subject {
    /// The kind as the JSON contract spells it.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::TaskDefinition(_) => SubjectKind::TaskDefinition,
            Self::Image(_) => SubjectKind::Image,
        }
    }

    /// The name by which people know the subject: `FAMILY:REVISION`, or the family of a definition
    /// that has no revision yet, or `REPOSITORY@DIGEST`.
    pub fn id(&self) -> String {
        match self {
            Self::TaskDefinition(definition) => definition.id(),
            Self::Image(image) => image.id(),
        }
    }
}

/// The kinds of subject that rules are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    /// ECS task definitions.
    TaskDefinition,
    /// ECR images.
    Image,
}

impl SubjectKind {
    /// The name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TaskDefinition => "task-definition",
            Self::Image => "image",
        }
    }
}
