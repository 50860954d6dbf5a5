//! What a channel's secret holds.

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::Kind;

/// The URL, token or key of a channel. It is never shown: neither by `Debug` nor in what a channel
/// answers ([`Credential::concealed`]).
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Where to send to, for the kinds whose address is not always the same.
    pub(crate) url: Option<String>,
    /// The token of a bot, the key of a service, or the key by which requests are signed.
    pub(crate) key: Option<String>,
}

/// A secret that does not hold what the channel needs. It says what is needed, and nothing of what is
/// there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the secret of the channel cannot be used: {0}")]
pub struct InvalidCredential(pub(crate) &'static str);

#[derive(Deserialize)]
struct Written {
    url: Option<String>,
    #[serde(alias = "token")]
    key: Option<String>,
}

/// How long a part of a secret may be, in bytes: an address with a signature has some 500.
const LONGEST: usize = 4096;

impl Credential {
    /// Reads a secret for a channel of this kind: the URL, token or key alone, or JSON with `url` and
    /// `key` (or `token`).
    ///
    /// # Errors
    /// When it lacks what the kind needs, or that cannot stand in a request.
    pub fn read(kind: Kind, secret: &str) -> Result<Self, InvalidCredential> {
        let secret = secret.trim();
        let written = if secret.starts_with('{') {
            serde_json::from_str(secret).map_err(|_| {
                InvalidCredential("it begins like JSON and is none with `url` and `key`")
            })?
        } else {
            let (url, key) = match kind {
                Kind::SlackWebhook | Kind::Teams | Kind::Webhook => (Some(secret.to_owned()), None),
                _ => (None, Some(secret.to_owned())),
            };
            Written { url, key }
        };
        let is_plain = |text: &String| {
            !text.is_empty()
                && text.len() <= LONGEST
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let parts = [written.url.as_ref(), written.key.as_ref()];
        if !parts.into_iter().flatten().all(is_plain) {
            return Err(InvalidCredential(
                "its parts have to be printable ASCII without spaces",
            ));
        }
        match kind {
            Kind::SlackWebhook | Kind::Teams if written.url.is_none() => {
                Err(InvalidCredential("it has to be the URL of the webhook"))
            }
            Kind::Webhook if written.url.is_none() || written.key.is_none() => {
                Err(InvalidCredential(
                    "it has to be JSON with `url`, and `key` by which requests are signed",
                ))
            }
            Kind::SlackBot if written.key.is_none() => {
                Err(InvalidCredential("it has to be the token of the bot"))
            }
            Kind::PagerDuty if written.key.is_none() => Err(InvalidCredential(
                "it has to be the integration key of the service",
            )),
            _ => Ok(Self {
                url: written.url,
                key: written.key,
            }),
        }
    }

    /// The text with `…` in place of the secret and its parts, should a channel answer with them.
    pub fn concealed(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for part in [&self.url, &self.key].into_iter().flatten() {
            shown = shown.replace(part.as_str(), "…");
            // The path of a webhook is the secret of it.
            let path = part
                .split_once("://")
                .and_then(|(_, rest)| rest.split_once('/'));
            if let Some((_, path)) = path.filter(|(_, path)| path.len() >= 8) {
                shown = shown.replace(path, "…");
            }
        }
        shown
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_its_kind_needs_alone_or_as_json() {
        let read = |kind, text| Credential::read(kind, text);
        for (kind, text) in [
            (Kind::SlackWebhook, " https://hooks.example/T/B/x\n"),
            (Kind::SlackBot, "xoxb-1"),
            (
                Kind::SlackBot,
                r#"{"token":"xoxb-1","url":"https://slack-gov.com/api/chat.postMessage"}"#,
            ),
            (Kind::PagerDuty, "k"),
            (
                Kind::PagerDuty,
                r#"{"key":"k","url":"https://events.eu.pagerduty.com/v2/enqueue"}"#,
            ),
            (Kind::Webhook, r#"{"url":"https://siem.example","key":"k"}"#),
            (Kind::Teams, r#"{"url":"https://teams.example/x"}"#),
        ] {
            assert!(read(kind, text).is_ok(), "{text}");
        }
        for (kind, text) in [
            (Kind::SlackWebhook, ""),
            (Kind::SlackWebhook, "{}"),
            (Kind::SlackWebhook, "https://hooks.example/a b"),
            (Kind::Webhook, "https://siem.example"),
            (Kind::PagerDuty, r#"{"url":"https://x"}"#),
            (Kind::SlackBot, "x\r\ny: z"),
            (Kind::SlackBot, "{token"),
        ] {
            let error = read(kind, text).unwrap_err().to_string();
            assert!(text.len() < 3 || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Credential::read(
            Kind::Webhook,
            r#"{"url":"https://h.example/T0/hunter2","key":"s3cr3t"}"#,
        );
        let secret = secret.unwrap();
        assert_eq!(format!("{secret:?}"), "Credential(…)");
        let answer = "no https://h.example/T0/hunter2 with s3cr3t, not even T0/hunter2";
        assert_eq!(secret.concealed(answer), "no … with …, not even …");
    }
}
