use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Judged, containers, read},
};
use crate::{
    Edit, Severity,
    facts::{PlacedContainer, TaskDefinition},
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
    let what =
        |container: &str| format!("whether tasks keep to one version of the image of {container}");
    containers(definition, what, judge)
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    let member = "versionConsistency";
    let value = read(member, &container.version_consistency);
    let is_on = matches!(value, Ok(value) if !value.is_some_and(|value| is_disabled(value)));
    // A digest is what ECS would resolve a tag to: nothing is left to be inconsistent.
    if is_on || is_pinned(container) {
        return Ok(None);
    }
    value?;
    read(member, &container.image)?;
    let message =
        "has `versionConsistency` disabled: each task runs what the tag names when it starts";
    let fix = Edit::remove(r#""disabled""#);
    Ok(Some(container.fails(member, message).fix(fix)))
}

fn is_disabled(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("disabled")
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
        field::Field,
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
