//! What is sent to a channel, ready to be sent.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidewaiter_report::{
    Change,
    channel::{Setting, amazon_q, asff, pagerduty, slack, teams, webhook},
};

use crate::{
    Channel, Channels, Credential, Incoming, Kind, Summary, Thread, credential::InvalidCredential,
};

/// Where Slack takes messages of bots.
const SLACK: &str = "https://slack.com/api/chat.postMessage";

/// What is told.
#[derive(Debug, Clone, Copy)]
pub enum Telling<'a> {
    /// One alert, in full.
    Alert(&'a Incoming),
    /// Several, a line each.
    Summary(&'a Summary),
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// An HTTPS request.
    Post(Post),
    /// A message for this SNS topic.
    Publish {
        /// The ARN.
        topic: String,
        /// The message.
        body: String,
    },
    /// Findings for Security Hub; none where the alert is about no subject.
    Import(Vec<Value>),
}

/// A POST of JSON. Its address and headers hold the secret of the channel, and `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// Headers beside the type of the content, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON.
    pub body: String,
}

impl fmt::Debug for Post {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Post")
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Channels {
    /// What is sent to a channel to tell this, `now`. A bot of Slack puts it under the first message of
    /// `thread`, where there is one.
    ///
    /// # Errors
    /// When the channel needs a secret and gets none that fits.
    pub fn outgoing(
        &self,
        channel: &Channel,
        credential: Option<&Credential>,
        telling: Telling<'_>,
        thread: Option<&Thread>,
        now: Timestamp,
    ) -> Result<Outgoing, InvalidCredential> {
        let missing = InvalidCredential("it is not there");
        let url = || credential.and_then(|known| known.url.clone());
        let key = || {
            credential
                .and_then(|known| known.key.clone())
                .ok_or(missing.clone())
        };
        let post = |url: String, headers, body: &Value| {
            Outgoing::Post(Post {
                url,
                headers,
                body: body.to_string(),
            })
        };
        Ok(match channel.kind {
            Kind::SlackWebhook => {
                let body = match telling {
                    Telling::Alert(alert) => {
                        slack::message(&alert.notice, &self.setting(alert, now))
                    }
                    Telling::Summary(summary) => summary.for_slack(),
                };
                post(url().ok_or(missing)?, Vec::new(), &body)
            }
            Kind::SlackBot => {
                let body = self.for_bot(channel, telling, thread, now);
                let headers = vec![("authorization", format!("Bearer {}", key()?))];
                post(url().unwrap_or_else(|| SLACK.to_owned()), headers, &body)
            }
            Kind::Teams => {
                let body = match telling {
                    Telling::Alert(alert) => {
                        teams::message(&alert.notice, &self.setting(alert, now))
                    }
                    Telling::Summary(summary) => summary.for_teams(),
                };
                post(url().ok_or(missing)?, Vec::new(), &body)
            }
            Kind::PagerDuty => {
                let body = match telling {
                    Telling::Alert(alert) => {
                        pagerduty::event(&alert.notice, &self.setting(alert, now), &key()?)
                    }
                    Telling::Summary(_) => return Err(InvalidCredential(NO_SUMMARY)),
                };
                post(
                    url().unwrap_or_else(|| pagerduty::ENDPOINT.to_owned()),
                    Vec::new(),
                    &body,
                )
            }
            Kind::Webhook => {
                let Telling::Alert(alert) = telling else {
                    return Err(InvalidCredential(NO_SUMMARY));
                };
                let signature = webhook::signature(key()?.as_bytes(), now, &alert.json);
                Outgoing::Post(Post {
                    url: url().ok_or(missing)?,
                    headers: vec![(webhook::HEADER, signature)],
                    body: alert.json.clone(),
                })
            }
            Kind::AmazonQ => {
                let body = match telling {
                    Telling::Alert(alert) => {
                        amazon_q::notification(&alert.notice, &self.setting(alert, now))
                    }
                    Telling::Summary(summary) => summary.for_amazon_q(),
                };
                Outgoing::Publish {
                    topic: channel.target.clone(),
                    body: body.to_string(),
                }
            }
            Kind::SecurityHub => match telling {
                Telling::Alert(alert) => {
                    Outgoing::Import(asff::findings(&alert.notice, &self.setting(alert, now)))
                }
                Telling::Summary(_) => return Err(InvalidCredential(NO_SUMMARY)),
            },
        })
    }

    /// The message of a bot: in the thread, where there is one.
    fn for_bot(
        &self,
        channel: &Channel,
        telling: Telling<'_>,
        thread: Option<&Thread>,
        now: Timestamp,
    ) -> Value {
        let mut body = match (telling, thread) {
            // What goes on under a message need not repeat it.
            (Telling::Alert(alert), Some(_)) if alert.change != Change::Changed => {
                slack::reply(&alert.notice, &self.setting(alert, now))
            }
            (Telling::Alert(alert), _) => slack::message(&alert.notice, &self.setting(alert, now)),
            (Telling::Summary(summary), _) => summary.for_slack(),
        };
        if let Value::Object(members) = &mut body {
            let conversation = thread.map_or(&channel.target, |thread| &thread.conversation);
            members.insert("channel".to_owned(), json!(conversation));
            if let Some(thread) = thread {
                members.insert("thread_ts".to_owned(), json!(thread.first));
            }
        }
        body
    }

    fn setting(&self, alert: &Incoming, now: Timestamp) -> Setting<'_> {
        Setting {
            now,
            rule_pages: self.rule_pages.as_ref(),
            account_name: self.accounts.get(&alert.account).map(String::as_str),
        }
    }
}

/// Only chats get summaries; a plan never says otherwise.
const NO_SUMMARY: &str = "this kind of channel takes one alert at a time";
