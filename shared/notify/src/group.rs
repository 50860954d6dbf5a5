//! Alerts of one batch that are one story.

use crate::{Incoming, matching::family};

/// What alerts have in common that are told in one message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group(Vec<String>);

impl Group {
    /// The group of an alert; `None` where it is told by itself.
    ///
    /// Images are one story when the same rules found the same vulnerabilities in them and the same became
    /// of them: forty images under one base image. Definitions are one when the same person registered them
    /// in one family: a deployment that takes twelve attempts. What resolves is never told with what opens.
    pub(crate) fn of(alert: &Incoming) -> Option<Self> {
        let place = [alert.account.clone(), alert.region.clone()];
        let change = alert.change.name().to_owned();
        let mut parts = vec![change, alert.subject_kind.clone()];
        parts.extend(place);
        match (alert.kind.as_str(), family(alert)) {
            ("decision", None) if alert.subject_kind == "image" => {
                parts.push(alert.severity.name().to_owned());
                parts.push(alert.effect.clone());
                parts.push(alert.rules.join(","));
                parts.push(alert.vulnerabilities.join(","));
            }
            ("decision", Some(family)) => {
                parts.push(family.to_owned());
                parts.push(alert.who.join(","));
            }
            _ => return None,
        }
        Some(Self(parts))
    }
}
