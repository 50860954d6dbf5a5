//! What a policy says of one rule, and where.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidewaiter_rules::{
    Level, Rule,
    facts::SubjectKind,
    policy::{Profile, matches},
};

/// The levels of a policy file. The file has been read as a policy before: nothing is checked here,
/// and what does not bear on levels is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    pub(super) profile: Profile,
    rules: BTreeMap<String, Level>,
    scopes: Vec<WrittenScope>,
}

#[derive(Debug, Deserialize)]
struct WrittenScope {
    r#match: Members,
    #[serde(default)]
    profile: Option<Profile>,
    #[serde(default)]
    rules: BTreeMap<String, Level>,
}

#[derive(Debug, Deserialize)]
struct Members {
    account: Option<String>,
    region: Option<String>,
    family: Option<String>,
    repository: Option<String>,
    #[serde(rename = "launch-type")]
    launch_type: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// A member that IAM has no word for, whatever it is, makes the scope narrower than IAM can say.
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

/// A part of the world where a level holds for a rule.
#[derive(Debug)]
pub(super) struct Part {
    /// How people call it.
    pub(super) name: String,
    pub(super) level: Level,
    pub(super) reach: Reach,
    /// Whether the reach says all of it; if not, the part is narrower.
    pub(super) is_exact: bool,
    /// How narrow it is, as the policy counts it: the narrower decides.
    specificity: (usize, usize),
}

/// The registrations that IAM can tell by where they are made and by their family. All are globs,
/// and what is absent is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) family: Option<String>,
}

impl Reach {
    pub(super) fn is_everywhere(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there can be a registration in it. In ARNs and conditions `${` begins a variable and
    /// a colon a new member: a glob with characters that no such name has stays out of them.
    pub(super) fn is_possible(&self) -> bool {
        let all = |glob: &Option<String>, is_of_name: fn(char) -> bool| {
            let is_wild = |c| matches!(c, '*' | '?');
            let mut characters = glob.iter().flat_map(|glob| glob.chars());
            characters.all(|c| is_wild(c) || is_of_name(c))
        };
        all(&self.account, |c| c.is_ascii_digit())
            && all(&self.region, |c| c.is_ascii_alphanumeric() || c == '-')
            && all(&self.family, |c| {
                c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
            })
    }

    /// Whether no registration can be in both, as far as that can be told from the globs.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        [
            (&self.account, &other.account),
            (&self.region, &other.region),
            (&self.family, &other.family),
        ]
        .into_iter()
        .any(|pair| match pair {
            (Some(ours), Some(theirs)) => match (is_glob(ours), is_glob(theirs)) {
                (false, false) => ours != theirs,
                (true, false) => !matches(ours, theirs),
                (false, true) => !matches(theirs, ours),
                (true, true) => false,
            },
            _ => false,
        })
    }
}

impl Part {
    /// Whether `other` is asked first where both hold.
    pub(super) fn yields_to(&self, other: &Self) -> bool {
        other.specificity > self.specificity
    }
}

impl Wanted {
    /// The level of the rule wherever no scope says otherwise.
    pub(super) fn base(&self, rule: &Rule) -> Level {
        let named = self.rules.get(rule.id).copied();
        named.unwrap_or_else(|| self.profile.level(rule, rule.severity))
    }

    /// Where which level holds for the rule: everywhere, and then the scopes that speak of it.
    pub(super) fn parts(&self, rule: &Rule) -> Vec<Part> {
        let everywhere = Part {
            name: "the policy".to_owned(),
            level: self.base(rule),
            reach: Reach::default(),
            is_exact: true,
            specificity: (0, 0),
        };
        let is_of_images = rule.check.subject() == SubjectKind::Image;
        let scopes = self.scopes.iter().zip(1..);
        // No task definition is in a repository, no image in a family.
        let scopes = scopes.filter(|(scope, _)| {
            let members = &scope.r#match;
            if is_of_images {
                members.family.is_none() && members.launch_type.is_none()
            } else {
                members.repository.is_none()
            }
        });
        let scopes = scopes.filter_map(|(scope, number)| scope.part(rule, number));
        std::iter::once(everywhere).chain(scopes).collect()
    }
}

impl WrittenScope {
    fn part(&self, rule: &Rule, number: usize) -> Option<Part> {
        let named = self.rules.get(rule.id).copied();
        let level = named.or_else(|| Some(self.profile?.level(rule, rule.severity)))?;
        let members = &self.r#match;
        let has_more = members.launch_type.is_some()
            || members.repository.is_some()
            || !members.tags.is_empty()
            || !members.others.is_empty();
        Some(Part {
            name: format!("scope {number}"),
            level,
            reach: Reach {
                account: members.account.clone(),
                region: members.region.clone(),
                family: members.family.clone(),
            },
            is_exact: !has_more,
            specificity: members.specificity(),
        })
    }
}

impl Members {
    fn specificity(&self) -> (usize, usize) {
        let named = [
            &self.account,
            &self.region,
            &self.family,
            &self.repository,
            &self.launch_type,
        ];
        let named = named.into_iter().flatten().chain(self.tags.values());
        let exact = named.clone().filter(|glob| !is_glob(glob)).count();
        (named.count() + self.others.len(), exact)
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}
