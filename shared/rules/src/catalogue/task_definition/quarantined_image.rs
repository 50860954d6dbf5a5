use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{Barred, Quarantine, TaskDefinition},
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "quarantined-image",
    summary: "a container names an image that is in quarantine and cannot be pulled",
    severity: Severity::High,
    applies: Applies::EVERY_FORM,
    help: "name an image that scans clean; where the quarantine is wrong, release the image first: `tidewaiter quarantine release`",
    references: References {
        guidance: "scan images for vulnerabilities, and do not run those that have them",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.4"],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    // For most definitions nothing is barred, and a pass must cost nothing.
    if definition.barred.is_empty() {
        return Vec::new();
    }
    let answers = definition.containers().filter_map(|container| {
        let barred = definition.barred.get(container.image.known()?)?;
        let answer = match barred {
            Barred::Quarantined(quarantine) => container.fails("image", &held(quarantine)),
            Barred::Archived => container.fails(
                "image",
                "names an image that is in the archive, where nothing can pull it",
            ),
            Barred::Unknown(reason) => Answer::unreadable(
                container.pointer("image"),
                &format!(
                    "whether the image of {} is in quarantine",
                    container.shown()
                ),
                reason,
            ),
        };
        Some(answer.in_container(&container))
    });
    answers.collect()
}

fn held(quarantine: &Quarantine) -> String {
    let since = quarantine
        .since
        .map_or(String::new(), |since| format!(" since {since}"));
    format!(
        "names an image that is in quarantine{since}: {}",
        quoted(&quarantine.reason)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue::tests::judge_after, decide::Outcome};

    const JSON: &str = r#"{"containerDefinitions": [
        {"name": "app", "image": "one"}, {"name": "side", "image": "two"}, {"name": "again", "image": "one"}, {}]}"#;

    #[test]
    fn each_container_that_names_a_barred_image_is_found() {
        let quarantine = Quarantine {
            since: None,
            reason: "bad".to_owned(),
            elsewhere: None,
            is_untold: false,
        };
        for (barred, outcome) in [
            (Barred::Quarantined(quarantine), Outcome::Fail),
            (Barred::Archived, Outcome::Fail),
            (
                Barred::Unknown("no permission".to_owned()),
                Outcome::Unknown,
            ),
        ] {
            let answers = judge_after(&RULE, JSON, |definition| {
                definition.barred.insert("one".to_owned(), barred);
            });
            let found: Vec<_> = answers
                .iter()
                .map(|answer| (answer.outcome, answer.pointer.as_str()))
                .collect();
            assert_eq!(
                found,
                [
                    (outcome, "/containerDefinitions/0/image"),
                    (outcome, "/containerDefinitions/2/image")
                ]
            );
        }
    }

    #[test]
    fn nothing_is_said_where_nobody_asked() {
        assert_eq!(judge_after(&RULE, JSON, |_| {}), []);
    }
}
