//! The policy in force: where it comes from, whether it can be used, and what it says.

use std::io::{Cursor, Read};

use jiff::Timestamp;
use serde_json::Value;
use tidewaiter_aws::{CallError, inspect::Artifact};
use tidewaiter_report::clean;
use tidewaiter_rules::{
    Policy,
    names::quoted,
    policy::{MAX_BYTES, Paint},
};
use tidewaiter_templates::Wanted;
use zip::ZipArchive;

use super::{Patient, command::Commands, functions::artifact, report::Check};

const CHECK: &str = "policy";

/// Where Lambda unpacks layers.
const LAYERS: &str = "/opt/";

const UNUSABLE: &str = "guards that cannot use their policy change nothing: they only tell";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = vec![mode(patient.mode())];
    let path = patient
        .of_kind("AWS::Lambda::Function")
        .find_map(|function| {
            function
                .properties
                .pointer("/Environment/Variables/TIDEWAITER_POLICY")
        });
    let Some(path) = path.and_then(Value::as_str) else {
        let found = "no function of the template names a policy";
        checks.push(Check::cannot_tell(CHECK, "file", found));
        return checks;
    };
    let Some(within) = path.strip_prefix(LAYERS) else {
        let found = format!("{} is in no layer", quoted(path));
        let check = Check::warning(CHECK, "file", found);
        checks.push(check.why("what is there cannot be read from here: PolicyAlarm tells whether the functions can use it"));
        return checks;
    };
    for layer in patient.of_kind("AWS::Lambda::LayerVersion") {
        let zip = artifact(patient, layer, "Content").await;
        let live = match patient.inspector.layer_sha256(&layer.physical).await {
            Ok(live) => live,
            Err(error) => {
                checks.push(Check::failed(CHECK, &layer.id, &error));
                continue;
            }
        };
        checks.push(judge(
            layer,
            zip,
            live.as_deref(),
            within,
            patient.now,
            &patient.commands,
        ));
    }
    checks
}

fn mode(mode: &str) -> Check {
    let found = match mode {
        "enforce" => {
            "enforce: denied task definitions are deregistered and denied images put into quarantine"
        }
        "audit" => "audit: what would be done is told, and nothing is changed",
        _ => "the template of the stack says no mode",
    };
    Check::ok("mode", "stack", found)
}

fn judge(
    layer: &Wanted,
    zip: Result<Option<Artifact>, CallError>,
    live: Option<&str>,
    path: &str,
    now: Timestamp,
    commands: &Commands,
) -> Check {
    let Some(live) = live else {
        let found = format!("layer version {} is gone", quoted(&layer.physical));
        let check = Check::problem(CHECK, &layer.id, found);
        return check
            .why("functions that run keep it, and none can be changed with it: change a word of the policy, so that there is another version")
            .fix([commands.deploy()]);
    };
    let zip = match zip {
        Err(error) => return Check::failed(CHECK, &layer.id, &error),
        Ok(Some(zip)) if zip.sha256 == live => zip,
        Ok(_) => {
            let found = format!(
                "what layer version {} was made from is not in its bucket any more",
                quoted(&layer.physical)
            );
            return Check::warning(CHECK, &layer.id, found)
                .why("the policy cannot be read from here: PolicyAlarm tells whether the functions can use it");
        }
    };
    let text = match entry(&zip.bytes, path) {
        Err(reason) => {
            let found = format!("{} cannot be read in the layer: {reason}", quoted(path));
            return Check::problem(CHECK, &layer.id, found)
                .why(UNUSABLE)
                .fix([commands.deploy()]);
        }
        Ok(text) => text,
    };
    judge_text(layer, &text, now, commands)
}

/// A file of a zip.
fn entry(zip: &[u8], path: &str) -> Result<String, String> {
    let mut archive =
        ZipArchive::new(Cursor::new(zip)).map_err(|error| clean(&error.to_string(), 120))?;
    let file = archive.by_name(path);
    let file = file.map_err(|error| clean(&error.to_string(), 120))?;
    let mut text = String::new();
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let mut file = file.take(most.saturating_add(1));
    file.read_to_string(&mut text)
        .map_err(|error| clean(&error.to_string(), 120))?;
    Ok(text)
}

fn judge_text(layer: &Wanted, text: &str, now: Timestamp, commands: &Commands) -> Check {
    let policy = match Policy::from_yaml(text, now) {
        Ok(policy) => policy,
        Err(error) => {
            let mistakes = error.render("policy.yaml", Paint::PLAIN);
            let first = mistakes.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            let found = match error.count() {
                1 => format!("it cannot be used: {}", clean(first, 300)),
                count => format!("it cannot be used, {count} mistakes: {}", clean(first, 300)),
            };
            return Check::problem(CHECK, &layer.id, found)
                .why(format!(
                    "{UNUSABLE}; `tidewaiter policy validate FILE` shows every mistake. Correct the file first"
                ))
                .fix([commands.deploy()]);
        }
    };
    let ended = expired(&policy, now);
    let profile = policy.profile().map_or_else(
        || "no profile".to_owned(),
        |profile| format!("profile {}", profile.name()),
    );
    let found = format!(
        "valid, {profile}, {} waivers, at most {} actions an hour; layer {}",
        policy.waivers().len(),
        policy.max_actions_per_hour(),
        quoted(&layer.physical)
    );
    if ended.is_empty() {
        return Check::ok(CHECK, &layer.id, found);
    }
    Check::warning(
        CHECK,
        &layer.id,
        format!("{found}; waivers that have ended: {}", ended.join(", ")),
    )
    .why("what they were for is denied again: renew them, or remove them")
}

fn expired(policy: &Policy, now: Timestamp) -> Vec<String> {
    let waivers = policy.waivers().iter();
    let ended = waivers.filter(|waiver| waiver.has_expired(Some(now)));
    ended.map(|waiver| quoted(&waiver.id)).collect()
}

#[cfg(test)]
mod tests;
