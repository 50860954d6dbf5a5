//! The policy file.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    Alerting, Count, InUse, InvalidPolicy, Layer, Level, MOST_ACTIONS, Method, Parameters, Policy,
    Profile, Running, Target, Unknown, Waiver,
    form::{Filled, Form, Key, NotEmpty, Spanned, mapping, text},
    image::Images,
    mistake::{Mistake, Mistakes, Span},
    preset::{self, Preset},
    scope::{Matching, Scope},
    vex::{BesidePolicy, MOST_VEX_FILES},
    vulnerability,
    yaml::{self, Node, Value},
};
use crate::{Mode, catalogue, names::quoted};

/// The largest policy file that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How many scopes there may be: each is held against each.
const MOST_SCOPES: usize = 500;

/// How far ahead a waiver may end, in days.
const LONGEST: i64 = 366;

mapping! {
    /// What Tidewaiter is to want of task definitions and images.
    struct PolicyFile is "a policy" {
        /// The version of the form: 1.
        version: Version = "version",
        /// The levels to start from.
        profile: Option<Profile> = "profile",
        /// Whether what is denied is acted on. It can only take away from the mode of the stack.
        mode: Option<Mode> = "mode",
        /// Levels of single rules.
        rules: BTreeMap<RuleId, Level> = "rules",
        /// Where other levels hold; the narrowest scope decides.
        scopes: Vec<ScopeEntry> = "scopes",
        /// What single rules are told.
        parameters: Parameters = "parameters",
        /// What an answer costs that cannot be known.
        unknown: Option<Unknown> = "unknown",
        /// How many actions a function may take in an hour of the clock; 60 where nothing is said. Over it
        /// the function only says what it would do, until the hour is over.
        max_actions_per_hour: Option<Count> = "max-actions-per-hour",
        /// What is done about a denied image that runs, or of which that cannot be known.
        in_use: Option<InUse> = "in-use",
        /// What is done about what runs a denied image, or is being deployed with one: nothing where nothing is
        /// said.
        running: Running = "running",
        /// How denied images are put into quarantine.
        method: Method = "quarantine",
        /// When on-call hears again of what is still open.
        alerts: Alerting = "alerts",
        /// Built-in exceptions for well-known agents, by name.
        presets: Vec<&'static Preset> = "presets",
        /// OpenVEX documents: paths in the policy's folder. What they say does not affect an image does
        /// not count.
        vex: Vec<Spanned<BesidePolicy>> = "vex",
        /// Exceptions, each with an end.
        waivers: Vec<WaiverEntry> = "waivers",
    }
}

mapping! {
    /// Other levels for some subjects.
    struct ScopeEntry is "a scope" {
        /// What the scope is for; all that is set has to match.
        matching: Spanned<NotEmpty<Matching>> = "match",
        /// The levels to start from here.
        profile: Option<Profile> = "profile",
        /// Whether what is denied here is acted on.
        mode: Option<Mode> = "mode",
        /// Levels of single rules here.
        rules: BTreeMap<RuleId, Level> = "rules",
        /// What the rules about images are told here; what is left out is as elsewhere.
        images: Spanned<Images> = "images",
    }
}

mapping! {
    /// An exception.
    struct WaiverEntry is "a waiver" {
        /// The name by which reports call it.
        id: Spanned<String> = "id",
        /// The rules that it is an exception from.
        rules: NotEmpty<Vec<RuleId>> = "rules",
        /// Where it holds; all that is set has to match.
        target: Spanned<NotEmpty<Target>> = "target",
        /// Why.
        reason: String = "reason",
        /// Who answers for it.
        owner: String = "owner",
        /// Where it was agreed.
        ticket: Option<String> = "ticket",
        /// The last day on which it holds, a year ahead at most.
        expires: LastDay = "expires",
    }
}

pub(super) fn read(written: &str, today: Date) -> Result<Policy, InvalidPolicy> {
    if written.len() > MAX_BYTES {
        let message = format!("the policy has more than {MAX_BYTES} bytes");
        return Err(InvalidPolicy::single(message));
    }
    let written = written.strip_prefix('\u{feff}').unwrap_or(written);
    let mut mistakes = Mistakes::new(written, today);
    match yaml::parse(written) {
        Err(mistake) => mistakes.add(mistake),
        Ok(node) => {
            if let Some(policy) = policy(&node, &mut mistakes)
                && mistakes.count() == 0
            {
                return Ok(policy);
            }
        }
    }
    Err(mistakes.into_error())
}

fn policy(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Policy> {
    if let Some(mistake) = not_ours(node) {
        mistakes.add(mistake);
        return None;
    }
    let file = PolicyFile::read(node, mistakes)?;
    if let Some(beyond) = file.vex.get(MOST_VEX_FILES) {
        let message = format!("a policy may name {MOST_VEX_FILES} OpenVEX documents");
        mistakes.add(Mistake::new(beyond.span, message).help("put statements together in one"));
    }
    let waivers = waivers(file.waivers, mistakes);
    let mut parameters = file.parameters;
    let suppressions = waivers.iter().filter_map(Waiver::suppression);
    parameters.image.suppressions.extend(suppressions);
    let presets = file.presets.iter().copied();
    parameters.image.delete_after_days = file.method.deletes_after();
    parameters.image.of_kernel = presets.clone().find(|preset| preset.is_of_kernel());
    Some(Policy {
        base: Layer {
            profile: Some(file.profile.unwrap_or_default()),
            mode: file.mode,
            levels: levels(file.rules),
            images: Images::default(),
        },
        scopes: scopes(file.scopes, mistakes),
        parameters,
        waivers,
        unknown: file.unknown.unwrap_or_default(),
        max_actions_per_hour: file
            .max_actions_per_hour
            .map_or(MOST_ACTIONS, |Count(most)| most),
        presets: file.presets,
        in_use: file.in_use.unwrap_or_default(),
        running: file.running,
        alerting: file.alerts,
        method: file.method,
        vex: file.vex.into_iter().map(|path| path.value.0).collect(),
        lacks_vex: false,
    })
}

/// What is said of a file in place of everything that is wrong with it, because it is none of ours
/// or none that this program knows.
fn not_ours(node: &Node) -> Option<Mistake> {
    const HELP: &str =
        "a policy begins with `version: 1`, and `profile: default` is a good second line";
    let entries = match &node.value {
        Value::Null => return Some(Mistake::new(node.span, "the policy is empty").help(HELP)),
        Value::Map(entries) => entries,
        _ => {
            let message = format!("{} stands here, and a policy is a map", node.kind());
            return Some(Mistake::new(node.span, message).help(HELP));
        }
    };
    let is_known = |key: &str| PolicyFile::MEMBERS.contains(&key);
    if !entries.iter().any(|entry| is_known(&entry.key)) && entries.len() > 1 {
        let message = "this is no policy: it has none of a policy's members";
        return Some(Mistake::new(node.span, message).help(HELP));
    }
    let version = entries.iter().find(|entry| entry.key == "version")?;
    match &version.node.value {
        Value::Scalar(text) if text.parse::<u64>().is_ok_and(|version| version != 1) => {
            let message =
                format!("the policy is of version {text}, and this program reads version 1");
            Some(
                Mistake::new(version.node.span, message)
                    .help("write `version: 1`, or use the release that the policy was written for"),
            )
        }
        _ => None,
    }
}

/// The schema of the file.
#[cfg(feature = "schema")]
pub(super) fn schema() -> Json {
    let mut definitions = Map::new();
    PolicyFile::schema(&mut definitions);
    let mut schema = definitions.remove("PolicyFile").unwrap_or_default();
    if let Json::Object(schema) = &mut schema {
        schema.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        schema.insert("title".to_owned(), "Tidewaiter policy".into());
        schema.insert("$defs".to_owned(), Json::Object(definitions));
    }
    schema
}

fn levels(rules: BTreeMap<RuleId, Level>) -> BTreeMap<&'static str, Level> {
    rules.into_iter().map(|(id, level)| (id.0, level)).collect()
}

fn scopes(entries: Vec<ScopeEntry>, mistakes: &mut Mistakes<'_>) -> Vec<Scope> {
    let mut scopes: Vec<(Span, Scope)> = Vec::new();
    for entry in entries {
        let span = entry.matching.span;
        if scopes.len() == MOST_SCOPES {
            let message = format!(
                "this is scope {}, and a policy may have {MOST_SCOPES}",
                MOST_SCOPES + 1
            );
            mistakes.add(Mistake::new(span, message).help("let a glob match more"));
            break;
        }
        if let (false, Some(member)) = (
            entry.images.value.is_empty(),
            entry.matching.value.of_definitions(),
        ) {
            let message = format!("`images` is for scanned images, and they have no `{member}`");
            mistakes.add(Mistake::new(entry.images.span, message).help(
                "match by `account`, `region`, `repository` or `image-tag`, in a scope of its own",
            ));
        }
        let scope = Scope {
            layer: Layer {
                profile: entry.profile,
                mode: entry.mode,
                levels: levels(entry.rules),
                images: entry.images.value,
            },
            matching: entry.matching.value.0,
        };
        let tied = scopes.iter().find(|(_, other)| {
            other.matching.specificity() == scope.matching.specificity()
                && other.layer != scope.layer
                && !other.matching.is_apart_from(&scope.matching)
        });
        if let Some((other, _)) = tied {
            let message = "two scopes are equally narrow, can hold for the same subject, and want different things";
            mistakes.add(
                Mistake::new(span, message)
                    .and("and this one", *other, "this one")
                    .help(
                        "let one of them match more, or remove a glob, so that it is the narrower",
                    ),
            );
        }
        scopes.push((span, scope));
    }
    scopes.into_iter().map(|(_, scope)| scope).collect()
}

fn waivers(entries: Vec<WaiverEntry>, mistakes: &mut Mistakes<'_>) -> Vec<Waiver> {
    let mut ids: BTreeMap<String, Span> = BTreeMap::new();
    let mut waivers = Vec::new();
    for entry in entries {
        let Spanned { value: id, span } = entry.id;
        if let Some(first) = ids.get(&id) {
            let message = format!("there are two waivers {}", quoted(&id));
            mistakes.add(
                Mistake::new(span, message)
                    .and("again here", *first, "first here")
                    .help("give each an id of its own: reports call it by that"),
            );
        }
        if id.starts_with(preset::PREFIX) {
            let message = format!("{} is how reports call a preset", quoted(&id));
            mistakes.add(Mistake::new(span, message).help("give the waiver another id"));
        }
        ids.entry(id.clone()).or_insert(span);
        let rules: Vec<&'static str> = entry.rules.0.into_iter().map(|rule| rule.0).collect();
        let target = entry.target.value.0;
        if let Some(mistake) = vulnerability::mistake(&rules, &target, entry.target.span) {
            mistakes.add(mistake);
        }
        waivers.push(Waiver {
            id,
            rules,
            target,
            reason: entry.reason,
            owner: entry.owner,
            ticket: entry.ticket,
            expires: entry.expires.0,
        });
    }
    waivers
}

/// The version of the form: 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Version;

impl Form for Version {
    const EXAMPLE: &'static str = "1";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(node, "the version", "`version: 1`", mistakes)?;
        if written == "1" {
            return Some(Self);
        }
        let message = format!("there is no version {}", quoted(written));
        mistakes.add(Mistake::new(node.span, message).help("write `version: 1`"));
        None
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "const": 1 })
    }
}

/// The id of a rule that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(pub &'static str);

impl RuleId {
    fn find(id: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        if let Some(rule) = catalogue::find(id) {
            return Some(Self(rule.id));
        }
        let ids = catalogue::RULES.iter().map(|rule| rule.id);
        let help = match mistakes.nearest(id, ids) {
            _ if id.contains(['*', '?']) => {
                "name rules one by one; a whole set of levels is a `profile`".to_owned()
            }
            Some(id) => format!("did you mean `{id}`?"),
            None => "`tidewaiter rules` lists them".to_owned(),
        };
        let message = format!("there is no rule {}", quoted(id));
        mistakes.add(Mistake::new(span, message).help(help));
        None
    }

    #[cfg(feature = "schema")]
    fn named() -> Json {
        let ids: Vec<&str> = catalogue::RULES.iter().map(|rule| rule.id).collect();
        json!({ "enum": ids })
    }
}

impl Form for RuleId {
    const EXAMPLE: &'static str = "root-user";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let id = text(
            node,
            "the id of a rule",
            "one, for example `root-user`",
            mistakes,
        )?;
        Self::find(id, node.span, mistakes)
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        super::form::define(definitions, "RuleId", |_| Self::named())
    }
}

impl Key for RuleId {
    const WANTED: &'static str = "a map of rule ids to levels";
    const EXAMPLE_ENTRY: &'static str = "`RULE: LEVEL`, for example `root-user: deny`";

    fn read_key(key: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        Self::find(key, span, mistakes)
    }

    #[cfg(feature = "schema")]
    fn schema_of_keys() -> Json {
        json!({ "$ref": "#/$defs/RuleId" })
    }
}

impl Filled for Vec<RuleId> {
    const EXAMPLE: &'static str = "[root-user]";
    const HELP: &'static str =
        "name the rules that it is an exception from, for example `[root-user]`";

    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

/// A day that is not too far ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LastDay(Date);

impl Form for LastDay {
    const EXAMPLE: &'static str = "YYYY-MM-DD";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let ahead = |days: i64| mistakes.today.checked_add(days.days()).unwrap_or(Date::MAX);
        let (soon, latest) = (ahead(90), ahead(LONGEST));
        let example = format!("the last day as YYYY-MM-DD, for example `{soon}`");
        let written = text(node, "a day", &example, mistakes)?;
        let has_form = written.len() == 10;
        let day = written.parse::<Date>().ok().filter(|_| has_form);
        let message = match day {
            Some(day) if day > latest => format!("`{day}` is more than a year ahead"),
            Some(day) => return Some(Self(day)),
            None => format!("{} is no day", quoted(written)),
        };
        let help = if day.is_some() {
            format!("write `{latest}` or earlier, and renew it then if it is still needed")
        } else {
            format!("write {example}")
        };
        mistakes.add(Mistake::new(node.span, message).help(help));
        None
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "type": "string", "format": "date" })
    }
}

#[cfg(test)]
mod tests;
