//! What a policy says of one rule, and where.

use tidewaiter_rules::{
    Level, Policy, Rule,
    policy::{Bounds, matches},
};

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

impl From<Bounds<'_>> for Reach {
    fn from(bounds: Bounds<'_>) -> Self {
        let text = |glob: Option<&str>| glob.map(str::to_owned);
        Self {
            account: text(bounds.account),
            region: text(bounds.region),
            family: text(bounds.family),
        }
    }
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

/// Where which level holds for the rule: everywhere, and then the scopes that speak of it.
pub(super) fn parts(policy: &Policy, rule: &Rule) -> Vec<Part> {
    let everywhere = Part {
        name: "the policy".to_owned(),
        level: policy.level(rule),
        reach: Reach::default(),
        is_exact: true,
        specificity: (0, 0),
    };
    let scopes = policy.scopes(rule).map(|scope| Part {
        name: format!("scope {}", scope.number),
        level: scope.level,
        reach: scope.bounds.into(),
        is_exact: !scope.bounds.has_more,
        specificity: scope.specificity,
    });
    std::iter::once(everywhere).chain(scopes).collect()
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}
