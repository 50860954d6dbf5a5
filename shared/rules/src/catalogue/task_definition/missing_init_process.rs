use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Judged, containers, inside, read},
};
use crate::{
    Edit, Severity,
    facts::{PlacedContainer, TaskDefinition},
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "missing-init-process",
    summary: "a container that ECS restarts has no init process",
    severity: Severity::Info,
    applies: Applies::LINUX,
    help: "set `\"initProcessEnabled\": true` in `linuxParameters`, unless the image starts an init of its own",
    references: References {
        guidance: "",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let what = |container: &str| format!("whether {container} has an init process");
    containers(definition, what, judge)
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    let policy = read("restartPolicy", &container.restart_policy);
    let restarts = inside(policy, "restartPolicy", |policy| &policy.enabled);
    let parameters = read("linuxParameters", &container.linux_parameters);
    let has_init = inside(
        parameters,
        "linuxParameters/initProcessEnabled",
        |parameters| &parameters.init_process_enabled,
    );
    match (restarts, has_init) {
        (Ok(Some(false) | None), _) | (_, Ok(Some(true))) => Ok(None),
        (Ok(Some(true)), Ok(Some(false) | None)) => {
            let (member, now) = match container.linux_parameters.known() {
                Some(_) => ("linuxParameters/initProcessEnabled", "true"),
                None => ("linuxParameters", r#"{"initProcessEnabled":true}"#),
            };
            let message = "is restarted in place and has no init process: nothing reaps the processes that others leave";
            Ok(Some(container.fails(member, message).fix(Edit::set(now))))
        }
        (Err(hidden), _) => {
            let shown = container.shown();
            let what = format!("whether {shown}, which has no certain init process, is restarted");
            Ok(Some(hidden.answer(container, &what)))
        }
        (_, Err(hidden)) => Err(hidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outcome,
        catalogue::tests::{judge as judged, judge_container, unreadable},
        facts::{Container, LinuxParameters, RestartPolicy},
        field::Field,
    };

    #[test]
    fn it_takes_a_restart_and_no_init() {
        let on = r#""restartPolicy":{"enabled":true}"#;
        for (members, fails) in [
            (on.to_owned(), true),
            (format!(r#"{on},"linuxParameters":{{}}"#), true),
            (
                format!(r#"{on},"linuxParameters":{{"initProcessEnabled":false}}"#),
                true,
            ),
            (
                format!(r#"{on},"linuxParameters":{{"initProcessEnabled":true}}"#),
                false,
            ),
            (r#""restartPolicy":{"enabled":false}"#.to_owned(), false),
            (r#""restartPolicy":{}"#.to_owned(), false),
            (String::new(), false),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{{members}}}]}}"#);
            assert_eq!(judged(&RULE, &json).len(), usize::from(fails), "{members}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_no_pass_where_it_decides() {
        let restart = |enabled| Field::Known(RestartPolicy { enabled });
        let init = |init_process_enabled| {
            Field::Known(LinuxParameters {
                init_process_enabled,
                ..LinuxParameters::default()
            })
        };
        let (yes, no) = (Field::Known(true), Field::Known(false));
        for (restart_policy, linux_parameters, outcomes) in [
            (unreadable(), Field::Absent, &[Outcome::Unknown][..]),
            (restart(unreadable()), init(no.clone()), &[Outcome::Unknown]),
            (restart(yes.clone()), unreadable(), &[Outcome::Unknown]),
            (
                restart(yes.clone()),
                init(unreadable()),
                &[Outcome::Unknown],
            ),
            (unreadable(), unreadable(), &[Outcome::Unknown]),
            (unreadable(), init(yes), &[]),
            (restart(no), unreadable(), &[]),
        ] {
            let container = Container {
                linux_parameters,
                restart_policy,
                ..Container::default()
            };
            let shown = format!("{container:?}");
            let answers = judge_container(&RULE, container).into_iter();
            let found: Vec<Outcome> = answers.map(|answer| answer.outcome).collect();
            assert_eq!(found, outcomes, "{shown}");
        }
    }
}
