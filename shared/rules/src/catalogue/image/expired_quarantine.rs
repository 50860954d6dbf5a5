use jiff::SignedDuration;

use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{Image, ScanState},
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "expired-quarantine",
    summary: "an image has been in quarantine for as long as the policy keeps one",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "release the image if somebody still wants it; else let it be deleted",
    references: References {
        guidance: "remove images that nobody is to use any more",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::Image(check),
};

const STATE: &str = "/imageScanStatus/status";

/// Only of an image that is in the archive: one that came back is for the rules about what it holds.
fn check(image: &Image, context: &Context<'_>) -> Vec<Answer> {
    let Some(quarantine) = &image.quarantine else {
        return Vec::new();
    };
    let days = context.parameters.image.delete_after_days;
    let (Some(days), ScanState::Archived) = (days, &image.scan.state) else {
        return Vec::new();
    };
    let (Some(since), Some(now)) = (quarantine.since, context.observed_at) else {
        return vec![Answer::unknown(
            STATE,
            "since when the image is in quarantine is unknown",
        )];
    };
    if now.duration_since(since) < SignedDuration::from_hours(24 * i64::from(days)) {
        return Vec::new();
    }
    let message = format!(
        "the image is in quarantine since {since}, and the policy keeps it for {days} days; it was put there for this: {}",
        quoted(&quarantine.reason)
    );
    vec![Answer::fail(STATE, message)]
}
