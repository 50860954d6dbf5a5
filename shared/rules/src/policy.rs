//! What is wanted: a level for each rule.

mod alerting;
mod bounds;
mod file;
pub mod form;
mod image;
mod in_use;
mod method;
pub mod mistake;
mod parameters;
pub mod pattern;
mod preset;
mod reminder;
mod running;
mod scope;
mod vex;
mod vulnerability;
mod waiver;
pub mod yaml;

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::Serialize;

pub use alerting::Alerting;
pub use bounds::{Bounds, ScopeLevel};
pub use file::{MAX_BYTES, RuleId, Version};
use form::choice;
pub use image::{Count, Days, ImageParameters};
pub use in_use::InUse;
pub use method::Method;
pub use mistake::{Diagnostic, InvalidPolicy, Paint};
#[cfg(test)]
pub(crate) use parameters::TrustedRegistries;
pub use parameters::{Parameters, matches};
pub use preset::{AgentImage, Grant, Only, PRESETS, Preset, Whose};
pub use reminder::Reminder;
pub use running::{ForServices, ForTasks, Running};
use scope::Scope;
pub use vex::MOST_VEX_FILES;
pub use waiver::{Target, Waiver};

use crate::{
    Mode,
    catalogue::{PodSecurity, Rule},
    decide::Verdict,
    facts::{Facts, Subject},
    severity::Severity,
};

/// What to do about a finding of a rule; the greater, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing: it is not a finding.
    Off,
    /// Tell someone.
    Warn,
    /// Act on it; in CI, fail.
    Deny,
}

impl Level {
    /// The name as in policy files and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// A set of levels to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Denies `privileged-container`, `vulnerable-image` and `returned-image`, warns of severity medium and up.
    #[default]
    Default,
    /// As `default`, and denies what the baseline Pod Security Standard forbids.
    Baseline,
    /// Denies every rule that applies.
    Restricted,
}

impl Profile {
    /// The names that files and command lines may use.
    pub const NAMES: &'static [&'static str] = &["default", "baseline", "restricted"];

    /// The name as in policy files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// The profile of this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Self::Default),
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }

    /// The level that it gives a finding of `rule` with `severity`.
    pub fn level(self, rule: &Rule, severity: Severity) -> Level {
        let denied = match self {
            Self::Default => DENIED_BY_DEFAULT.contains(&rule.id),
            Self::Baseline => {
                DENIED_BY_DEFAULT.contains(&rule.id)
                    || rule.references.pod_security == Some(PodSecurity::Baseline)
            }
            Self::Restricted => true,
        };
        if denied {
            Level::Deny
        } else if severity >= Severity::Medium {
            Level::Warn
        } else {
            Level::Off
        }
    }
}

choice!(
    Level,
    "level",
    "a level",
    [
        ("off", Self::Off, "Nothing: it is not a finding."),
        ("warn", Self::Warn, "Tell someone."),
        ("deny", Self::Deny, "Act on it; in CI, fail."),
    ],
    &[
        ("alert", "warn"),
        ("audit", "warn"),
        ("block", "deny"),
        ("disabled", "off"),
        ("enforce", "deny"),
        ("error", "deny"),
        ("fail", "deny"),
        ("false", "off"),
        ("ignore", "off"),
        ("no", "off"),
        ("none", "off"),
    ]
);

choice!(
    Profile,
    "profile",
    "a profile",
    [
        (
            "default",
            Self::Default,
            "Denies `privileged-container`, `vulnerable-image` and `returned-image`, warns of severity medium and up."
        ),
        (
            "baseline",
            Self::Baseline,
            "As `default`, and denies what the baseline Pod Security Standard forbids."
        ),
        (
            "restricted",
            Self::Restricted,
            "Denies every rule that applies."
        ),
    ],
    &[("strict", "restricted")]
);

choice!(
    Unknown,
    "cost of an unknown",
    "a cost",
    [
        (
            "warn",
            Self::Warn,
            "Someone hears of it; a gate lets it through."
        ),
        (
            "deny",
            Self::Deny,
            "A gate refuses it. No destructive action ever follows from an unknown."
        ),
    ]
);

choice!(
    Mode,
    "mode",
    "a mode",
    [
        (
            "audit",
            Self::Audit,
            "Nothing is changed; what would be done is told."
        ),
        (
            "enforce",
            Self::Enforce,
            "What is denied is acted on, where the stack enforces too."
        ),
    ]
);

const DENIED_BY_DEFAULT: &[&str] = &[
    "privileged-container",
    "vulnerable-image",
    "unscanned-image",
    "returned-image",
    "expired-quarantine",
    // Nothing follows from these unless the policy has deployments stopped.
    "denied-revision-deployed",
    "quarantined-image-deployed",
];

/// How many actions a function may take in an hour where the policy says nothing: more than people
/// cause by hand, less than a wrong rule would break.
const MOST_ACTIONS: u32 = 60;

/// A policy whose every name has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    base: Layer,
    scopes: Vec<Scope>,
    parameters: Parameters,
    unknown: Unknown,
    max_actions_per_hour: u32,
    waivers: Vec<Waiver>,
    presets: Vec<&'static Preset>,
    in_use: InUse,
    running: Running,
    alerting: Alerting,
    method: Method,
    vex: Vec<String>,
    /// Whether it names documents that cannot be read.
    lacks_vex: bool,
}

/// Levels that hold together.
#[derive(Debug, Clone, PartialEq, Default)]
struct Layer {
    profile: Option<Profile>,
    mode: Option<Mode>,
    levels: BTreeMap<&'static str, Level>,
    /// What the rules about images are told; in a scope alone.
    images: image::Images,
}

impl Layer {
    /// What it says of a finding of `rule` with `severity`, where it says something.
    fn level(&self, rule: &Rule, severity: Severity) -> Option<Level> {
        let named = self.levels.get(rule.id).copied();
        named.or_else(|| Some(self.profile?.level(rule, severity)))
    }
}

/// The levels that hold for one subject.
#[derive(Debug, Clone)]
pub struct Levels<'a> {
    /// From the narrowest scope to the policy itself.
    layers: Vec<&'a Layer>,
}

impl Levels<'_> {
    /// The level of a finding of `rule` with `severity`. The narrowest layer that names the rule or
    /// has a profile decides.
    pub fn of(&self, rule: &Rule, severity: Severity) -> Level {
        let said = self
            .layers
            .iter()
            .find_map(|layer| layer.level(rule, severity));
        said.unwrap_or_else(|| Profile::Default.level(rule, severity))
    }
}

/// What an answer costs that cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Unknown {
    /// Someone hears of it; a gate lets it through.
    #[default]
    Warn,
    /// A gate refuses it. No destructive action ever follows from an unknown.
    Deny,
}

impl Default for Policy {
    fn default() -> Self {
        Self::of_profile(Profile::Default)
    }
}

impl Policy {
    /// The policy that holds a profile and nothing else.
    pub fn of_profile(profile: Profile) -> Self {
        Self {
            base: Layer {
                profile: Some(profile),
                ..Layer::default()
            },
            scopes: Vec::new(),
            parameters: Parameters::default(),
            unknown: Unknown::default(),
            max_actions_per_hour: MOST_ACTIONS,
            waivers: Vec::new(),
            presets: Vec::new(),
            in_use: InUse::default(),
            running: Running::default(),
            alerting: Alerting::default(),
            method: Method::default(),
            vex: Vec::new(),
            lacks_vex: false,
        }
    }

    /// Reads a policy file (YAML, version 1) on the day `today`, from which a waiver may reach a
    /// year ahead.
    ///
    /// # Errors
    /// When it is not YAML, has a member or a name that does not exist, has a waiver without
    /// target, reason or owner or with an end that is too far, or is larger than [`MAX_BYTES`]. The
    /// error tells every mistake.
    pub fn from_yaml(text: &str, today: Timestamp) -> Result<Self, InvalidPolicy> {
        file::read(text, waiver::day(today))
    }

    /// The profile that holds where no scope says otherwise; `None` where the file names none.
    pub fn profile(&self) -> Option<Profile> {
        self.base.profile
    }

    /// Overrides the profile.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.base.profile = Some(profile);
        self
    }

    /// The JSON Schema of policy files (draft 2020-12), for editors.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        file::schema()
    }

    /// The levels that hold for what these facts are about.
    pub fn levels(&self, facts: &Facts) -> Levels<'_> {
        Levels {
            layers: self.layers(facts),
        }
    }

    /// The mode that holds for what these facts are about, in a stack of mode `ceiling`: the
    /// narrowest scope that says one decides, and none can go beyond the stack's.
    pub fn mode(&self, facts: &Facts, ceiling: Mode) -> Mode {
        if self.lacks_vex && matches!(facts.subject, Subject::Image(_)) {
            return Mode::Audit;
        }
        let said = self.layers(facts).into_iter().find_map(|layer| layer.mode);
        said.map_or(ceiling, |mode| mode.min(ceiling))
    }

    /// From the narrowest scope that holds to the policy itself.
    fn layers(&self, facts: &Facts) -> Vec<&Layer> {
        let mut scopes: Vec<&Scope> = self
            .scopes
            .iter()
            .filter(|scope| scope.matching.holds(facts))
            .collect();
        scopes.sort_by_key(|scope| std::cmp::Reverse(scope.matching.specificity()));
        let scopes = scopes.into_iter().map(|scope| &scope.layer);
        scopes.chain([&self.base]).collect()
    }

    /// The level that it gives `rule` where no scope holds.
    pub fn level(&self, rule: &Rule) -> Level {
        let levels = Levels {
            layers: vec![&self.base],
        };
        levels.of(rule, rule.severity)
    }

    /// What its scopes say of `rule`, in the order of the file; without those that can hold for no
    /// subject of the rule.
    pub fn scopes(&self, rule: &Rule) -> impl Iterator<Item = ScopeLevel<'_>> {
        let scopes = self.scopes.iter().zip(1..);
        scopes.filter_map(|(scope, number)| scope.level_of(number, rule))
    }

    /// What it says about single rules beside their levels.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The same, as they hold for what these facts are about: of several scopes that hold, the
    /// narrowest that says a member decides.
    pub(crate) fn parameters_for(&self, facts: &Facts) -> Cow<'_, Parameters> {
        let mut parameters = Cow::Borrowed(&self.parameters);
        if !matches!(facts.subject, Subject::Image(_)) {
            return parameters;
        }
        for layer in self.layers(facts).into_iter().rev() {
            if !layer.images.is_empty() {
                layer.images.put_over(&mut parameters.to_mut().image);
            }
        }
        parameters
    }

    /// How many actions a function may take in an hour.
    pub fn max_actions_per_hour(&self) -> u32 {
        self.max_actions_per_hour
    }

    /// When on-call hears again of what is still open.
    pub fn alerting(&self) -> Alerting {
        self.alerting
    }

    /// The exceptions, in the order of the file.
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// The built-in exceptions that it includes.
    pub fn presets(&self) -> &[&'static Preset] {
        &self.presets
    }

    /// What is done about a denied image that runs.
    pub fn in_use(&self) -> InUse {
        self.in_use
    }

    /// What is done about what runs, or is being deployed.
    pub fn running(&self) -> Running {
        self.running
    }

    /// How a denied image is put into quarantine.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The gravest verdict that an unknown can lead to.
    pub(crate) fn unknown_costs(&self) -> Verdict {
        match self.unknown {
            Unknown::Warn => Verdict::Warn,
            Unknown::Deny => Verdict::Deny,
        }
    }
}
