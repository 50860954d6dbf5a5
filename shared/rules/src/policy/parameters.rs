//! What a policy may say about single rules beside their levels.

use serde::Deserialize;

/// Parameters of rules, by rule; `parameters` in a policy file.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Parameters {
    /// `untrusted-registry`.
    pub untrusted_registry: TrustedRegistries,
    /// `dangerous-capability`.
    pub dangerous_capability: AllowedCapabilities,
    /// `sensitive-host-path` and `host-runtime-socket`.
    pub sensitive_host_path: AllowedHostPaths,
    /// `secret-in-environment`.
    pub secret_in_environment: SecretNames,
    /// `missing-tags`.
    pub missing_tags: RequiredTags,
    /// The rules about images; a policy file cannot set them yet.
    #[serde(skip)]
    pub image: super::ImageParameters,
}

/// Where images may come from, beside the account's own ECR registry and AWS's public ones.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrustedRegistries {
    /// Globs on `HOST/REPOSITORY`, for example `ghcr.io/example/*`.
    pub registries: Vec<String>,
    /// Ids of accounts whose private ECR registries are trusted in every region.
    pub accounts: Vec<String>,
}

/// Capabilities that may be added.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AllowedCapabilities {
    /// Names without `CAP_`.
    pub allowed: Vec<String>,
}

/// Paths of the host that may be mounted.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AllowedHostPaths {
    /// Globs on absolute paths, for example `/opt/app/*`.
    pub allowed: Vec<String>,
}

/// Names of variables that hold secrets, beside the well-known ones.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretNames {
    /// Globs on names, in any case, for example `*_PIN`.
    pub names: Vec<String>,
}

/// Tags that a task definition has to carry.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequiredTags {
    /// Keys.
    pub keys: Vec<String>,
}

/// Whether all of `text` matches `glob`, in which `*` stands for any run of characters, `/`
/// included, and `?` for one. Linear in the text but for the last `*`, so no pattern is slow.
pub fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where to go on when what follows the last `*` does not match after all.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(character) = text.get(from) {
        match glob.get(at) {
            Some('*') => {
                retry = Some((at + 1, from));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                at += 1;
                from += 1;
            }
            _ => match retry {
                Some((after, start)) => {
                    retry = Some((after, start + 1));
                    at = after;
                    from = start + 1;
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run_and_a_question_mark_for_one() {
        for (glob, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abcbc", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b", "abc", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("ghcr.io/team/*", "ghcr.io/team/app", true),
            ("ghcr.io/team/*", "ghcr.io/teams/app", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_matches_itself_and_any_star(text in "[a-z/.]{0,20}", more in "[a-z]{0,5}") {
            prop_assert!(matches(&text, &text));
            let (prefix, suffix) = (format!("{text}*"), format!("*{text}"));
            let (ahead, behind) = (format!("{text}{more}"), format!("{more}{text}"));
            prop_assert!(matches(&prefix, &ahead));
            prop_assert!(matches(&suffix, &behind));
        }
    }
}
