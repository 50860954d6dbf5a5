//! What a function is told by its environment.

use std::{env, fs, path::Path};

use jiff::Timestamp;
use thiserror::Error;
use tidewaiter_aws::{Clients, Connection, Credentials};
use tidewaiter_rules::{
    Mode, Policy,
    names::{InvalidName, Place, quoted},
    policy::MAX_BYTES,
};

use crate::vex;

/// Where the policy layer puts the policy.
const POLICY: &str = "/opt/tidewaiter/policy.yaml";

/// What a function works with.
#[derive(Debug)]
pub struct Settings {
    /// Whether plans are applied.
    pub mode: Mode,
    /// What is wanted.
    pub policy: Policy,
    /// Where alerts go.
    pub topic_arn: String,
    /// Where events go that cannot be handled.
    pub dead_letter_queue_url: String,
    /// The table of the ledger.
    pub ledger: String,
    /// The clients.
    pub clients: Clients,
    /// Why the function is in audit mode although nobody chose it, where it is, or leaves images
    /// alone because of documents that the policy names.
    pub fallback: Option<String>,
}

/// An environment without which a function cannot work.
#[derive(Debug, Error)]
pub enum InvalidSettings {
    /// A variable that has to be there.
    #[error(
        "the environment variable `{0}` is not set: the template sets it, so deploy the stack again"
    )]
    Missing(&'static str),
    /// A variable that does not name what it should.
    #[error("the environment variable `{variable}` cannot be used: {source}")]
    Invalid {
        /// Which.
        variable: &'static str,
        /// Why.
        source: InvalidName,
    },
}

impl Settings {
    /// Reads `TIDEWAITER_TOPIC_ARN`, `TIDEWAITER_DEAD_LETTER_QUEUE_URL`, `TIDEWAITER_LEDGER`,
    /// `TIDEWAITER_MODE`, `TIDEWAITER_POLICY`, and what Lambda sets.
    ///
    /// # Errors
    /// When the topic, the queue, the ledger or what Lambda sets is missing. A mode or policy that cannot be
    /// used is none: the function falls to audit mode and says so.
    pub fn from_environment() -> Result<Self, InvalidSettings> {
        let topic_arn = required("TIDEWAITER_TOPIC_ARN")?;
        let mut problems = Vec::new();
        let mode = mode(env::var("TIDEWAITER_MODE").ok().as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            Mode::Audit
        });
        let policy = policy(env::var("TIDEWAITER_POLICY").ok());
        let (policy, vex_problem) = policy.unwrap_or_else(|problem| {
            problems.push(problem);
            (Policy::default(), None)
        });
        let connection = connection()?;
        let home = home(&required("AWS_REGION")?, &topic_arn)?;
        Ok(Self {
            mode: if problems.is_empty() {
                mode
            } else {
                Mode::Audit
            },
            policy,
            dead_letter_queue_url: required("TIDEWAITER_DEAD_LETTER_QUEUE_URL")?,
            ledger: required("TIDEWAITER_LEDGER")?,
            clients: Clients::new(connection, home),
            fallback: {
                problems.extend(vex_problem);
                (!problems.is_empty()).then(|| problems.join("; "))
            },
            topic_arn,
        })
    }
}

/// How Lambda has a function reach AWS.
///
/// # Errors
/// When Lambda's own variables are not set.
pub fn connection() -> Result<Connection, InvalidSettings> {
    let flag = |name| env::var(name).is_ok_and(|value| value == "true");
    Ok(Connection {
        credentials: Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            env::var("AWS_SESSION_TOKEN").ok(),
            None,
            "Lambda",
        ),
        endpoint_url: env::var("AWS_ENDPOINT_URL")
            .ok()
            .filter(|url| !url.is_empty()),
        use_fips: flag("AWS_USE_FIPS_ENDPOINT"),
        use_dual_stack: flag("AWS_USE_DUALSTACK_ENDPOINT"),
    })
}

/// The value of a variable that has to be set.
///
/// # Errors
/// When it is not, or is empty.
pub fn required(variable: &'static str) -> Result<String, InvalidSettings> {
    let value = env::var(variable).ok().filter(|value| !value.is_empty());
    value.ok_or(InvalidSettings::Missing(variable))
}

/// The function's account is the topic's: `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
///
/// # Errors
/// When the topic is named by no ARN.
pub fn home(region: &str, topic_arn: &str) -> Result<Place, InvalidSettings> {
    let mut parts = topic_arn.split(':');
    let partition = parts.nth(1).unwrap_or_default();
    let account = parts.nth(2).unwrap_or_default();
    Place::new(partition, region, account).map_err(|source| InvalidSettings::Invalid {
        variable: "TIDEWAITER_TOPIC_ARN",
        source,
    })
}

fn mode(value: Option<&str>) -> Result<Mode, String> {
    let Some(value) = value else {
        return Err(
            "`TIDEWAITER_MODE` is not set, so nothing is changed: set it to `audit` or `enforce`"
                .to_owned(),
        );
    };
    Mode::parse(value).ok_or_else(|| {
        format!(
            "`TIDEWAITER_MODE` is {}, so nothing is changed: set it to `audit` or `enforce`",
            quoted(value)
        )
    })
}

/// The policy of the layer. Only the default path may be empty: then the built-in policy holds.
fn policy(path: Option<String>) -> Result<(Policy, Option<String>), String> {
    let path = path.filter(|path| !path.is_empty());
    let is_default = path.as_deref().is_none_or(|path| path == POLICY);
    let path = path.as_deref().unwrap_or(POLICY);
    let file = Path::new(path);
    if is_default && !file.exists() {
        return Ok((Policy::default(), None));
    }
    let problem = |what: String| {
        format!(
            "the policy {} cannot be used, so nothing is changed: {what}",
            quoted(path)
        )
    };
    let size = fs::metadata(file)
        .map_err(|error| problem(error.to_string()))?
        .len();
    if size > MAX_BYTES as u64 {
        return Err(problem(format!("it has more than {MAX_BYTES} bytes")));
    }
    let text = fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
    let policy = Policy::from_yaml(&text, Timestamp::now());
    let policy = policy.map_err(|error| problem(error.to_string()))?;
    Ok(vex::put_into(policy, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_that_nobody_chose_is_a_problem() {
        assert_eq!(mode(Some("enforce")), Ok(Mode::Enforce));
        assert_eq!(mode(Some("audit")), Ok(Mode::Audit));
        assert!(mode(None).is_err());
        assert!(mode(Some("Enforce")).unwrap_err().contains("`Enforce`"));
    }

    #[test]
    fn only_the_layers_own_policy_may_be_missing() {
        assert_eq!(policy(None), Ok((Policy::default(), None)));
        assert!(policy(Some("/nowhere/policy.yaml".to_owned())).is_err());
    }

    #[test]
    fn the_policy_that_is_deployed_is_one() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../infra/policy/tidewaiter/policy.yaml"
        );
        assert_eq!(policy(Some(path.to_owned())), Ok((Policy::default(), None)));
    }

    #[test]
    fn the_home_is_the_topics_account_in_the_functions_region() {
        let place = home(
            "cn-north-1",
            "arn:aws-cn:sns:cn-north-1:111122223333:alerts",
        )
        .unwrap();
        assert_eq!(place.account(), "111122223333");
        assert_eq!(place.partition(), "aws-cn");
        assert!(home("eu-west-1", "alerts").is_err());
    }
}
