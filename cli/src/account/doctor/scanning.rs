//! Whether images are scanned: without a scan there is nothing to judge them by.

use serde_json::Value;
use tidewaiter_aws::CallError;
use tidewaiter_rules::names::quoted;

use super::{Patient, command::Commands, report::Check};

const CHECK: &str = "scanning";

/// How many repositories are looked at, and how many are named.
const MOST: usize = 1000;
const NAMED: usize = 10;

const EVERY_PUSH: &str = r#"[{"scanFrequency":"SCAN_ON_PUSH","repositoryFilters":[{"filter":"*","filterType":"WILDCARD"}]}]"#;

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let inspector = &patient.inspector;
    let registry = inspector.registry_scanning().await;
    let repositories = match inspector.repositories(MOST).await {
        Err(error) => Err(error),
        Ok((names, are_more)) => {
            let scanning = inspector.repository_scanning(&names).await;
            scanning.map(|scanning| (scanning, are_more))
        }
    };
    judge(registry, repositories, &patient.commands)
}

/// By what `GetRegistryScanningConfiguration` says, and `BatchGetRepositoryScanningConfiguration` of each repository.
fn judge(
    registry: Result<Value, CallError>,
    repositories: Result<(Vec<Value>, bool), CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let registry = match registry {
        Err(error) => return vec![Check::failed(CHECK, "registry", &error)],
        Ok(registry) => registry,
    };
    let kind = registry.pointer("/scanningConfiguration/scanType");
    let kind = kind.and_then(Value::as_str).unwrap_or("BASIC");
    let rules = registry.pointer("/scanningConfiguration/rules");
    let rules = rules
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut checks = Vec::new();
    if kind == "ENHANCED" {
        let found = "enhanced scanning by Amazon Inspector; whether Inspector is on for this account and Region cannot be told from here";
        checks.push(Check::ok(CHECK, "registry", found));
    }
    let (repositories, are_more) = match repositories {
        Err(error) => {
            checks.push(Check::failed(CHECK, "repositories", &error));
            return checks;
        }
        Ok(repositories) => repositories,
    };
    let unscanned: Vec<String> = repositories
        .iter()
        .filter(|one| !is_scanned(one))
        .map(|one| {
            quoted(
                one.get("repositoryName")
                    .and_then(Value::as_str)
                    .unwrap_or_default(),
            )
        })
        .collect();
    let count = repositories.len();
    if unscanned.is_empty() && (count > 0 || rules.iter().any(is_on_push)) {
        let more = if are_more { " looked at, of more" } else { "" };
        let kind = kind.to_ascii_lowercase();
        let found = format!("{kind} scans on push, {count} repositories{more}");
        checks.push(Check::ok(CHECK, "repositories", found));
        return checks;
    }
    let found = if count == 0 {
        "no rule of the registry scans on push, and there is no repository yet".to_owned()
    } else {
        let named = unscanned.iter().take(NAMED).cloned();
        let named: Vec<String> = named.collect();
        let rest = unscanned.len().saturating_sub(NAMED);
        let rest = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        format!(
            "{} of {count} repositories are not scanned on push: {}{rest}",
            unscanned.len(),
            named.join(", ")
        )
    };
    let options = [("scan-type", kind), ("rules", EVERY_PUSH)];
    let fix = commands.aws("ecr put-registry-scanning-configuration", &options);
    let check = Check::problem(CHECK, "repositories", found)
        .why("images there are judged by no scan. The command scans every repository on push, in place of the rules that there are");
    checks.push(check.fix([fix]));
    checks
}

fn is_on_push(rule: &Value) -> bool {
    rule.get("scanFrequency").and_then(Value::as_str) != Some("MANUAL")
}

fn is_scanned(repository: &Value) -> bool {
    repository.get("scanOnPush") == Some(&Value::Bool(true))
        || repository
            .get("scanFrequency")
            .and_then(Value::as_str)
            .is_some_and(|frequency| frequency != "MANUAL")
}

#[cfg(test)]
mod tests;
