use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{LaunchType, TaskDefinition},
    field::Field,
    names::quoted_value,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "non-awsvpc-network",
    summary: "tasks have no network interface and security groups of their own",
    severity: Severity::Info,
    // Fargate knows nothing else, and external instances do not have it.
    applies: Applies {
        launch_types: &[LaunchType::Ec2, LaunchType::ManagedInstances],
        ..Applies::EVERYWHERE
    },
    help: "set `networkMode` to `awsvpc`, and the subnets and security groups of the service in its `networkConfiguration`",
    references: References {
        guidance: "prefer the network mode `awsvpc`, which alone has security groups for tasks",
        aws_config: &["ECS_AWSVPC_NETWORKING_ENABLED"],
        security_hub: &[],
        control_tower: &["CT.ECS.PR.4"],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let pointer = "/networkMode";
    match &definition.network_mode {
        Field::Known(mode) if mode.trim().eq_ignore_ascii_case("awsvpc") => Vec::new(),
        Field::Known(mode) => {
            let message = format!("`networkMode` is {}, not `awsvpc`", quoted_value(mode));
            vec![Answer::fail(pointer, message)]
        }
        Field::Absent => {
            let default = if definition.is_windows() {
                "`default`"
            } else {
                "`bridge`"
            };
            let message = format!("`networkMode` is not set, which is {default}, not `awsvpc`");
            vec![Answer::fail(pointer, message)]
        }
        Field::Unknown(reason) => {
            vec![Answer::unreadable(pointer, "`networkMode`", reason)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
    };

    #[test]
    fn every_mode_but_one_is_found_where_there_is_a_choice() {
        for (mode, failing) in [
            ("null", true),
            (r#""""#, true),
            (r#""bridge""#, true),
            (r#""host""#, true),
            (r#""none""#, true),
            (r#""default""#, true),
            (r#""awsvpc""#, false),
            (r#""AWSVPC""#, false),
        ] {
            for (rest, asked) in [
                (r#""requiresCompatibilities":["EC2"]"#, true),
                (r#""requiresCompatibilities":["MANAGED_INSTANCES"]"#, true),
                (r#""requiresCompatibilities":["EXTERNAL","EC2"]"#, true),
                (r#""requiresCompatibilities":["EXTERNAL"]"#, false),
                (r#""requiresCompatibilities":["FARGATE"]"#, false),
                (
                    r#""runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}"#,
                    true,
                ),
            ] {
                let json = format!(r#"{{"networkMode":{mode},{rest},"containerDefinitions":[]}}"#);
                assert_eq!(!judge(&RULE, &json).is_empty(), failing && asked, "{json}");
            }
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let answers = judge_after(&RULE, r#"{"containerDefinitions":[]}"#, |d| {
            d.network_mode = Field::Unknown(String::new());
        });
        assert_eq!(answers[0].outcome, Outcome::Unknown);
    }
}
