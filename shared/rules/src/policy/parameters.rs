//! What a policy may say about single rules beside their levels.

use std::str::Chars;

use super::form::mapping;

mapping! {
    /// Parameters of rules, by rule; `parameters` in a policy file.
    #[derive(Default)]
    pub struct Parameters is "`parameters`" {
        /// `untrusted-registry`.
        pub untrusted_registry: TrustedRegistries = "untrusted-registry",
        /// `dangerous-capability`.
        pub dangerous_capability: AllowedCapabilities = "dangerous-capability",
        /// `sensitive-host-path` and `host-runtime-socket`.
        pub sensitive_host_path: AllowedHostPaths = "sensitive-host-path",
        /// `secret-in-environment`.
        pub secret_in_environment: SecretNames = "secret-in-environment",
        /// `missing-tags`.
        pub missing_tags: RequiredTags = "missing-tags",
        /// `overridden-task-role`.
        pub overridden_task_role: AllowedRoles = "overridden-task-role",
        /// The rules about images.
        pub image: super::ImageParameters = "images",
    }
}

mapping! {
    /// Where images may come from, beside the account's own ECR registry and AWS's public ones.
    #[derive(Default)]
    pub struct TrustedRegistries is "`untrusted-registry`" {
        /// Globs on `HOST/REPOSITORY`, for example `ghcr.io/example/*`.
        pub registries: Vec<String> = "registries",
        /// Ids of accounts whose private ECR registries are trusted in every region.
        pub accounts: Vec<String> = "accounts",
    }
}

mapping! {
    /// Capabilities that may be added.
    #[derive(Default)]
    pub struct AllowedCapabilities is "`dangerous-capability`" {
        /// Names without `CAP_`.
        pub allowed: Vec<String> = "allowed",
    }
}

mapping! {
    /// Paths of the host that may be mounted.
    #[derive(Default)]
    pub struct AllowedHostPaths is "`sensitive-host-path`" {
        /// Globs on absolute paths, for example `/opt/app/*`.
        pub allowed: Vec<String> = "allowed",
    }
}

mapping! {
    /// Names of variables that hold secrets, beside the well-known ones.
    #[derive(Default)]
    pub struct SecretNames is "`secret-in-environment`" {
        /// Globs on names, in any case, for example `*_PIN`.
        pub names: Vec<String> = "names",
    }
}

mapping! {
    /// Roles that a run may put in place of its definition's.
    #[derive(Default)]
    pub struct AllowedRoles is "`overridden-task-role`" {
        /// Globs on ARNs, as the request spells them, for example `arn:aws:iam::111122223333:role/batch/*`.
        pub allowed: Vec<String> = "allowed",
    }
}

mapping! {
    /// Tags that a task definition has to carry.
    #[derive(Default)]
    pub struct RequiredTags is "`missing-tags`" {
        /// Keys.
        pub keys: Vec<String> = "keys",
    }
}

/// Whether all of `text` matches `glob`, in which `*` stands for any run of characters, `/`
/// included, and `?` for one. Linear in the text but for the last `*`, so no pattern is slow.
pub fn matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    // Where to go on when what follows the last `*` does not match after all.
    let mut retry: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (mut pattern, mut rest) = (glob.clone(), text.clone());
        let Some(character) = rest.next() else {
            return glob.all(|left| left == '*');
        };
        match pattern.next() {
            Some('*') => {
                retry = Some((pattern.clone(), text.clone()));
                glob = pattern;
            }
            Some(wanted) if wanted == '?' || wanted == character => {
                (glob, text) = (pattern, rest);
            }
            _ => match &mut retry {
                Some((after, start)) => {
                    start.next();
                    (glob, text) = (after.clone(), start.clone());
                }
                None => return false,
            },
        }
    }
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
