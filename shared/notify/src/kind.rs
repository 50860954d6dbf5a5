//! What a channel is: its name, its type, and where its secret is kept.

use tidewaiter_rules::{
    choice,
    policy::{
        form::{Form, Key, text},
        mistake::{Mistake, Mistakes, Span},
        yaml::Node,
    },
    with_schema,
};

use crate::matching::check_name;

/// The name of a channel: at most 64 letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read_from(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        match check_name(text) {
            Ok(()) => Some(Self(text.to_owned())),
            Err((message, help)) => {
                mistakes.add(Mistake::new(span, message).help(help));
                None
            }
        }
    }
}

impl Form for Name {
    const EXAMPLE: &'static str = "on-call";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(node, "the name of a channel", "one", mistakes)?;
        Self::read_from(written, node.span, mistakes)
    }

    with_schema! {
        fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
            serde_json::json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" })
        }
    }
}

impl Key for Name {
    const WANTED: &'static str = "a map of names to channels";
    const EXAMPLE_ENTRY: &'static str = "`NAME: { type: … }`, for example `on-call: { type: pagerduty, secret: tidewaiter/pagerduty }`";

    fn read_key(key: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        Self::read_from(key, span, mistakes)
    }

    with_schema! {
        fn schema_of_keys() -> serde_json::Value {
            serde_json::json!({ "pattern": "^[A-Za-z0-9_-]{1,64}$" })
        }
    }
}

/// What kind of place a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An incoming webhook of Slack; the secret is its URL.
    SlackWebhook,
    /// A bot of Slack, which makes threads; the secret is its token.
    SlackBot,
    /// A workflow webhook of Microsoft Teams; the secret is its URL.
    Teams,
    /// A service of PagerDuty (Events API v2); the secret is its integration key.
    PagerDuty,
    /// A topic that Amazon Q Developer in chat applications listens to.
    AmazonQ,
    /// Any HTTPS endpoint; the secret is JSON with `url` and `key`, by which requests are signed.
    Webhook,
    /// AWS Security Hub of the account and region.
    SecurityHub,
}

choice!(
    Kind,
    "type of channel",
    "slack-webhook",
    [
        (
            "slack-webhook",
            Self::SlackWebhook,
            "An incoming webhook of Slack; the secret is its URL."
        ),
        (
            "slack-bot",
            Self::SlackBot,
            "A bot of Slack, which makes threads; the secret is its token."
        ),
        (
            "teams",
            Self::Teams,
            "A workflow webhook of Microsoft Teams; the secret is its URL."
        ),
        (
            "pagerduty",
            Self::PagerDuty,
            "A service of PagerDuty; the secret is its integration key."
        ),
        (
            "amazon-q",
            Self::AmazonQ,
            "A topic that Amazon Q Developer in chat applications listens to."
        ),
        (
            "webhook",
            Self::Webhook,
            "Any HTTPS endpoint; the secret is JSON with `url` and `key`."
        ),
        (
            "security-hub",
            Self::SecurityHub,
            "AWS Security Hub of the account and region."
        ),
    ],
    &[
        ("slack", "slack-webhook"),
        ("chatbot", "amazon-q"),
        ("microsoft-teams", "teams"),
        ("securityhub", "security-hub"),
        ("http", "webhook"),
        ("https", "webhook"),
    ]
);

impl Kind {
    /// Whether people read it as a conversation: several alerts may be told in one message, later, or
    /// not every time. Others keep a state for each key, and get each alert.
    pub const fn is_chat(self) -> bool {
        matches!(
            self,
            Self::SlackWebhook | Self::SlackBot | Self::Teams | Self::AmazonQ
        )
    }

    /// Whether what flaps is damped: for people it is, machines want the state.
    pub const fn is_damped(self) -> bool {
        self.is_chat() || matches!(self, Self::PagerDuty)
    }

    /// Whether an alert that is late would put it into a state of before.
    pub const fn keeps_state(self) -> bool {
        matches!(self, Self::PagerDuty | Self::SecurityHub)
    }

    pub(crate) const fn has_secret(self) -> bool {
        !matches!(self, Self::AmazonQ | Self::SecurityHub)
    }
}

/// Where a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// AWS Secrets Manager.
    SecretsManager,
    /// Parameter Store of AWS Systems Manager, as a `SecureString`.
    ParameterStore,
}

/// Where the secret of a channel is: no secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(String);

impl Secret {
    /// The store.
    pub fn store(&self) -> Store {
        if self.0.starts_with(PARAMETER) {
            Store::ParameterStore
        } else {
            Store::SecretsManager
        }
    }

    /// The name or ARN in its store.
    pub fn id(&self) -> &str {
        self.0.strip_prefix(PARAMETER).unwrap_or(&self.0)
    }
}

/// What a parameter begins with.
const PARAMETER: &str = "ssm:";

impl Form for Secret {
    const EXAMPLE: &'static str = "tidewaiter/NAME";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let example =
            "the name or ARN of a secret of Secrets Manager, or `ssm:/PATH` for a parameter";
        let written = text(node, "where the secret is", example, mistakes)?;
        // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-:".contains(c);
        let looks_like_one = ["http:", "https:", "xoxb-", "xoxp-"]
            .iter()
            .any(|start| written.starts_with(start));
        let id = written.strip_prefix(PARAMETER).unwrap_or(written);
        let is_name = !id.is_empty() && written.len() <= 2048 && written.chars().all(is_fit);
        if is_name && !looks_like_one {
            return Some(Self(written.to_owned()));
        }
        // Whatever stands there may be the secret itself, so it is not shown.
        let message = if looks_like_one {
            "the secret itself stands here, and the file is no place for it"
        } else {
            "this is no name of a secret"
        };
        mistakes.add(Mistake::new(node.span, message).help(format!("write {example}")));
        None
    }

    with_schema! {
        fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
            serde_json::json!({ "type": "string", "pattern": "^(ssm:)?[A-Za-z0-9/_+=.@:-]{1,2048}$" })
        }
    }
}
