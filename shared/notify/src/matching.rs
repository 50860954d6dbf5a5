//! Which alerts a route is for.

use tidewaiter_rules::{
    Severity, mapping,
    names::quoted,
    policy::{
        RuleId,
        form::{Filled, Form, text},
        matches,
        mistake::{Mistake, Mistakes},
        pattern::{OnAccount, OnFamily, OnImageTag, OnRegion, OnRepository},
        yaml::{Node, Value},
    },
    with_schema,
};

use crate::{Incoming, incoming::OnChange};

/// One value or a list of them; any of them is enough.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Any<T>(Vec<T>);

impl<T: Form> Form for Any<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let Value::List(list) = &node.value else {
            return T::read(node, mistakes).map(|value| Self(vec![value]));
        };
        if list.is_empty() {
            mistakes.add(
                Mistake::new(node.span, "an empty list matches nothing")
                    .help("name at least one, or leave the member out"),
            );
            return None;
        }
        let read: Vec<Option<T>> = list.iter().map(|node| T::read(node, mistakes)).collect();
        read.into_iter().collect::<Option<Vec<T>>>().map(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self(Vec::new()))
    }

    with_schema! {
        fn schema(definitions: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
            let one = T::schema(definitions);
            serde_json::json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
    }
}

impl<T> Any<T> {
    fn holds(&self, is: impl FnMut(&T) -> bool) -> bool {
        self.0.is_empty() || self.0.iter().any(is)
    }

    fn is_set(&self) -> bool {
        !self.0.is_empty()
    }
}

/// A glob on names and ARNs of people and roles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnPrincipal(String);

impl Form for OnPrincipal {
    const EXAMPLE: &'static str = "\"*/ci-*\"";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let example = "one, for example `\"*:assumed-role/ci-*\"`";
        let written = text(node, "a glob on a name or an ARN", example, mistakes)?;
        Some(Self(written.to_owned()))
    }

    with_schema! {
        fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
            serde_json::json!({ "type": "string" })
        }
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnKind(&'static str);

tidewaiter_rules::choice!(
    OnKind,
    "kind of alert",
    "decision",
    [
        (
            "decision",
            Self("decision"),
            "A task definition, an image or a run was judged."
        ),
        (
            "failure",
            Self("failure"),
            "An event could not be handled, or the set-up is wrong."
        ),
        (
            "waivers",
            Self("waivers"),
            "Waivers have ended or end soon."
        ),
        ("alarm", Self("alarm"), "An alarm of the stack rings."),
    ]
);

mapping! {
    /// Which alerts a route is for: every member that is set has to match. A list matches where one of
    /// it does.
    pub(crate) struct Matching is "`match`" {
        /// The account id, a glob.
        account: Any<OnAccount> = "account",
        /// The region, a glob.
        region: Any<OnRegion> = "region",
        /// The family of a task definition, a glob.
        family: Any<OnFamily> = "family",
        /// The repository of an image, a glob.
        repository: Any<OnRepository> = "repository",
        /// A tag of an image, a glob; of several, one is enough.
        image_tag: Any<OnImageTag> = "image-tag",
        /// A rule with a finding.
        rule: Any<RuleId> = "rule",
        /// The least severity.
        min_severity: Option<Severity> = "min-severity",
        /// What the alert is to those before it.
        change: Any<OnChange> = "change",
        /// Who caused it: a glob on the name or the ARN, as the alert has them.
        principal: Any<OnPrincipal> = "principal",
        /// What the alert is about.
        kind: Any<OnKind> = "kind",
    }
}

impl Filled for Matching {
    const EXAMPLE: &'static str = "{ family: \"batch-*\" }";
    const HELP: &'static str = "name what the route is for, for example `family: \"batch-*\"`, or leave `match` out for everything";

    fn is_empty(&self) -> bool {
        let Self {
            account,
            region,
            family,
            repository,
            image_tag,
            rule,
            min_severity,
            change,
            principal,
            kind,
        } = self;
        let set = [
            account.is_set(),
            region.is_set(),
            family.is_set(),
            repository.is_set(),
            image_tag.is_set(),
            rule.is_set(),
            min_severity.is_some(),
            change.is_set(),
            principal.is_set(),
            kind.is_set(),
        ];
        !set.contains(&true)
    }
}

impl Matching {
    pub(crate) fn holds(&self, alert: &Incoming) -> bool {
        let is_image = alert.subject_kind == "image";
        let family = || family(alert).unwrap_or_default();
        let repository = || alert.subject.split('@').next().unwrap_or_default();
        self.account.holds(|glob| matches(glob, &alert.account))
            && self.region.holds(|glob| matches(glob, &alert.region))
            && self
                .family
                .holds(|glob| !is_image && matches(glob, family()))
            && self
                .repository
                .holds(|glob| is_image && matches(glob, repository()))
            && self
                .image_tag
                .holds(|glob| alert.tags.iter().any(|tag| matches(glob, tag)))
            && self
                .rule
                .holds(|rule| alert.rules.iter().any(|id| id == rule.0))
            && self
                .min_severity
                .is_none_or(|least| alert.severity >= least)
            && self.change.holds(|change| change.0.covers(alert.change))
            && self
                .principal
                .holds(|glob| alert.who.iter().any(|who| matches(&glob.0, who)))
            && self.kind.holds(|kind| kind.0 == alert.kind)
    }
}

/// The family of a definition, of a run's definition, or the name of a service.
pub(crate) fn family(alert: &Incoming) -> Option<&str> {
    if alert.subject.is_empty() || alert.subject_kind == "image" {
        return None;
    }
    alert.subject.split([':', ' ']).next()
}

/// A name of one's own: letters, digits, `-` and `_`.
pub(crate) fn check_name(node_text: &str) -> Result<(), (String, &'static str)> {
    const HELP: &str = "it is made of up to 64 letters, digits, `-` and `_`";
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if (1..=64).contains(&node_text.len()) && node_text.chars().all(is_fit) {
        return Ok(());
    }
    Err((
        format!("{} is no name for a channel", quoted(node_text)),
        HELP,
    ))
}
