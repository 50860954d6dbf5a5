//! What is known of a subject at the moment of judging it. Facts are gathered elsewhere; here they
//! are only read.

mod container;
pub mod dockerfile;
mod image;
mod scan_page;
mod task_definition;

use jiff::Timestamp;

pub(crate) use container::REDACTED;
pub use container::{
    Capabilities, Container, Device, ExtraHost, HealthCheck, LinuxParameters, LogConfiguration,
    MountPoint, PortMapping, Present, RestartPolicy, Scalar, SystemControl, Ulimit, Variable,
};
pub use dockerfile::Dockerfile;
pub use image::{Image, Scan, ScanSeverity, ScanState, Scanner, Vulnerability};
pub use scan_page::{ScanPage, ScanPages, severity_counts};
pub use task_definition::{
    DockerVolume, EfsAuthorization, EfsVolume, HostVolume, LaunchType, PlacedContainer,
    PlacementConstraint, RuntimePlatform, Tag, TaskDefinition, Volume,
};

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
    /// A Dockerfile.
    Dockerfile(Box<Dockerfile>),
}

impl Subject {
    /// The kind as the JSON contract spells it.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::TaskDefinition(_) => SubjectKind::TaskDefinition,
            Self::Image(_) => SubjectKind::Image,
            Self::Dockerfile(_) => SubjectKind::Dockerfile,
        }
    }

    /// The name by which people know the subject: `FAMILY:REVISION`, or the family of a definition
    /// that has no revision yet, or `REPOSITORY@DIGEST`, or the last stage of a Dockerfile.
    pub fn id(&self) -> String {
        match self {
            Self::TaskDefinition(definition) => definition.id(),
            Self::Image(image) => image.id(),
            Self::Dockerfile(dockerfile) => dockerfile.id(),
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
    /// Dockerfiles.
    Dockerfile,
}

impl SubjectKind {
    /// The name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TaskDefinition => "task-definition",
            Self::Image => "image",
            Self::Dockerfile => "dockerfile",
        }
    }
}
