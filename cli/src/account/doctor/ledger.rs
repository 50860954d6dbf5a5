//! The ledger: the table, the kill switch and the budgets.

use serde_json::Value;
use tidewaiter_aws::{CallError, ledger::Switch};
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::{Commands, word},
    report::Check,
};
use crate::account::{Session, status::FUNCTIONS, switch, text};

const CHECK: &str = "ledger";
const SWITCH: &str = "switch";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for table in patient.of_kind("AWS::DynamoDB::Table") {
        let live = patient.inspector.table(&table.physical).await;
        let is_there = matches!(live, Ok(Some(_)));
        checks.extend(judge(table, live, &patient.commands));
        if is_there {
            checks.extend(acting(patient, &table.physical).await);
        }
    }
    checks
}

fn judge(
    table: &Wanted,
    live: Result<Option<Value>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let live = match live {
        Err(error) => return vec![Check::failed(CHECK, &table.id, &error)],
        Ok(None) => {
            let gone = Check::problem(CHECK, &table.id, "it is gone");
            let why = "without it nothing is changed, and nobody knows what is in quarantine. DynamoDB keeps a backup of a \
                deleted table for 35 days: restore it under the same name, and do not start with an empty one";
            let name = table.physical.as_str();
            let list = [("table-name", name), ("backup-type", "SYSTEM")];
            let restore = [("target-table-name", name), ("backup-arn", "BACKUP_ARN")];
            return vec![gone.why(why).fix([
                commands.aws("dynamodb list-backups", &list),
                commands.aws("dynamodb restore-table-from-backup", &restore),
            ])];
        }
        Ok(Some(live)) => live,
    };
    let mut checks = Vec::new();
    let at = |pointer: &str| live.pointer(pointer).map(word).unwrap_or_default();
    let is_wanted = |pointer: &str| {
        let value = table.properties.pointer(pointer).map(word);
        value.as_deref() == Some("true")
    };
    let name = ("table-name", table.physical.as_str());
    let mut problem = |found: &str, why: &str, operation: &str, option: (&str, &str)| {
        let fix = commands.aws(operation, &[name, option]);
        checks.push(Check::problem(CHECK, &table.id, found).why(why).fix([fix]));
    };
    if is_wanted("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled")
        && at(
            "/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus",
        ) != "ENABLED"
    {
        problem(
            "point-in-time recovery is off",
            "what somebody deletes from it cannot be brought back",
            "dynamodb update-continuous-backups",
            (
                "point-in-time-recovery-specification",
                "PointInTimeRecoveryEnabled=true",
            ),
        );
    }
    let expiry = at("/TimeToLiveDescription/TimeToLiveStatus");
    if is_wanted("/TimeToLiveSpecification/Enabled")
        && !matches!(expiry.as_str(), "ENABLED" | "ENABLING")
    {
        let attribute = table
            .properties
            .pointer("/TimeToLiveSpecification/AttributeName");
        let attribute = attribute.map(word).unwrap_or_default();
        problem(
            "entries do not expire",
            "it grows without end",
            "dynamodb update-time-to-live",
            (
                "time-to-live-specification",
                &format!("Enabled=true,AttributeName={attribute}"),
            ),
        );
    }
    let encryption = at("/Table/SSEDescription/Status");
    if is_wanted("/SSESpecification/SSEEnabled") {
        let key = table
            .properties
            .pointer("/SSESpecification/KMSMasterKeyId")
            .map(word);
        let live_key = at("/Table/SSEDescription/KMSMasterKeyArn");
        let is_on = matches!(encryption.as_str(), "ENABLED" | "ENABLING" | "UPDATING");
        if !is_on || key.as_ref().is_some_and(|key| *key != live_key) {
            let key = key.map_or(String::new(), |key| {
                format!(",SSEType=KMS,KMSMasterKeyId={key}")
            });
            problem(
                "it is not encrypted by the key of the template",
                "uses of the key do not stand in CloudTrail, or the wrong people may use it",
                "dynamodb update-table",
                ("sse-specification", &format!("Enabled=true{key}")),
            );
        }
    }
    let status = at("/Table/TableStatus");
    if !matches!(status.as_str(), "ACTIVE" | "UPDATING") {
        let found = format!("it is {}", quoted(&status));
        let check = Check::problem(CHECK, &table.id, found);
        checks.push(check.why("without it nothing is changed"));
    }
    if checks.is_empty() {
        let found = "there, with recovery, expiry and encryption as in the template";
        checks.push(Check::ok(CHECK, &table.id, found));
    }
    checks
}

/// Whether the functions may act, and how much they did this hour.
async fn acting(patient: &Patient<'_>, table: &str) -> Vec<Check> {
    let session = Session {
        clients: patient.account.clients(),
        table,
        by: patient.account.caller(),
        now: patient.now,
    };
    let ledger = session.ledger();
    let switch = match ledger.switch().await {
        Ok(switch) => judge_switch(switch.as_ref(), &patient.commands),
        Err(error) => Check::failed(SWITCH, "kill switch", &error),
    };
    let mut spent = Vec::with_capacity(FUNCTIONS.len());
    for function in FUNCTIONS {
        match ledger.spent(function, patient.now).await {
            Ok(0) => {}
            Ok(actions) => spent.push(format!("{function} {actions}")),
            Err(error) => spent.push(format!("{function}: {}", text(error))),
        }
    }
    let spent = if spent.is_empty() {
        "none this hour".to_owned()
    } else {
        format!("this hour: {}", spent.join(", "))
    };
    vec![switch, Check::ok("budget", "actions", spent)]
}

fn judge_switch(turned: Option<&Switch>, commands: &Commands) -> Check {
    let found = switch::written(turned);
    if turned.is_some_and(|switch| switch.is_paused) {
        return Check::problem(SWITCH, "kill switch", found)
            .why("the functions judge and tell, and change nothing until they are resumed")
            .fix([commands.tidewaiter("resume", &[])]);
    }
    Check::ok(SWITCH, "kill switch", found)
}

#[cfg(test)]
mod tests;
