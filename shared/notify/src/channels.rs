//! The file of the channels: where alerts are told, and which of them where.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use tidewaiter_report::channel::RulePages;
use tidewaiter_rules::{
    Severity, choice, mapping,
    names::quoted,
    policy::{
        Count, InvalidPolicy, MAX_BYTES, Version,
        form::{Form, Key, NotEmpty, Spanned},
        mistake::{Mistake, Mistakes, Span},
        yaml,
    },
    with_schema,
};

use crate::{
    Daily, Incoming, Kind, Name, Quiet, Secret,
    hours::{DailyEntry, QuietEntry},
    matching::Matching,
};

/// How many channels there may be: each may get each alert.
const MOST: usize = 50;

/// How many changes of one key are told in an hour where nothing is said.
const FLAPS: u32 = 6;

/// How many messages a chat gets in a minute where nothing is said: Slack takes about one a second,
/// and no person reads more.
const RATE: u32 = 30;

/// The same of what keeps a state of each alert: PagerDuty takes 120 a minute for each key, and what waits
/// there comes a quarter of an hour later.
const RATE_OF_STATES: u32 = 100;

mapping! {
    /// Where alerts are told.
    struct ChannelsFile is "a file of channels" {
        /// The version of the form: 1.
        version: Version = "version",
        /// The channels by name.
        channels: Spanned<BTreeMap<Name, ChannelEntry>> = "channels",
        /// Which alerts go where. Each route that matches adds its channels, up to one that says `last`.
        /// Without routes every channel gets every alert.
        routes: Vec<Spanned<RouteEntry>> = "routes",
        /// How often a thing may open and resolve in an hour before it is called flapping and is no longer told
        /// to people until it has been stable for an hour; 6 where nothing is said.
        flaps_per_hour: Option<Count> = "flaps-per-hour",
        /// Where the pages of the rules are: an HTTPS address with `{rule}` in place of a rule's id.
        rule_pages: Option<Spanned<String>> = "rule-pages",
        /// What people call the accounts, by their ids.
        accounts: BTreeMap<AccountId, String> = "accounts",
    }
}

mapping! {
    /// A place where alerts are told.
    struct ChannelEntry is "a channel" {
        /// What kind of place it is.
        kind: Spanned<Kind> = "type",
        /// Where the URL, token or key is: a name or ARN of Secrets Manager, or `ssm:/PATH`.
        secret: Option<Spanned<Secret>> = "secret",
        /// The id of the conversation (`C…`); of `slack-bot` alone.
        conversation: Option<Spanned<String>> = "conversation",
        /// The ARN of the topic; of `amazon-q` alone.
        topic: Option<Spanned<String>> = "topic",
        /// What is less grave is not told here.
        min_severity: Option<Severity> = "min-severity",
        /// How many messages it gets in a minute; 30 where nothing is said. What is more is told together, later.
        rate_per_minute: Option<Spanned<Count>> = "rate-per-minute",
        /// What is gathered and told together at fixed times; of chats alone.
        digest: Option<Spanned<DailyEntry>> = "digest",
        /// Hours in which only what cannot wait is told; of chats alone.
        quiet_hours: Option<Spanned<QuietEntry>> = "quiet-hours",
    }
}

mapping! {
    /// Where some alerts go.
    struct RouteEntry is "a route" {
        /// Which alerts; all where nothing is said.
        matching: Option<NotEmpty<Matching>> = "match",
        /// The channels.
        to: Vec<Spanned<Name>> = "to",
        /// Whether the routes below are left out for an alert that matches.
        last: Option<YesNo> = "last",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct YesNo(bool);

choice!(
    YesNo,
    "yes or no",
    "true",
    [("true", Self(true), "Yes."), ("false", Self(false), "No.")],
    &[("yes", "true"), ("no", "false")]
);

/// The id of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AccountId(String);

impl Key for AccountId {
    const WANTED: &'static str = "a map of account ids to names";
    const EXAMPLE_ENTRY: &'static str = "`\"111122223333\": production`";

    fn read_key(key: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        if key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self(key.to_owned()));
        }
        let message = format!("{} is no account id", quoted(key));
        mistakes.add(Mistake::new(span, message).help("write its 12 digits, in quotes"));
        None
    }

    with_schema! {
        fn schema_of_keys() -> serde_json::Value {
            serde_json::json!({ "pattern": "^[0-9]{12}$" })
        }
    }
}

/// A channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// Its name.
    pub name: Name,
    /// What kind of place it is.
    pub kind: Kind,
    /// Where its secret is, for the kinds that have one.
    pub secret: Option<Secret>,
    /// The conversation of a bot, or the ARN of a topic; empty for all other kinds.
    pub target: String,
    /// How many messages it gets in a minute.
    pub rate_per_minute: u32,
    pub(crate) digest: Option<Daily>,
    pub(crate) quiet: Option<Quiet>,
    min_severity: Severity,
}

#[derive(Debug, Clone, PartialEq)]
struct Route {
    matching: Option<Matching>,
    to: Vec<Name>,
    is_last: bool,
}

/// The channels of a stack, every name of them checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Channels {
    by_name: BTreeMap<Name, Channel>,
    routes: Vec<Route>,
    pub(crate) flaps_per_hour: u32,
    pub(crate) rule_pages: Option<RulePages>,
    pub(crate) accounts: BTreeMap<String, String>,
}

impl Channels {
    /// Reads a file of channels (YAML, version 1).
    ///
    /// # Errors
    /// When it is not YAML, has a member or a name that does not exist, a channel that lacks what its
    /// type needs, or routes that leave some alerts untold without saying so. The error tells every
    /// mistake.
    pub fn from_yaml(written: &str) -> Result<Self, InvalidPolicy> {
        if written.len() > MAX_BYTES {
            return Err(InvalidPolicy::single(format!(
                "the file has more than {MAX_BYTES} bytes"
            )));
        }
        let written = written.strip_prefix('\u{feff}').unwrap_or(written);
        // Nothing in it depends on the day.
        let today = TimeZone::UTC.to_datetime(Timestamp::UNIX_EPOCH).date();
        let shown = without_addresses(written);
        let mut mistakes = Mistakes::new(&shown, today);
        match yaml::parse(written) {
            Err(mistake) => mistakes.add(mistake),
            Ok(node) => {
                if let Some(file) = ChannelsFile::read(&node, &mut mistakes) {
                    let channels = Self::of(file, &mut mistakes);
                    if mistakes.count() == 0 {
                        return Ok(channels);
                    }
                }
            }
        }
        Err(mistakes.into_error())
    }

    fn of(file: ChannelsFile, mistakes: &mut Mistakes<'_>) -> Self {
        let Spanned {
            value: entries,
            span,
        } = file.channels;
        if entries.is_empty() {
            let help = "name at least one; without this file alerts go to the topic alone";
            mistakes.add(Mistake::new(span, "there is no channel").help(help));
        }
        if entries.len() > MOST {
            let message = format!("a stack may have {MOST} channels");
            mistakes.add(Mistake::new(span, message).help("let several teams share one"));
        }
        let channels: BTreeMap<Name, Channel> = entries
            .into_iter()
            .map(|(name, entry)| (name.clone(), channel(name, entry, mistakes)))
            .collect();
        let last = file.routes.last();
        if let Some(open) = last.filter(|route| route.value.matching.is_some()) {
            let message = "an alert that matches no route would be told nowhere";
            mistakes.add(
                Mistake::new(open.span, message)
                    .help("end with a route without `match`; `to: []` where nowhere is meant"),
            );
        }
        let names: Vec<&str> = channels.keys().map(Name::as_str).collect();
        let routes = file.routes.into_iter().map(|Spanned { value: route, .. }| {
            for name in &route.to {
                if !channels.contains_key(&name.value) {
                    let nearest = mistakes.nearest(name.value.as_str(), names.iter().copied());
                    let help = nearest.map_or_else(
                        || "name it under `channels` first".to_owned(),
                        |name| format!("did you mean `{name}`?"),
                    );
                    let message = format!("there is no channel {}", quoted(name.value.as_str()));
                    mistakes.add(Mistake::new(name.span, message).help(help));
                }
            }
            Route {
                matching: route.matching.map(|NotEmpty(matching)| matching),
                to: route.to.into_iter().map(|name| name.value).collect(),
                is_last: route.last == Some(YesNo(true)),
            }
        });
        let routes = routes.collect();
        let rule_pages = file.rule_pages.and_then(|Spanned { value, span }| {
            let pages = RulePages::parse(&value);
            if let Err(error) = &pages {
                mistakes.add(Mistake::new(span, error.to_string()));
            }
            pages.ok()
        });
        Self {
            routes,
            rule_pages,
            accounts: file
                .accounts
                .into_iter()
                .map(|(id, name)| (id.0, name))
                .collect(),
            flaps_per_hour: file.flaps_per_hour.map_or(FLAPS, |Count(most)| most),
            by_name: channels,
        }
    }

    /// The JSON Schema of files of channels (draft 2020-12), for editors.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        let mut definitions = serde_json::Map::new();
        ChannelsFile::schema(&mut definitions);
        let mut schema = definitions.remove("ChannelsFile").unwrap_or_default();
        if let serde_json::Value::Object(schema) = &mut schema {
            let draft = "https://json-schema.org/draft/2020-12/schema";
            schema.insert("$schema".to_owned(), draft.into());
            schema.insert("title".to_owned(), "Tidewaiter channels".into());
            schema.insert("$defs".to_owned(), definitions.into());
        }
        schema
    }

    /// Whether a channel is not told of what opens and resolves too often.
    pub fn damps(&self, channel: &Channel) -> bool {
        self.flaps_per_hour > 0 && channel.kind.is_damped()
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Channel> {
        self.by_name.values()
    }

    /// The channel of this name.
    pub fn named(&self, name: &str) -> Option<&Channel> {
        self.by_name
            .values()
            .find(|channel| channel.name.as_str() == name)
    }

    /// The channels that are to hear of an alert, each once.
    pub fn of_alert(&self, alert: &Incoming) -> Vec<&Channel> {
        let is_told = |channel: &&Channel| alert.severity >= channel.min_severity;
        if self.routes.is_empty() {
            return self.by_name.values().filter(is_told).collect();
        }
        let mut named: Vec<&Name> = Vec::new();
        for route in &self.routes {
            if route
                .matching
                .as_ref()
                .is_none_or(|matching| matching.holds(alert))
            {
                named.extend(&route.to);
                if route.is_last {
                    break;
                }
            }
        }
        named.sort_unstable();
        named.dedup();
        let channels = named.into_iter().filter_map(|name| self.by_name.get(name));
        channels.filter(is_told).collect()
    }
}

fn channel(name: Name, entry: ChannelEntry, mistakes: &mut Mistakes<'_>) -> Channel {
    note_misfits(&name, &entry, mistakes);
    let digest = entry
        .digest
        .map(|digest| (digest.value.finish(), digest.span));
    if let Some((None, span)) = &digest {
        mistakes.add(Mistake::new(*span, "the digest has no times").help("add `at: [\"09:00\"]`"));
    }
    let quiet = entry
        .quiet_hours
        .map(|quiet| (quiet.value.finish(), quiet.span));
    if let Some((None, span)) = &quiet {
        mistakes.add(
            Mistake::new(*span, "the quiet hours end when they begin")
                .help("write other times; a channel that is to be quiet all day needs a `digest`"),
        );
    }
    let target = entry
        .conversation
        .or(entry.topic)
        .map(|target| target.value);
    let rate = if entry.kind.value.is_chat() {
        RATE
    } else {
        RATE_OF_STATES
    };
    Channel {
        kind: entry.kind.value,
        secret: entry.secret.map(|secret| secret.value),
        target: target.unwrap_or_default(),
        rate_per_minute: entry.rate_per_minute.map_or(rate, |rate| rate.value.0),
        digest: digest.and_then(|(digest, _)| digest),
        quiet: quiet.and_then(|(quiet, _)| quiet),
        min_severity: entry.min_severity.unwrap_or(Severity::Info),
        name,
    }
}

/// Says what a channel of its type has too much or too little.
fn note_misfits(name: &Name, entry: &ChannelEntry, mistakes: &mut Mistakes<'_>) {
    let Spanned { value: kind, span } = entry.kind;
    let mut misplaced = |span: Span, member: &str, of: &str| {
        let message = format!("`{member}` is for {of}");
        mistakes.add(Mistake::new(span, message).help("remove it, or choose another `type`"));
    };
    if !kind.has_secret()
        && let Some(secret) = &entry.secret
    {
        misplaced(
            secret.span,
            "secret",
            "channels that need one, and this type needs none",
        );
    }
    if kind != Kind::SlackBot
        && let Some(conversation) = &entry.conversation
    {
        misplaced(conversation.span, "conversation", "`slack-bot` alone");
    }
    if kind != Kind::AmazonQ
        && let Some(topic) = &entry.topic
    {
        misplaced(topic.span, "topic", "`amazon-q` alone");
    }
    if !kind.is_chat() {
        const CHATS: &str = "chats, where several alerts make one message";
        if let Some(digest) = &entry.digest {
            misplaced(digest.span, "digest", CHATS);
        }
        if let Some(quiet) = &entry.quiet_hours {
            misplaced(quiet.span, "quiet-hours", CHATS);
        }
    }
    let mut lacking = |member: &str, example: &str| {
        let message = format!("the channel {} lacks `{member}`", quoted(name.as_str()));
        mistakes.add(Mistake::new(span, message).help(format!("add `{member}: {example}`")));
    };
    if kind.has_secret() && entry.secret.is_none() {
        lacking("secret", "tidewaiter/NAME");
    }
    if kind == Kind::SlackBot && entry.conversation.is_none() {
        lacking("conversation", "C0123456789");
    }
    if kind == Kind::AmazonQ && entry.topic.is_none() {
        lacking("topic", "arn:aws:sns:REGION:ACCOUNT:NAME");
    }
    if let Some(Spanned {
        value: Count(0),
        span,
    }) = entry.rate_per_minute
    {
        let message = "a channel that gets no message in a minute gets none at all";
        mistakes.add(Mistake::new(span, message).help("write at least 1, or remove the channel"));
    }
    if let Some(topic) = &entry.topic
        && !is_topic(&topic.value)
    {
        let message = "this is no ARN of a topic";
        let help = "write `arn:aws:sns:REGION:ACCOUNT:NAME`";
        mistakes.add(Mistake::new(topic.span, message).help(help));
    }
    if let Some(conversation) = &entry.conversation
        && !conversation
            .value
            .chars()
            .all(|c| c.is_ascii_alphanumeric())
    {
        let message = "this is no id of a conversation";
        let help = "write the id (`C…`) that stands at the end of the channel's details in Slack";
        mistakes.add(Mistake::new(conversation.span, message).help(help));
    }
}

fn is_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(parts.as_slice(), ["arn", partition, "sns", region, account, name]
        if partition.starts_with("aws") && !region.is_empty() && account.len() == 12 && !name.is_empty())
}

/// The text with `*` for what stands behind the host of each address: the address of a webhook is the
/// secret itself, and every mistake shows its line.
fn without_addresses(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let is_end = |c: char| c.is_whitespace() || "\"',}]".contains(c);
        let (address, behind) = after
            .split_at_checked(after.find(is_end).unwrap_or(after.len()))
            .unwrap_or((after, ""));
        let (host, path) = address.split_once('/').unwrap_or((address, ""));
        shown.push_str(host);
        if !path.is_empty() {
            shown.push('/');
            shown.extend(path.chars().map(|_| '*'));
        }
        rest = behind;
    }
    shown.push_str(rest);
    shown
}
