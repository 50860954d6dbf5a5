use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{elements, read},
};
use crate::{Severity, facts::TaskDefinition, names::quoted_value};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "unsafe-sysctl",
    summary: "a container sets a kernel parameter that is not among the safe ones",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "remove it from `systemControls`; where it is needed, set it on the instance, or turn this rule off in the policy of the account that needs it",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

/// What the baseline Pod Security Standard lets a container set.
const SAFE: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    elements(
        definition,
        "systemControls",
        |container| format!("which kernel parameters {container} sets"),
        |container| read("systemControls", &container.system_controls),
        |element, control| {
            let parameter = element.read("namespace", &control.namespace)?;
            let parameter = parameter.filter(|parameter| !is_safe(parameter));
            Ok(parameter.map(|parameter| {
                let message = format!("sets the kernel parameter {}", quoted_value(parameter));
                element.fails("namespace", &message)
            }))
        },
    )
}

/// `sysctl` takes `/` for `.` too.
fn is_safe(parameter: &str) -> bool {
    SAFE.contains(&parameter.trim().replace('/', ".").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
        facts::SystemControl,
        field::Field,
    };

    fn setting(parameter: &str, rest: &str) -> usize {
        let json = format!(
            r#"{{"containerDefinitions":[{{"systemControls":[{{"namespace":"{parameter}","value":"1"}}]}}]{rest}}}"#
        );
        judge(&RULE, &json).len()
    }

    #[test]
    fn what_the_standard_calls_safe_is_safe_and_nothing_else() {
        for parameter in SAFE
            .iter()
            .copied()
            .chain([" net.ipv4.tcp_syncookies ", "net/ipv4/tcp_syncookies"])
        {
            assert_eq!(setting(parameter, ""), 0, "{parameter}");
        }
        for parameter in [
            "net.core.somaxconn",
            "net.ipv4.ip_forward",
            "net.ipv4.conf.all.route_localnet",
            "net.ipv4.tcp_keepalive_time_x",
            "net.ipv4.tcp_keepalive",
            "kernel.msgmax",
            "kernel.core_pattern",
            "fs.mqueue.msg_max",
            "vm.max_map_count",
            "",
        ] {
            assert_eq!(setting(parameter, ""), 1, "{parameter}");
        }
    }

    /// ECS refuses `kernel.*` with the namespace of the host, and the rule says so before the deploy.
    #[test]
    fn no_other_member_makes_a_parameter_safe() {
        for rest in [
            r#","ipcMode":"host""#,
            r#","networkMode":"host""#,
            r#","requiresCompatibilities":["FARGATE"]"#,
            r#","runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}"#,
        ] {
            assert_eq!(setting("kernel.msgmax", rest), 1, "{rest}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let json = r#"{"containerDefinitions":[{}]}"#;
        let changes: [fn(&mut TaskDefinition); 2] = [
            |d| d.container_definitions[0].system_controls = Field::Unknown(String::new()),
            |d| {
                d.container_definitions[0].system_controls = Field::Known(vec![SystemControl {
                    namespace: Field::Unknown(String::new()),
                    value: Field::Absent,
                }]);
            },
        ];
        for change in changes {
            let answers = judge_after(&RULE, json, change);
            assert_eq!(answers[0].outcome, Outcome::Unknown);
        }
    }
}
