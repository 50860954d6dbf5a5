//! The EventBridge envelope, and what is in it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use tidewaiter_rules::names::Place;

use crate::{
    Event, Ignored, InvalidEvent, Origin, Parsed, cloudtrail,
    cloudtrail::Record,
    deployment::{self, DeploymentDetail},
    finding,
    push::{self, ActionDetail},
    read,
    scan::{self, ScanDetail},
    task::{self, TaskDetail},
};

/// The members of an EventBridge event (EventBridge User Guide, "AWS service event metadata"). All
/// are optional here; what is missing and needed is said where it is needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "an event")]
pub(crate) struct Envelope<'a> {
    #[serde(default)]
    detail_type: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    id: Option<String>,
    /// ARNs in an event, objects in a CloudTrail record.
    #[serde(borrow, default)]
    resources: Option<&'a RawValue>,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
    /// Only a bare CloudTrail record has this at the top.
    #[serde(rename = "eventName", default)]
    event_name: Option<String>,
    /// Only a bare CloudTrail record has this at the top.
    #[serde(rename = "eventSource", default)]
    event_source: Option<String>,
}

impl Envelope<'_> {
    /// The ARNs that the event is about.
    pub(crate) fn resources(&self) -> Vec<String> {
        self.resources
            .and_then(|resources| serde_json::from_str(resources.get()).ok())
            .unwrap_or_default()
    }

    pub(crate) fn origin(&self) -> Origin {
        let place = match (self.region.as_deref(), self.account.as_deref()) {
            (Some(region), Some(account)) => Place::of_region(region, account).ok(),
            _ => None,
        };
        Origin {
            id: self.id.clone(),
            time: self.time.as_deref().and_then(timestamp),
            place,
        }
    }
}

/// AWS's own samples hold times that are none; then the time is not known.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Reads one EventBridge event, or one bare CloudTrail record as trails store them.
///
/// # Errors
/// When the text is no JSON object, or claims to be an event that would be judged and has not its
/// form.
pub fn parse(json: &[u8]) -> Result<Parsed, InvalidEvent> {
    let json = std::str::from_utf8(json)
        .map_err(|_| InvalidEvent::new("it is not UTF-8 text"))?
        .trim_start_matches('\u{feff}');
    if json.trim().is_empty() {
        return Err(InvalidEvent::new("it is empty"));
    }
    if !json.trim_start().starts_with('{') {
        // Say what is wrong with it as JSON first, if anything is.
        read::<serde::de::IgnoredAny>(json)?;
        return Err(InvalidEvent::new("it is not a JSON object"));
    }
    let envelope: Envelope<'_> = read(json)?;
    let Some(kind) = envelope.detail_type.as_deref() else {
        if envelope.event_name.is_some() && envelope.event_source.is_some() {
            return cloudtrail::judged(read(json)?, Origin::default());
        }
        return Ok(Parsed::Ignored(Ignored::NotAnEvent));
    };
    let sender = match kind {
        "AWS API Call via CloudTrail" | "ECS Task State Change" | "ECS Deployment State Change" => {
            "aws.ecs"
        }
        "ECR Image Scan" | "ECR Image Action" => "aws.ecr",
        "Inspector2 Scan" | "Inspector2 Finding" => "aws.inspector2",
        "Scheduled Event" => "aws.events",
        other => return Ok(Parsed::Ignored(Ignored::OtherEvent(other.to_owned()))),
    };
    let source = envelope.source.as_deref().unwrap_or_default();
    let detail = || {
        let detail = envelope
            .detail
            .ok_or(InvalidEvent::new("it has no `detail`"))?;
        Ok::<&str, InvalidEvent>(detail.get())
    };
    if kind == "AWS API Call via CloudTrail" && source.starts_with("aws.") {
        return cloudtrail::judged(read::<Record<'_>>(detail()?)?, envelope.origin());
    }
    if source != sender {
        return Ok(Parsed::Ignored(Ignored::OtherSource(source.to_owned())));
    }
    if kind == "Scheduled Event" {
        return Ok(Parsed::Scheduled(envelope.origin()));
    }
    if kind == "ECS Task State Change" {
        let seen = task::seen(&envelope, &read::<TaskDetail>(detail()?)?)?;
        return Ok(Parsed::TaskChanged(Box::new(seen)));
    }
    if kind == "Inspector2 Finding" {
        return Ok(match finding::found(&envelope, detail()?)? {
            // It may be what was wrong with the image, and then a further scan says so; no image
            // becomes worse by it.
            Some(found) if !found.vulnerability.is_active() => {
                Parsed::Ignored(Ignored::EndedFinding)
            }
            Some(found) => Parsed::Event(Event::Found(Box::new(found))),
            None => Parsed::Ignored(Ignored::OtherFinding),
        });
    }
    if kind == "ECS Deployment State Change" {
        let begun = deployment::deploying(&envelope, read::<DeploymentDetail>(detail()?)?)?;
        return Ok(match begun {
            Ok(deploying) => Parsed::Event(Event::Deploying(Box::new(deploying))),
            Err(ignored) => Parsed::Ignored(ignored),
        });
    }
    if kind == "ECR Image Action" {
        let pushed = push::pushed(&envelope, read::<ActionDetail>(detail()?)?)?;
        return Ok(match pushed {
            Ok(pushed) => Parsed::Event(Event::Pushed(Box::new(pushed))),
            Err(ignored) => Parsed::Ignored(ignored),
        });
    }
    let found = scan::scanned(&envelope, read::<ScanDetail>(detail()?)?, kind)?;
    Ok(match found {
        Some(scanned) => Parsed::Event(Event::Scanned(Box::new(scanned))),
        None => Parsed::Ignored(Ignored::OtherScan),
    })
}
