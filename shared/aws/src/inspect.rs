//! A stack as CloudFormation describes it and as AWS has it, for whoever asks whether the two agree.
//! Nothing here writes.
//!
//! What AWS answers is given as it came, as JSON in the spelling of its API: a type of our own would drop
//! the member that somebody changed.

mod artifact;
mod ecr;
mod events;
mod functions;
mod queues;
mod roles;
mod stack;
mod table;
mod topics;
mod trail;
mod watching;

pub use artifact::Artifact;
pub use stack::{Stack, StackResource};
pub use topics::Subscription;
pub use watching::{Alarm, Metric};

use aws_types::SdkConfig;
use serde_json::Value;

use crate::{CallError, Clients};

/// Reads what stands behind a stack.
#[derive(Debug)]
pub struct Inspector<'a> {
    pub(crate) clients: &'a Clients,
    cloudformation: aws_sdk_cloudformation::Client,
    cloudtrail: aws_sdk_cloudtrail::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    events: aws_sdk_eventbridge::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    pipes: aws_sdk_pipes::Client,
    s3: aws_sdk_s3::Client,
}

impl<'a> Inspector<'a> {
    /// One that reads as the configuration says.
    pub(crate) fn of(clients: &'a Clients, config: &SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config)
            // An endpoint of one's own has no name for every bucket.
            .force_path_style(config.endpoint_url().is_some())
            .build();
        Self {
            clients,
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            cloudtrail: aws_sdk_cloudtrail::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            pipes: aws_sdk_pipes::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3),
        }
    }
}

/// The JSON that AWS answers to a call.
macro_rules! answer {
    ($name:expr, $call:expr) => {{
        let body = $crate::body::Body::default();
        let sent = $call.customize().interceptor(body.clone()).send().await;
        match sent {
            Ok(_) => body.read::<serde_json::Value>($name),
            Err(error) => Err($crate::CallError::of($name, &error)),
        }
    }};
}
use answer;

/// An answer, or `None` where AWS says by one of these codes that there is no such thing.
fn found<T>(answer: Result<T, CallError>, missing: &[&str]) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code().is_some_and(|code| missing.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The document in a text; a text that is none stays one, and equals no document.
fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
