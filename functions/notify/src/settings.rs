//! What the function is told by its environment.

use std::{env, fs, path::Path};

use tidewaiter_aws::{Clients, Outlets, Trust};
use tidewaiter_lambda::{InvalidSettings, connection, home, required};
use tidewaiter_notify::Channels;
use tidewaiter_rules::{names::quoted, policy::MAX_BYTES};

/// Where the policy layer puts the file of channels.
const CHANNELS: &str = "/opt/tidewaiter/channels.yaml";

/// What the function works with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The channels, or why there are none.
    pub(crate) channels: Result<Channels, String>,
    pub(crate) clients: Clients,
    pub(crate) outlets: Outlets,
    pub(crate) ledger: String,
    pub(crate) dead_letter_queue_url: String,
}

impl Settings {
    /// Reads `TIDEWAITER_TOPIC_ARN`, `TIDEWAITER_DEAD_LETTER_QUEUE_URL`, `TIDEWAITER_LEDGER`,
    /// `TIDEWAITER_CHANNELS`, and what Lambda sets. `TIDEWAITER_ALLOW_LOOPBACK` is for tests alone.
    pub(crate) fn from_environment() -> Result<Self, InvalidSettings> {
        let home = home(&required("AWS_REGION")?, &required("TIDEWAITER_TOPIC_ARN")?)?;
        let allows_loopback =
            env::var("TIDEWAITER_ALLOW_LOOPBACK").is_ok_and(|value| value == "true");
        Ok(Self {
            channels: channels(env::var("TIDEWAITER_CHANNELS").ok().as_deref()),
            outlets: Outlets::new(
                connection()?,
                home.clone(),
                Trust {
                    allows_loopback,
                    ..Trust::default()
                },
            ),
            clients: Clients::new(connection()?, home),
            ledger: required("TIDEWAITER_LEDGER")?,
            dead_letter_queue_url: required("TIDEWAITER_DEAD_LETTER_QUEUE_URL")?,
        })
    }
}

fn channels(path: Option<&str>) -> Result<Channels, String> {
    let path = path.filter(|path| !path.is_empty()).unwrap_or(CHANNELS);
    let problem = |what: String| format!("the channels {} cannot be used: {what}", quoted(path));
    let file = Path::new(path);
    let size = fs::metadata(file)
        .map_err(|error| problem(error.to_string()))?
        .len();
    if size > MAX_BYTES as u64 {
        return Err(problem(format!("the file has more than {MAX_BYTES} bytes")));
    }
    let text = fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
    Channels::from_yaml(&text).map_err(|error| problem(error.to_string()))
}
