use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Edit, Severity, facts::TaskDefinition, field::Field};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "shared-task-pid",
    summary: "the containers of a task see each other's processes",
    severity: Severity::Info,
    applies: Applies::EVERYWHERE,
    help: "remove `pidMode`, unless a sidecar has to see the processes that it watches",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let count = definition.containers().count();
    if count < 2 {
        return not_even_counted(definition).into_iter().collect();
    }
    match &definition.pid_mode {
        Field::Known(mode) if mode.trim().eq_ignore_ascii_case("task") => {
            vec![Answer::fail(
                "/pidMode",
                format!(
                    "`pidMode` is `task`: the {count} containers see each other's processes, and as root read their environments"
                ),
            )
            .fix(Edit::remove(r#""task""#))]
        }
        Field::Unknown(reason) => vec![Answer::unreadable("/pidMode", "`pidMode`", reason)],
        Field::Known(_) | Field::Absent => Vec::new(),
    }
}

/// A list of which nothing is known is read as one container of which nothing is.
fn not_even_counted(definition: &TaskDefinition) -> Option<Answer> {
    let container = definition.containers().next()?;
    let reason = container.name.unknown()?;
    let may_share = match &definition.pid_mode {
        Field::Known(mode) => mode.trim().eq_ignore_ascii_case("task"),
        Field::Unknown(_) => true,
        Field::Absent => false,
    };
    (may_share && container.image.unknown().is_some()).then(|| {
        let what = "how many containers see each other's processes";
        Answer::unreadable("/pidMode", what, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after, unreadable},
        decide::Outcome,
    };

    #[test]
    fn it_takes_two_to_share() {
        for (mode, containers, failing) in [
            (r#""task""#, "{},{}", true),
            (r#"" Task ""#, "{},{},{}", true),
            (r#""task""#, "{}", false),
            (r#""task""#, "", false),
            // That is `host-pid`.
            (r#""host""#, "{},{}", false),
            ("null", "{},{}", false),
        ] {
            let json = format!(r#"{{"pidMode":{mode},"containerDefinitions":[{containers}]}}"#);
            assert_eq!(!judge(&RULE, &json).is_empty(), failing, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let unknown =
            |json: &str| judge_after(&RULE, json, |d| d.pid_mode = Field::Unknown(String::new()));
        let answers = unknown(r#"{"containerDefinitions":[{},{}]}"#);
        assert_eq!(answers[0].outcome, Outcome::Unknown);
        assert_eq!(unknown(r#"{"containerDefinitions":[{}]}"#), []);
        let of_nothing_known = |mode: &str| {
            let json = format!(r#"{{"pidMode":"{mode}","containerDefinitions":[{{}}]}}"#);
            judge_after(&RULE, &json, |d| {
                d.container_definitions[0].name = unreadable();
                d.container_definitions[0].image = unreadable();
            })
        };
        assert_eq!(of_nothing_known("task")[0].outcome, Outcome::Unknown);
        assert_eq!(of_nothing_known("host"), []);
    }
}
