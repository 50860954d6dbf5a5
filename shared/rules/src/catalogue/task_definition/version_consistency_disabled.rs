use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "version-consistency-disabled",
    summary: "tasks of one deployment may run different images under one tag",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "remove `versionConsistency`, or name the image by digest",
    references: References {
        guidance: "use tags that cannot move",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    definition
        .containers()
        .filter_map(|container| Some(judge(&container)?.in_container(&container)))
        .collect()
}

fn judge(container: &PlacedContainer<'_>) -> Option<Answer> {
    let pointer = container.pointer("versionConsistency");
    let name = quoted(&container.label());
    let what = format!("whether tasks keep to one version of the image of container {name}");
    match &container.version_consistency {
        Field::Known(value) if value.trim().eq_ignore_ascii_case("disabled") => {}
        // A digest is what ECS would resolve a tag to: nothing is left to be inconsistent.
        Field::Unknown(_) if is_pinned(container) => return None,
        Field::Unknown(reason) => return Some(Answer::unreadable(pointer, &what, reason)),
        Field::Known(_) | Field::Absent => return None,
    }
    match &container.image {
        Field::Known(_) if is_pinned(container) => None,
        Field::Unknown(reason) => Some(Answer::unreadable(pointer, &what, reason)),
        Field::Known(_) | Field::Absent => Some(Answer::fail(
            pointer,
            format!(
                "container {name} has `versionConsistency` disabled: each task runs what the tag names when it starts"
            ),
        )),
    }
}

fn is_pinned(container: &PlacedContainer<'_>) -> bool {
    let image = container.image.known();
    image.is_some_and(|image| image.contains("@sha256:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outcome,
        catalogue::tests::{judge as judged, judge_container, unreadable},
        facts::Container,
    };

    #[test]
    fn it_counts_where_a_tag_is_resolved() {
        for (members, fails) in [
            (r#""versionConsistency":"disabled""#, true),
            (r#""versionConsistency":" DISABLED ""#, true),
            (r#""versionConsistency":"enabled""#, false),
            (r#""versionConsistency":null"#, false),
            (
                r#""versionConsistency":"disabled","image":"example/web:1.4""#,
                true,
            ),
            (
                r#""versionConsistency":"disabled","image":"example/web@sha256:00""#,
                false,
            ),
            (
                r#""versionConsistency":"disabled","image":"example/web:1.4@sha256:00""#,
                false,
            ),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{{members}}}]}}"#);
            assert_eq!(judged(&RULE, &json).len(), usize::from(fails), "{members}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_no_pass_where_it_decides() {
        let text = |text: &str| Field::Known(text.to_owned());
        for (version_consistency, image, outcomes) in [
            (
                unreadable(),
                text("example/web:1.4"),
                &[Outcome::Unknown][..],
            ),
            (text("disabled"), unreadable(), &[Outcome::Unknown]),
            (unreadable(), unreadable(), &[Outcome::Unknown]),
            (unreadable(), text("example/web@sha256:00"), &[]),
            (text("enabled"), unreadable(), &[]),
        ] {
            let container = Container {
                image,
                version_consistency,
                ..Container::default()
            };
            let shown = format!("{container:?}");
            let answers = judge_container(&RULE, container).into_iter();
            let found: Vec<Outcome> = answers.map(|answer| answer.outcome).collect();
            assert_eq!(found, outcomes, "{shown}");
        }
    }
}
