//! What an event did not say.

mod barred;
mod deployments;
mod family;
mod listing;
mod quarantined;
mod reconcile;
mod usage;

use aws_sdk_ecr::types::ImageIdentifier;
use jiff::Timestamp;
use serde::Deserialize;
use tidewaiter_events::{Deploying, Event, Pushed, Registered, Scanned};
use tidewaiter_rules::{
    Facts, Subject,
    facts::{Scan, ScanPage, ScanPages, ScanState, Scanner, Surroundings, TaskDefinition, Usage},
    names::{Digest, Repository, quoted},
    policy::Running,
};

use crate::{CallError, Clients, body::Body, ledger::Ledger};

pub use reconcile::{Reconciled, reconcile};

pub use barred::gather_barred;
pub use family::platforms_of;
pub use quarantined::{Due, Reviewed, gather_quarantined};

/// What there is to judge.
#[derive(Debug, Clone, PartialEq)]
pub enum Gathered {
    /// This.
    Facts(Box<Facts>),
    /// Nothing: the subject has been deleted since.
    Gone,
    /// Nothing yet: no scan of the image has a result, and an event will tell when one does.
    NotScanned,
}

/// Gathers the facts that an event is about, reading from AWS what the event does not hold.
///
/// # Errors
/// When a read fails; see [`CallError::is_transient`].
pub async fn gather(clients: &Clients, event: &Event) -> Result<Gathered, CallError> {
    match event {
        Event::Registered(registered) => definition(clients, registered).await,
        // `DescribeTasks` would tell what CloudTrail hides, for as long as ECS knows the task: a call for
        // nearly every run, to learn what is hardly ever wrong. It stays unknown.
        Event::Started(started) => Ok(facts(started.facts())),
        Event::Scanned(scanned) => scan(clients, scanned, scanned.scan()).await,
        // One finding says nothing of the others: all of them are judged.
        Event::Found(found) => scan(clients, &found.image, found.scan()).await,
        Event::Pushed(pushed) => scan_before(clients, pushed).await,
        Event::Deploying(deploying) => deployment(clients, deploying).await,
    }
}

/// Reads what an image stands and falls with, and what runs it, for whoever is about to act on it. What
/// cannot be read is unknown, with the reason. The ledger is asked at `now` where ECS would have to be
/// asked too much. How services are deployed is read only where `running` has something done about
/// them. Gives the call that AWS refused, where one would have told what is unknown now.
///
/// # Errors
/// When time can help.
pub async fn gather_surroundings(
    clients: &Clients,
    ledger: Ledger<'_>,
    now: Timestamp,
    facts: &mut Facts,
    running: Running,
) -> Result<Option<CallError>, CallError> {
    let Subject::Image(image) = &mut facts.subject else {
        return Ok(None);
    };
    let Some(digest) = image.digest.clone() else {
        return Ok(None);
    };
    let (family, mut inventory) = family::family(clients, &image.repository, &digest).await?;
    // What is out of reach is of no interest, unless it has yet to be told who runs it.
    let is_untold = image.quarantine.as_ref().is_some_and(|it| it.is_untold);
    let (usage, refused) = match family.known() {
        Some(family) if family.is_archived && family.indexes.is_empty() && !is_untold => {
            (Usage::default(), None)
        }
        _ => usage::usage(clients, ledger, now, &image.repository, &digest, &family).await?,
    };
    // Who runs it will want to know what to run instead.
    let builds = match &usage.runs[..] {
        [] => Vec::new(),
        _ => family::builds(clients, &image.repository, &digest, &family, &inventory).await,
    };
    let services = if running.replaces_services() || running.stops_deployments() {
        deployments::services(clients, &image.repository, &inventory, &usage).await?
    } else {
        Vec::new()
    };
    image.surroundings = Surroundings {
        family,
        usage: Some(usage),
        services,
        builds,
        replacement: None,
    };
    Ok(inventory.refused.take().or(refused))
}

/// Whether anything runs an image, or may: an index that leads to it, or what that leads to, as well.
///
/// # Errors
/// When time can help.
pub async fn gather_whether_used(
    clients: &Clients,
    ledger: Ledger<'_>,
    now: Timestamp,
    repository: &Repository,
    digest: &Digest,
) -> Result<bool, CallError> {
    let (family, _) = family::family(clients, repository, digest).await?;
    let (usage, _) = usage::usage(clients, ledger, now, repository, digest, &family).await?;
    Ok(!usage.runs.is_empty() || usage.unknown.is_some())
}

const DESCRIBE: &str = "DescribeTaskDefinition";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    task_definition: TaskDefinition,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedTime {
    task_definition: RegisteredAt,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegisteredAt {
    /// Seconds since 1970.
    registered_at: Option<f64>,
}

/// How much later than the event's time ECS may say the definition was registered, in seconds,
/// before it must be another revision.
const CLOCK_TOLERANCE: f64 = 60.0;

async fn definition(clients: &Clients, registered: &Registered) -> Result<Gathered, CallError> {
    let own = registered.definition.as_ref();
    // A daemon's is judged from its request: it is never acted on, and its ARN is all that is answered.
    if let Some(daemon) = own.filter(|definition| definition.is_daemon()) {
        return Ok(facts(registered.facts(daemon.clone())));
    }
    let own = own.filter(|definition| definition.arn().is_some());
    match own {
        Some(definition) if !definition.is_redacted() => {
            Ok(facts(registered.facts(definition.clone())))
        }
        Some(definition) => match described(clients, registered).await {
            // What CloudTrail shows can be judged, and must not wait for what it hides.
            Err(error) if !error.is_transient() => {
                tracing::error!(%error, "judging without what CloudTrail hides");
                Ok(facts(registered.facts(definition.clone())))
            }
            described => described,
        },
        None => described(clients, registered).await,
    }
}

/// The definition as ECS has it.
async fn described(clients: &Clients, registered: &Registered) -> Result<Gathered, CallError> {
    let reference = match (&registered.arn, &registered.family) {
        (Some(arn), _) => arn.to_string(),
        (None, Some(family)) => family.clone(),
        (None, None) => {
            return Err(CallError::permanent(
                DESCRIBE,
                "CloudTrail left out both the request and the answer, so neither the revision nor the family is known: find it by its time and caller, and check it by hand",
            ));
        }
    };
    let body = Body::default();
    let described = clients
        .ecs
        .describe_task_definition()
        .task_definition(&reference)
        .customize()
        .interceptor(body.clone())
        .send()
        .await;
    if let Err(error) = described {
        let error = CallError::of(DESCRIBE, &error);
        let is_gone = error.code() == Some("ClientException")
            && error.says("unable to describe task definition");
        return if is_gone {
            Ok(Gathered::Gone)
        } else {
            Err(error)
        };
    }
    if registered.arn.is_none() {
        let time: DescribedTime = body.read(DESCRIBE)?;
        is_the_one(registered, time.task_definition.registered_at)?;
    }
    let described: Described = body.read(DESCRIBE)?;
    Ok(facts(registered.facts(described.task_definition)))
}

/// By its family alone ECS gives the latest revision, which may not be the one of the event.
fn is_the_one(registered: &Registered, registered_at: Option<f64>) -> Result<(), CallError> {
    let (Some(time), Some(registered_at)) = (registered.origin.time, registered_at) else {
        return Ok(());
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let event = time.as_second() as f64;
    if registered_at <= event + CLOCK_TOLERANCE {
        return Ok(());
    }
    let family = registered.family.as_deref().unwrap_or_default();
    Err(CallError::permanent(
        DESCRIBE,
        format!(
            "CloudTrail left out the revision, and family {} has a later one by now: check the revision that was registered at {time} by hand",
            quoted(family)
        ),
    ))
}

/// The deployment that the event is about, or one that took its place. What has ended since is past
/// stopping.
async fn deployment(clients: &Clients, deploying: &Deploying) -> Result<Gathered, CallError> {
    let found = deployments::in_flight(clients, &deploying.service).await?;
    Ok(found.map_or(Gathered::Gone, |deployment| {
        facts(Facts {
            place: Some(deploying.service.place().clone()),
            observed_at: deploying.origin.time,
            subject: Subject::Deployment(Box::new(deployment)),
        })
    }))
}

/// An event without a time is taken to be of now: the end of a waiver has to be told by something.
fn facts(mut facts: Facts) -> Gathered {
    facts.observed_at.get_or_insert_with(Timestamp::now);
    Gathered::Facts(Box::new(facts))
}

const FINDINGS: &str = "DescribeImageScanFindings";

/// More pages than ECR can fill with an image's findings; a token that leads in circles ends here.
const MOST_PAGES: usize = 200;

/// The image with its findings as ECR has them; `told` is what the event told of them.
async fn scan(clients: &Clients, scanned: &Scanned, told: Scan) -> Result<Gathered, CallError> {
    let announced = |state: &ScanState| {
        scanned.facts(Scan {
            state: state.clone(),
            ..told.clone()
        })
    };
    let digest = match &scanned.digest {
        // The findings of another account's image cannot be read from here, nor acted on.
        Some(digest) if scanned.repository.place() == clients.home() => digest,
        _ => return Ok(facts(announced(&scanned.state))),
    };
    match pages(clients, &scanned.repository, digest).await {
        Ok(pages) => {
            let mut scan = pages.into_scan(scanned.scanner, &scanned.counts);
            // Findings go on coming for a while after the first one had the image archived.
            if scan.state == ScanState::Archived && scanned.state == ScanState::InPart {
                scan = Scan::counted(scan.scanner, ScanState::Archived, [].into());
            }
            if scan.state.is_under_way() && scanned.state.is_conclusive() {
                return Err(CallError::transient(
                    FINDINGS,
                    "the scan has ended, and ECR still says that it is under way",
                ));
            }
            Ok(facts(scanned.facts(scan)))
        }
        Err(error) => match error.code() {
            Some("ImageNotFoundException" | "RepositoryNotFoundException") => Ok(Gathered::Gone),
            // That the event called the scan complete is no proof of being clean.
            Some("ScanNotFoundException") if scanned.state.is_conclusive() => {
                Ok(facts(announced(&ScanState::NotFound)))
            }
            Some("ScanNotFoundException") => Ok(facts(announced(&scanned.state))),
            _ => Err(error),
        },
    }
}

/// What earlier scans found in an image that was pushed: of these no event tells again.
async fn scan_before(clients: &Clients, pushed: &Pushed) -> Result<Gathered, CallError> {
    let image = &pushed.image;
    let digest = match &image.digest {
        Some(digest) if image.repository.place() == clients.home() => digest,
        // Without a digest there is no telling what was pushed; its scan will.
        _ => return Ok(Gathered::NotScanned),
    };
    match pages(clients, &image.repository, digest).await {
        Ok(pages) => {
            let mut scan = pages.into_scan(image.scanner, &image.counts);
            if scan.state == ScanState::Active {
                scan.scanner = Scanner::Enhanced;
            }
            // A push begins a scan, a restoration too: of what that has not found yet, or finds no
            // way to, its own event tells.
            Ok(if scan.state.is_conclusive() {
                facts(pushed.facts(scan))
            } else {
                Gathered::NotScanned
            })
        }
        Err(error) => match error.code() {
            Some("ImageNotFoundException" | "RepositoryNotFoundException") => Ok(Gathered::Gone),
            Some("ScanNotFoundException") => Ok(Gathered::NotScanned),
            _ => Err(error),
        },
    }
}

async fn pages(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
) -> Result<ScanPages, CallError> {
    let image = ImageIdentifier::builder()
        .image_digest(digest.as_str())
        .build();
    let mut pages = ScanPages::default();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let body = Body::default();
        clients
            .ecr
            .describe_image_scan_findings()
            .registry_id(repository.place().account())
            .repository_name(repository.name())
            .image_id(image.clone())
            .max_results(1000)
            .set_next_token(token.take())
            .customize()
            .interceptor(body.clone())
            .send()
            .await
            .map_err(|error| CallError::of(FINDINGS, &error))?;
        let page: ScanPage = body.read(FINDINGS)?;
        token.clone_from(&page.next_token);
        pages.add(page);
        if token.is_none() {
            return Ok(pages);
        }
    }
    Err(CallError::permanent(
        FINDINGS,
        format!("there are more than {MOST_PAGES} pages of findings"),
    ))
}
