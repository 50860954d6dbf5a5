//! What a channel's answer means for the alerts that were sent.

use serde::Deserialize;
use tidewaiter_report::clean;

use crate::{Credential, Kind};

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<u32>,
    /// The begin of the body.
    pub body: String,
}

/// Where the messages about one key stand in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Slack's id of the conversation.
    pub conversation: String,
    /// Slack's id of the first message.
    pub first: String,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there; in a thread that others can go to, where the channel has such.
    Delivered(Option<Thread>),
    /// The channel will not take this message, however often it is sent.
    Refused(String),
    /// The secret is wrong or was changed: it is to be read again.
    Unauthorized(String),
    /// Later it may be taken; after so many seconds, where the channel says that.
    Later {
        /// How long to leave the channel alone, in seconds.
        after: Option<u32>,
        /// Why.
        reason: String,
    },
}

/// What Slack's Web API answers, with status 200 in any case.
#[derive(Deserialize)]
struct Slack {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
}

/// How long a channel is left alone that says that it is too much and not for how long, in seconds.
const PAUSE: u32 = 30;

/// No channel is left alone for longer, whatever it says, in seconds.
const LONGEST_PAUSE: u32 = 3600;

impl Answer {
    /// What the answer of a channel of this kind means.
    pub fn outcome(&self, kind: Kind, credential: &Credential) -> Outcome {
        let body = credential.concealed(self.body.trim());
        let said = clean(&body, 200);
        let reason = match said.as_str() {
            "" => format!("it answered {}", self.status),
            said => format!("it answered {}: {said}", self.status),
        };
        match self.status {
            200..=299 if kind == Kind::SlackBot => self.slack(&body),
            200..=299 => Outcome::Delivered(None),
            429 => self.later(reason),
            // Slack answers 404 `no_service` and 410 for a webhook that was removed, others 401 or 403.
            401 | 403 | 404 | 410 => Outcome::Unauthorized(reason),
            300..=399 => Outcome::Refused(format!(
                "{reason}; it points elsewhere, which is not followed"
            )),
            408 | 425 | 500..=599 => Outcome::Later {
                after: self.retry_after.map(|seconds| seconds.min(LONGEST_PAUSE)),
                reason,
            },
            _ => Outcome::Refused(reason),
        }
    }

    fn later(&self, reason: String) -> Outcome {
        let after = self.retry_after.unwrap_or(PAUSE).clamp(1, LONGEST_PAUSE);
        Outcome::Later {
            after: Some(after),
            reason,
        }
    }

    /// <https://docs.slack.dev/reference/methods/chat.postMessage/#errors>
    fn slack(&self, body: &str) -> Outcome {
        let Ok(answer) = serde_json::from_str::<Slack>(body) else {
            return Outcome::Later {
                after: None,
                reason: "it answered what is not Slack's JSON".to_owned(),
            };
        };
        if answer.ok {
            let thread = answer.channel.zip(answer.ts);
            return Outcome::Delivered(thread.map(|(conversation, first)| Thread {
                conversation: clean(&conversation, 50),
                first: clean(&first, 50),
            }));
        }
        let error = clean(answer.error.as_deref().unwrap_or("unknown_error"), 100);
        let reason = format!("it answered `{error}`");
        match error.as_str() {
            "ratelimited" | "rate_limited" | "message_limit_exceeded" => self.later(reason),
            "invalid_auth" | "not_authed" | "token_expired" | "token_revoked"
            | "account_inactive" => Outcome::Unauthorized(reason),
            "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"
            | "team_added_to_org" => Outcome::Later {
                after: None,
                reason,
            },
            _ => Outcome::Refused(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: Kind, status: u16, retry_after: Option<u32>, body: &str) -> Outcome {
        let credential = Credential::read(
            kind,
            r#"{"url":"https://h.example/T0/hunter2","key":"s3cr3t"}"#,
        )
        .unwrap();
        Answer {
            status,
            retry_after,
            body: body.to_owned(),
        }
        .outcome(kind, &credential)
    }

    fn name(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Delivered(_) => "delivered",
            Outcome::Refused(_) => "refused",
            Outcome::Unauthorized(_) => "unauthorized",
            Outcome::Later { .. } => "later",
        }
    }

    #[test]
    fn each_status_says_whether_another_attempt_helps() {
        for kind in [
            Kind::SlackWebhook,
            Kind::Teams,
            Kind::PagerDuty,
            Kind::Webhook,
        ] {
            for (status, body, expected) in [
                (200, "ok", "delivered"),
                (202, "", "delivered"),
                (400, "invalid_blocks", "refused"),
                (413, "", "refused"),
                (301, "", "refused"),
                (401, "", "unauthorized"),
                (403, "invalid_token", "unauthorized"),
                (404, "no_service", "unauthorized"),
                (410, "channel_is_archived", "unauthorized"),
                (408, "", "later"),
                (429, "", "later"),
                (500, "", "later"),
                (503, "", "later"),
            ] {
                assert_eq!(
                    name(&outcome(kind, status, None, body)),
                    expected,
                    "{kind:?} {status}"
                );
            }
        }
    }

    #[test]
    fn slack_says_in_the_body_what_became_of_it() {
        for (body, expected) in [
            (r#"{"ok":true,"ts":"1.2","channel":"C1"}"#, "delivered"),
            (r#"{"ok":false,"error":"ratelimited"}"#, "later"),
            (r#"{"ok":false,"error":"internal_error"}"#, "later"),
            (r#"{"ok":false,"error":"invalid_auth"}"#, "unauthorized"),
            (r#"{"ok":false,"error":"channel_not_found"}"#, "refused"),
            (r#"{"ok":false,"error":"invalid_blocks"}"#, "refused"),
            ("<html>", "later"),
        ] {
            assert_eq!(
                name(&outcome(Kind::SlackBot, 200, None, body)),
                expected,
                "{body}"
            );
        }
        let thread = Thread {
            conversation: "C1".to_owned(),
            first: "1.2".to_owned(),
        };
        let there = outcome(
            Kind::SlackBot,
            200,
            None,
            r#"{"ok":true,"ts":"1.2","channel":"C1"}"#,
        );
        assert_eq!(there, Outcome::Delivered(Some(thread)));
    }

    #[test]
    fn retry_after_is_honoured_within_bounds() {
        let after = |status, seconds| match outcome(Kind::Teams, status, seconds, "") {
            Outcome::Later { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(429, Some(7)), Some(7));
        assert_eq!(after(429, None), Some(30));
        assert_eq!(after(429, Some(u32::MAX)), Some(3600));
        assert_eq!(after(503, Some(9)), Some(9));
        assert_eq!(after(503, None), None);
    }

    #[test]
    fn a_reason_is_one_bounded_line_without_the_secret() {
        let body = format!("no\r\nhttps://h.example/T0/hunter2 {}", "x".repeat(9000));
        let Outcome::Refused(reason) = outcome(Kind::Teams, 400, None, &body) else {
            panic!("refused");
        };
        assert!(
            reason.chars().count() < 230 && !reason.contains("hunter2") && !reason.contains('\n')
        );
    }
}
