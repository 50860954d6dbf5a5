//! What a policy says of one rule, for whoever has to say it in other words than ours.

use super::{
    Level, Target, Waiver,
    scope::{Matching, Scope},
};
use crate::{Rule, facts::SubjectKind};

/// Which registrations a scope or a waiver is for. All are globs, and what is absent is any.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// On account ids.
    pub account: Option<&'a str>,
    /// On regions.
    pub region: Option<&'a str>,
    /// On families.
    pub family: Option<&'a str>,
    /// Whether it is narrower than these three say.
    pub has_more: bool,
}

/// What a scope says of one rule.
#[derive(Debug, Clone, Copy)]
pub struct ScopeLevel<'a> {
    /// The number of the scope in the file, from 1.
    pub number: usize,
    /// The level that it gives the rule.
    pub level: Level,
    /// Where.
    pub bounds: Bounds<'a>,
    /// How narrow it is: of two that hold, the one where this is greater decides.
    pub specificity: (usize, usize),
}

impl Scope {
    /// What the scope says of `rule`; nothing where it has neither a level for it nor a profile, or
    /// can hold for nothing that is registered or pushed.
    pub(super) fn level_of(&self, number: usize, rule: &Rule) -> Option<ScopeLevel<'_>> {
        let Matching {
            account,
            region,
            cluster,
            family,
            launch_type,
            repository,
            image_tag,
            tags,
        } = &self.matching;
        let is_of_definitions = family.is_some() || launch_type.is_some() || !tags.is_empty();
        let is_of_images = repository.is_some() || image_tag.is_some();
        let is_elsewhere = match rule.check.subject() {
            SubjectKind::TaskDefinition => is_of_images,
            SubjectKind::Image => is_of_definitions,
            SubjectKind::Deployment | SubjectKind::Dockerfile => is_of_definitions || is_of_images,
        };
        if is_elsewhere || cluster.is_some() {
            return None;
        }
        Some(ScopeLevel {
            number,
            level: self.layer.level(rule, rule.severity)?,
            bounds: Bounds {
                account: account.as_deref(),
                region: region.as_deref(),
                family: family.as_deref(),
                has_more: launch_type.is_some() || is_of_images || !tags.is_empty(),
            },
            specificity: self.matching.specificity(),
        })
    }
}

impl Waiver {
    /// Which registrations it is for; `None` where it can be for none.
    pub fn bounds(&self) -> Option<Bounds<'_>> {
        let Target {
            account,
            region,
            cluster,
            family,
            container,
            image,
            repository,
            image_tag,
            digest,
            vulnerability,
            package,
            file,
        } = &self.target;
        let is_of_images = repository.is_some()
            || image_tag.is_some()
            || digest.is_some()
            || !vulnerability.0.is_empty()
            || package.is_some();
        let is_elsewhere = cluster.is_some() || is_of_images || file.is_some();
        (!is_elsewhere).then(|| Bounds {
            account: account.as_deref(),
            region: region.as_deref(),
            family: family.as_deref(),
            has_more: container.is_some() || image.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, catalogue::find};

    fn policy(text: &str) -> Policy {
        Policy::from_yaml(
            &format!("version: 1\n{text}"),
            "2026-11-23T00:00:00Z".parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn a_scope_is_told_of_where_it_can_hold_for_what_the_rule_is_about() {
        // Members of `match`, and whether it can hold for a definition, for an image, for a Dockerfile,
        // and whether it is narrower than account, region and family.
        for (members, expected, has_more) in [
            ("account: '111122223333'", [true, true, true], false),
            ("region: eu-west-1", [true, true, true], false),
            ("family: web", [true, false, false], false),
            ("launch-type: EC2", [true, false, false], true),
            ("tags: {team: a}", [true, false, false], true),
            ("repository: app", [false, true, false], true),
            ("image-tag: v1", [false, true, false], true),
            ("cluster: main", [false, false, false], false),
            ("family: web, cluster: main", [false, false, false], false),
        ] {
            let rules = ["root-user", "vulnerable-image", "dockerfile-root-user"];
            let policy = policy(&format!(
                "scopes:\n- {{match: {{{members}}}, rules: {{root-user: off, vulnerable-image: off, dockerfile-root-user: off}}}}"
            ));
            let told = rules.map(|rule| policy.scopes(find(rule).unwrap()).next());
            assert_eq!(told.map(|scope| scope.is_some()), expected, "{members}");
            for scope in told.into_iter().flatten() {
                assert_eq!(scope.level, Level::Off);
                assert_eq!(scope.number, 1);
                assert_eq!(scope.bounds.has_more, has_more, "{members}");
            }
        }
        let policy = policy(
            "scopes:\n- {match: {account: '1*', region: 'eu-*', family: web}, rules: {root-user: off}}\n- {match: {family: 'w*'}, rules: {host-pid: off}}\n- {match: {family: api}, rules: {root-user: warn}}",
        );
        let of_rule: Vec<_> = policy.scopes(find("root-user").unwrap()).collect();
        let numbers: Vec<usize> = of_rule.iter().map(|scope| scope.number).collect();
        assert_eq!(numbers, [1, 3]);
        let bounds = of_rule[0].bounds;
        assert_eq!(
            (bounds.account, bounds.region, bounds.family),
            (Some("1*"), Some("eu-*"), Some("web"))
        );
        assert!(of_rule[0].specificity > of_rule[1].specificity);
    }

    #[test]
    fn a_waiver_is_for_registrations_where_nothing_of_it_is_about_anything_else() {
        for (target, expected) in [
            ("family: web", Some(false)),
            ("account: '111122223333', region: eu-west-1", Some(false)),
            ("family: web, container: app", Some(true)),
            ("image: 'app:*'", Some(true)),
            ("cluster: main", None),
            ("family: web, cluster: main", None),
            ("repository: app", None),
            ("image-tag: v1", None),
            ("digest: 'sha256:*'", None),
            ("vulnerability: CVE-2026-1234", None),
            ("vulnerability: CVE-2026-1234, package: openssl", None),
            ("file: Dockerfile", None),
        ] {
            let rule = match target {
                _ if target.starts_with("file") => "dockerfile-root-user",
                _ if ["repo", "imag", "dige", "vuln"]
                    .iter()
                    .any(|of| target.starts_with(of))
                    && !target.starts_with("image:") =>
                {
                    "vulnerable-image"
                }
                _ => "root-user",
            };
            let policy = policy(&format!(
                "waivers:\n- {{id: w, rules: [{rule}], target: {{{target}}}, reason: r, owner: o, expires: 2026-12-31}}"
            ));
            let bounds = policy.waivers()[0].bounds();
            assert_eq!(bounds.map(|bounds| bounds.has_more), expected, "{target}");
        }
        let policy = policy(
            "waivers:\n- {id: w, rules: [root-user], target: {account: '1*', region: 'eu-*', family: web}, reason: r, owner: o, expires: 2026-12-31}",
        );
        let bounds = policy.waivers()[0].bounds().unwrap();
        assert_eq!(
            (bounds.account, bounds.region, bounds.family),
            (Some("1*"), Some("eu-*"), Some("web"))
        );
    }
}
