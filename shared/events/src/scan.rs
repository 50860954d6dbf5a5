//! Ends of scans: `ECR Image Scan` (basic scanning) and `Inspector2 Scan` (enhanced scanning).

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use tidewaiter_rules::{
    facts::{ScanState, Scanner, severity_counts},
    names::{Digest, InvalidName, Repository},
};

use crate::{InvalidEvent, Scanned, envelope::Envelope};

/// `detail` of both (EventBridge schemas `aws.ecr@ECRImageScan`, ECR User Guide, "EventBridge
/// events for enhanced scanning"). Only the first two members are always there, and `Inspector2
/// Scan` has `repository-name` of images alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "the detail of a scan event")]
pub(crate) struct ScanDetail {
    #[serde(default)]
    scan_status: Option<String>,
    #[serde(default)]
    repository_name: Option<String>,
    #[serde(default)]
    image_digest: Option<String>,
    #[serde(default)]
    image_tags: Option<Vec<String>>,
    #[serde(default)]
    finding_severity_counts: Option<BTreeMap<String, Count>>,
}

pub(crate) fn scanned(
    envelope: &Envelope<'_>,
    detail: ScanDetail,
    kind: &str,
) -> Result<Option<Scanned>, InvalidEvent> {
    let scanner = if kind == "Inspector2 Scan" {
        Scanner::Enhanced
    } else {
        Scanner::Basic
    };
    let invalid = |error: InvalidName| InvalidEvent::new(error.to_string());
    let origin = envelope.origin();
    let Some(name) = detail.repository_name.as_deref() else {
        if scanner == Scanner::Enhanced && detail.image_digest.is_none() {
            return Ok(None);
        }
        return Err(InvalidEvent::new("`detail` has no `repository-name`"));
    };
    let repository = if name.starts_with("arn:") {
        Repository::parse_arn(name).map_err(invalid)?
    } else {
        // The envelope's account is the receiver's; the repository's own ARN knows better.
        let place = envelope
            .resources()
            .iter()
            .filter_map(|arn| Repository::parse_arn(arn).ok())
            .find(|repository| repository.name() == name)
            .map(|repository| repository.place().clone())
            .or_else(|| origin.place.clone())
            .ok_or(InvalidEvent::new("it has no `account` and `region`"))?;
        Repository::new(place, name).map_err(invalid)?
    };
    let digest = match detail.image_digest.as_deref() {
        Some(digest) => Some(Digest::parse(digest).map_err(invalid)?),
        None => None,
    };
    let Some(status) = detail.scan_status else {
        return Err(InvalidEvent::new("`detail` has no `scan-status`"));
    };
    let counts = detail.finding_severity_counts.unwrap_or_default();
    Ok(Some(Scanned {
        origin,
        repository,
        digest,
        tags: detail.image_tags.unwrap_or_default(),
        scanner,
        state: ScanState::parse(&status),
        counts: severity_counts(counts.into_iter().map(|(name, Count(count))| (name, count))),
    }))
}

/// A count. The schema says number: a float that holds a whole number and digits in a string are
/// counts too; nothing else is.
#[derive(Debug, Clone, Copy)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a count")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
        Ok(Count(count))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, not negative, and `as` saturates"
    )]
    fn visit_f64<E: Error>(self, count: f64) -> Result<Count, E> {
        if count >= 0.0 && count.fract() == 0.0 {
            Ok(Count(count as u64))
        } else {
            Err(E::invalid_value(serde::de::Unexpected::Float(count), &self))
        }
    }

    fn visit_str<E: Error>(self, count: &str) -> Result<Count, E> {
        let number = count.parse().map(Count);
        number.map_err(|_| E::invalid_value(serde::de::Unexpected::Str(count), &self))
    }
}
