//! One message to one channel.

use std::time::Duration;

use jiff::Timestamp;
use tidewaiter_aws::{CallError, Failed, publish_text};
use tidewaiter_notify::{
    Answer, Channel, Channels, Credential, Outcome, Outgoing, Store, Telling, Thread,
};

use crate::settings::Settings;

/// How long to wait before a channel is tried again that had a fault.
const WAIT: Duration = Duration::from_millis(500);

/// How long a channel may ask to be left alone for, in seconds, that it is waited for at once.
const SHORT: u32 = 3;

/// Sends a message.
///
/// A secret that the channel does not accept is read once more, because it may have been changed within the
/// five minutes for which it is believed. After a fault of the channel (5xx), or where it asks for
/// a few seconds, there is one more attempt. Not
/// after a time-out or a connection that was cut: the message may have arrived.
pub(crate) async fn send(
    settings: &Settings,
    channels: &Channels,
    channel: &Channel,
    telling: Telling<'_>,
    thread: Option<&Thread>,
    now: Timestamp,
) -> Outcome {
    let mut is_fresh = false;
    let mut had_fault = false;
    let mut refused_with: Option<Credential> = None;
    loop {
        let credential = match credential(settings, channel, is_fresh).await {
            Ok(credential) => credential,
            Err(reason) => {
                return Outcome::Later {
                    after: None,
                    reason,
                };
            }
        };
        let outgoing = channels.outgoing(channel, credential.as_ref(), telling, thread, now);
        let post = match outgoing {
            Ok(Outgoing::Post(post)) => post,
            Ok(Outgoing::Publish { topic, body }) => {
                return called(publish_text(&settings.clients, &topic, &body).await);
            }
            Ok(Outgoing::Import(findings)) if findings.is_empty() => {
                return Outcome::Delivered(None);
            }
            Ok(Outgoing::Import(findings)) => {
                return called(settings.outlets.import_findings(&findings).await);
            }
            Err(error) => {
                return Outcome::Later {
                    after: None,
                    reason: error.to_string(),
                };
            }
        };
        let posted = settings
            .outlets
            .post(&post.url, &post.headers, post.body)
            .await;
        let (Ok(posted), Some(credential)) = (&posted, &credential) else {
            return failed(posted.err());
        };
        let answer = Answer {
            status: posted.status,
            retry_after: posted.retry_after,
            // What the secret was before is a secret as well.
            body: match &refused_with {
                Some(before) => Credential::concealed(before, &posted.body),
                None => posted.body.clone(),
            },
        };
        match answer.outcome(channel.kind, credential) {
            Outcome::Unauthorized(reason)
                if is_fresh || refused_with.as_ref() == Some(credential) =>
            {
                return Outcome::Refused(reason);
            }
            Outcome::Unauthorized(_) => {
                refused_with = Some(credential.clone());
                is_fresh = true;
            }
            Outcome::Later { after: None, .. } if !had_fault && posted.status >= 500 => {
                had_fault = true;
                tokio::time::sleep(WAIT).await;
            }
            // Slack mostly asks for a second, and the queue would take minutes.
            Outcome::Later {
                after: Some(seconds @ ..=SHORT),
                ..
            } if !had_fault => {
                had_fault = true;
                tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            }
            outcome => return outcome,
        }
    }
}

async fn credential(
    settings: &Settings,
    channel: &Channel,
    must_be_fresh: bool,
) -> Result<Option<Credential>, String> {
    let Some(secret) = &channel.secret else {
        return Ok(None);
    };
    let read = match secret.store() {
        Store::SecretsManager => settings.outlets.secret(secret.id(), must_be_fresh).await,
        Store::ParameterStore => settings.outlets.parameter(secret.id(), must_be_fresh).await,
    };
    let read = read.map_err(|error| error.to_string())?;
    let credential = Credential::read(channel.kind, &read).map_err(|error| error.to_string())?;
    Ok(Some(credential))
}

fn called(result: Result<(), CallError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Delivered(None),
        Err(error) if error.is_transient() => Outcome::Later {
            after: None,
            reason: error.to_string(),
        },
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

fn failed(failed: Option<Failed>) -> Outcome {
    let failed = failed.unwrap_or(Failed::Disconnected);
    match failed {
        // Another secret may help, and no time.
        Failed::Unusable => Outcome::Refused(failed.to_string()),
        Failed::TimedOut | Failed::Disconnected => Outcome::Later {
            after: None,
            reason: failed.to_string(),
        },
    }
}
