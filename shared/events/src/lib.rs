//! EventBridge JSON, read into the events that Tidewaiter acts on.
//!
//! Reading is lenient where AWS is loose (members that come and go, names given as ARNs, redacted
//! strings where an object was) and strict where a wrong reading would be unsafe (another sender,
//! an ARN or digest that is none).

mod cloudtrail;
mod deployment;
mod envelope;
mod finding;
mod principal;
mod push;
mod scan;
mod started;
mod task;

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;
use tidewaiter_rules::{
    Facts, Subject, conceal,
    facts::{
        Image, Scan, ScanSeverity, ScanState, Scanner, SubjectKind, Surroundings, TaskDefinition,
        Vulnerability, usage::TaskSeen,
    },
    names::{Digest, Place, Repository, TaskDefinitionArn, quoted},
};

pub use deployment::Deploying;
pub use envelope::parse;
pub use principal::{Principal, name_of_caller};
pub use push::{Arrival, Pushed};
pub use started::Started;

/// What a piece of JSON turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// Something to judge.
    Event(Event),
    /// A task changed. Nothing is judged by it; the index of what runs is kept from such events.
    TaskChanged(Box<TaskSeen>),
    /// A revision of a task definition was made inactive. Nothing is judged by it; what was told of it is
    /// over.
    Deregistered(Box<Deregistered>),
    /// A schedule's turn to go through what time alone changes.
    Scheduled(Origin),
    /// Nothing to judge, and why.
    Ignored(Ignored),
}

/// Something happened that is to be judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `RegisterTaskDefinition` or `RegisterDaemonTaskDefinition` succeeded.
    Registered(Box<Registered>),
    /// `RunTask`, `StartTask`, `CreateExpressGatewayService` or `UpdateExpressGatewayService`
    /// succeeded, with something in it that a registered definition says elsewhere.
    Started(Box<Started>),
    /// A scan of an image of a private repository ended, well or badly.
    Scanned(Box<Scanned>),
    /// A finding about an image of a private repository began, changed or ended.
    Found(Box<Found>),
    /// An image of a private repository was pushed, or restored from the archive.
    Pushed(Box<Pushed>),
    /// A deployment of a service began.
    Deploying(Box<Deploying>),
}

/// Where an event comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// `eventID` of the CloudTrail record, else the `id` of the EventBridge event.
    pub id: Option<String>,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// Where it happened.
    pub place: Option<Place>,
}

/// A successful `RegisterTaskDefinition` or `RegisterDaemonTaskDefinition` call.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// Where the event comes from.
    pub origin: Origin,
    /// Who called.
    pub principal: Principal,
    /// The definition: as registered, else as requested. `None` where the event holds neither in a
    /// form that can be judged (left out for its size, redacted).
    pub definition: Option<TaskDefinition>,
    /// The revision, where the event names it.
    pub arn: Option<TaskDefinitionArn>,
    /// The family, where the event names it.
    pub family: Option<String>,
}

/// A successful `DeregisterTaskDefinition` call.
#[derive(Debug, Clone, PartialEq)]
pub struct Deregistered {
    /// Where the event comes from.
    pub origin: Origin,
    /// Who called.
    pub principal: Principal,
    /// The revision.
    pub arn: TaskDefinitionArn,
}

/// The end of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Scanned {
    /// Where the event comes from.
    pub origin: Origin,
    /// The repository.
    pub repository: Repository,
    /// The digest; AWS may leave it out.
    pub digest: Option<Digest>,
    /// The tags; often none.
    pub tags: Vec<String>,
    /// Who scanned.
    pub scanner: Scanner,
    /// How the scan ended.
    pub state: ScanState,
    /// Findings by severity as the event counts them; a severity that is not here has none.
    pub counts: std::collections::BTreeMap<ScanSeverity, u64>,
}

/// One finding of Amazon Inspector about an image. It says nothing of the image's other findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The image as this finding alone shows it: its state is [`ScanState::InPart`], and its counts
    /// hold the finding where it holds.
    pub image: Scanned,
    /// The finding.
    pub vulnerability: Vulnerability,
    /// The account whose finding it is; a delegated administrator receives those of its members.
    pub owner: Option<String>,
    /// When the image was pushed.
    pub pushed_at: Option<Timestamp>,
    /// How many tasks and pods run the image, as Inspector knew within the last days.
    pub in_use: Option<u64>,
    /// When it was last known to run.
    pub last_in_use_at: Option<Timestamp>,
}

impl Event {
    /// Where the event comes from.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Registered(registered) => &registered.origin,
            Self::Started(started) => &started.origin,
            Self::Scanned(scanned) => &scanned.origin,
            Self::Found(found) => &found.image.origin,
            Self::Pushed(pushed) => &pushed.image.origin,
            Self::Deploying(deploying) => &deploying.origin,
        }
    }

    /// What it is about.
    pub fn subject_kind(&self) -> SubjectKind {
        match self {
            Self::Registered(_) | Self::Started(_) => SubjectKind::TaskDefinition,
            Self::Scanned(_) | Self::Found(_) | Self::Pushed(_) => SubjectKind::Image,
            Self::Deploying(_) => SubjectKind::Deployment,
        }
    }

    /// Who caused it, where the event says.
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Registered(registered) => Some(&registered.principal),
            Self::Started(started) => Some(&started.principal),
            Self::Scanned(_) | Self::Found(_) | Self::Pushed(_) | Self::Deploying(_) => None,
        }
    }

    /// The facts as the event alone tells them; `None` where it does not tell enough to judge.
    pub fn facts(&self) -> Option<Facts> {
        match self {
            Self::Registered(registered) => {
                let definition = registered.definition.clone()?;
                Some(registered.facts(definition))
            }
            Self::Started(started) => Some(started.facts()),
            Self::Scanned(scanned) => Some(scanned.facts(scanned.scan())),
            Self::Found(found) => Some(found.facts(found.scan())),
            // Whether it was ever scanned only ECR can tell, and what is deployed only ECS.
            Self::Pushed(_) | Self::Deploying(_) => None,
        }
    }

    /// What the event is about, for people: `FAMILY:REVISION`, `FAMILY:REVISION in CLUSTER`, an
    /// Express service, `REPOSITORY@DIGEST` or `CLUSTER/SERVICE`.
    pub fn subject_id(&self) -> String {
        match self {
            Self::Registered(registered) => match (&registered.arn, &registered.family) {
                (Some(arn), _) => arn.short(),
                (None, Some(family)) => family.clone(),
                (None, None) => "?".to_owned(),
            },
            Self::Started(started) => started.definition.id(),
            Self::Scanned(scanned) => scanned.id(),
            Self::Found(found) => found.image.id(),
            Self::Pushed(pushed) => pushed.image.id(),
            Self::Deploying(deploying) => deploying.id(),
        }
    }
}

impl Registered {
    /// The facts with this definition, which may have been read elsewhere.
    pub fn facts(&self, definition: TaskDefinition) -> Facts {
        let place = definition.arn().map(|arn| arn.place().clone());
        Facts {
            place: place.or_else(|| self.origin.place.clone()),
            observed_at: self.origin.time,
            subject: Subject::TaskDefinition(Box::new(definition)),
        }
    }
}

impl Scanned {
    fn id(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository.name()),
            None => self.repository.name().to_owned(),
        }
    }

    /// The scan as the event alone tells it: its counts, and no list.
    pub fn scan(&self) -> Scan {
        Scan::counted(self.scanner, self.state.clone(), self.counts.clone())
    }

    /// The facts with this scan, which may have been read elsewhere.
    pub fn facts(&self, scan: Scan) -> Facts {
        Facts {
            place: Some(self.repository.place().clone()),
            observed_at: self.origin.time,
            subject: Subject::Image(Box::new(Image {
                repository: self.repository.clone(),
                digest: self.digest.clone(),
                tags: self.tags.clone(),
                pushed_at: None,
                is_restored: false,
                quarantine: None,
                scan,
                surroundings: Surroundings::default(),
            })),
        }
    }
}

impl Found {
    /// The scan as far as this finding shows it.
    pub fn scan(&self) -> Scan {
        Scan {
            vulnerabilities: vec![self.vulnerability.clone()],
            ..self.image.scan()
        }
    }

    /// The facts with this scan, which may have been read elsewhere.
    pub fn facts(&self, scan: Scan) -> Facts {
        let mut facts = self.image.facts(scan);
        if let Subject::Image(image) = &mut facts.subject {
            image.pushed_at = self.pushed_at;
        }
        facts
    }
}

/// Why there is nothing to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// The call was refused, so it changed nothing.
    FailedCall {
        /// The API call.
        call: String,
        /// The `errorCode`.
        code: String,
    },
    /// An API call that no rule is about.
    OtherCall(String),
    /// A run without overrides, or with some that no rule is about; an Express service of a
    /// registered definition, or an update of other things.
    NothingOfItsOwn,
    /// A run that no task came of: the answer names failures only.
    NothingStarted,
    /// An event type that no rule is about.
    OtherEvent(String),
    /// The detail type is one of ours, and the sender is not AWS's.
    OtherSource(String),
    /// A scan of something that is not a container image.
    OtherScan,
    /// A finding about something that is not a container image.
    OtherFinding,
    /// A finding that ended or that somebody suppresses: it makes no image worse.
    EndedFinding,
    /// Something done to an image that does not bring it back: a deletion, or the way into the
    /// archive.
    OtherAction(String),
    /// A push or the like that did not succeed.
    FailedAction(String),
    /// A push of something that is no image: a signature, an attestation, an SBOM, a chart.
    OtherArtifact(String),
    /// A push, of which only ECR can tell whether the image is known to be bad.
    NoScan,
    /// A change of a task, where nothing is recorded.
    TaskChanged,
    /// A revision was made inactive, where nothing was told of it.
    Deregistered,
    /// A deployment that ended, or failed.
    OtherDeployment(String),
    /// A service whose ARN does not say its cluster.
    ServiceWithoutCluster(String),
    /// A deployment, of which only ECS can tell what it brings.
    NoRevision,
    /// A schedule's turn, where nothing is scheduled.
    Scheduled,
    /// JSON that is neither an EventBridge event nor a CloudTrail record.
    NotAnEvent,
}

impl Ignored {
    /// Whether a function that gets this is wired wrongly: EventBridge never sends it, so someone
    /// has put something between the rule and the function, and the guard is blind.
    pub fn is_misrouted(&self) -> bool {
        matches!(self, Self::NotAnEvent)
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailedCall { call, code } => {
                write!(
                    formatter,
                    "the call {} failed with {}, so it changed nothing",
                    quoted(call),
                    quoted(code)
                )
            }
            Self::OtherCall(call) => {
                write!(formatter, "no rule is about the call {}", quoted(call))
            }
            Self::NothingOfItsOwn => formatter
                .write_str("the call says nothing of a task definition that a rule is about"),
            Self::NothingStarted => formatter.write_str("the call started nothing"),
            Self::OtherEvent(kind) => write!(formatter, "no rule is about {} events", quoted(kind)),
            Self::OtherSource(source) => {
                write!(
                    formatter,
                    "{} is not the AWS service that sends such events",
                    quoted(source)
                )
            }
            Self::OtherScan => formatter.write_str("the scan is not of a container image"),
            Self::OtherFinding => formatter.write_str("the finding is not about a container image"),
            Self::EndedFinding => formatter.write_str(
                "the finding has ended or is suppressed, so the image is no worse for it",
            ),
            Self::OtherAction(action) => {
                write!(formatter, "{} brings no image back", quoted(action))
            }
            Self::FailedAction(result) => write!(
                formatter,
                "the action ended with {}, so it changed nothing",
                quoted(result)
            ),
            Self::OtherArtifact(artifact) => {
                write!(formatter, "{} is not of an image", quoted(artifact))
            }
            Self::NoScan => formatter.write_str(
                "a push tells nothing of the image's scan; the function would read that from ECR",
            ),
            Self::TaskChanged => formatter
                .write_str("a change of a task is about no subject; it is only kept in the ledger"),
            Self::Deregistered => formatter.write_str(
                "a revision that is made inactive is judged no more; it ends what was told of it",
            ),
            Self::OtherDeployment(name) => {
                write!(formatter, "{} begins no deployment", quoted(name))
            }
            Self::ServiceWithoutCluster(arn) => write!(
                formatter,
                "the ARN {} does not say the cluster: opt in to the longer ARNs of services",
                quoted(arn)
            ),
            Self::NoRevision => formatter.write_str(
                "a deployment tells nothing of what it brings; the function would read that from ECS and the ledger",
            ),
            Self::Scheduled => {
                formatter.write_str("it is the turn of a schedule, and is about no subject")
            }
            Self::NotAnEvent => {
                formatter.write_str("this is neither an EventBridge event nor a CloudTrail record")
            }
        }
    }
}

/// JSON that claims to be an event to be judged and cannot be read as one, or is no JSON at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot read the event: {0}")]
pub struct InvalidEvent(String);

impl InvalidEvent {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// What does not fit, and where: `PATH: WHAT`.
    fn at(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let message = error.inner().to_string();
        let message = conceal::unexpected(&message);
        match error.path().to_string().as_str() {
            "." => Self(message.into_owned()),
            path => Self(format!("{}: {message}", quoted(path))),
        }
    }
}

/// Reads a member of an event, telling the path to what does not fit.
fn read<'de, T: serde::Deserialize<'de>>(json: &'de str) -> Result<T, InvalidEvent> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| InvalidEvent::at(&error))
}

#[cfg(test)]
mod tests;
