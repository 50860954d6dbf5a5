//! What is known of a subject at the moment of judging it. Facts are gathered elsewhere; here they
//! are only read.

mod container;
pub mod dockerfile;
pub mod family;
mod form;
mod image;
mod moment;
mod named_image;
mod platform;
mod request;
mod scan_page;
mod scanner_finding;
mod task_definition;
pub mod usage;
mod vulnerability;

use jiff::Timestamp;

pub(crate) use container::REDACTED;
pub use container::{
    Capabilities, Container, Device, ExtraHost, HealthCheck, LinuxParameters, LogConfiguration,
    MountPoint, PortMapping, Present, RestartPolicy, Scalar, SystemControl, Ulimit, Variable,
};
pub use dockerfile::Dockerfile;
pub use family::{Family, Surroundings};
pub use form::Form;
pub use image::{Image, Quarantine, Scan, ScanSeverity, ScanState, Scanner};
pub use moment::moment;
pub use named_image::{Barred, NamedImage, Version};
pub use platform::{LaunchType, PlacementConstraint, RuntimePlatform};
pub use request::{ContainerRequest, ExpressRequest, Overrides, RunRequest};
pub use scan_page::{ScanPage, ScanPages, severity_counts};
pub use scanner_finding::InspectorFinding;
pub use task_definition::{
    DockerVolume, EfsAuthorization, EfsVolume, HostVolume, PlacedContainer, Tag, TaskDefinition,
    Volume,
};
pub use usage::{Run, Usage};
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

impl Facts {
    /// The name of the cluster that the subject runs in, where it runs in one: a run or an Express
    /// service. A registered definition and an image may be run in any, and are in none.
    pub fn cluster(&self) -> Option<&str> {
        match &self.subject {
            Subject::TaskDefinition(definition) => definition.cluster.as_deref(),
            Subject::Image(_) | Subject::Dockerfile(_) => None,
        }
    }
}

/// What is judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A task definition, registered or about to be, or the part of one that a call says.
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

    /// The kind for people and in JSON: [`Self::kind`], and of a task definition its [`Form`].
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::TaskDefinition(definition) => definition.form.name(),
            Self::Image(_) | Self::Dockerfile(_) => self.kind().name(),
        }
    }

    /// The name by which people know the subject: `FAMILY:REVISION`, or the family of a definition
    /// that has no revision yet, or `REPOSITORY@DIGEST`, or the last stage of a Dockerfile; of a
    /// part of a definition, what it is for.
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
