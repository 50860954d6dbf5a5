use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{elements, inside, read},
    plain_capability,
};
use crate::{
    Severity, conceal,
    facts::{LaunchType, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dangerous-capability",
    summary: "a container adds a Linux capability beyond the harmless ones",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "remove it from `linuxParameters.capabilities.add`, and drop `ALL` beside it",
    references: References {
        guidance: "remove Linux capabilities that the container does not need",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.3"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

/// What the baseline Pod Security Standard lets a container add.
const HARMLESS: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Each of these alone is a known way out of the container.
const ESCAPES: &[&str] = &[
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_RAWIO",
];

fn check(definition: &TaskDefinition, context: &Context<'_>) -> Vec<Answer> {
    const CAPABILITIES: &str = "linuxParameters/capabilities";
    const ADDED: &str = "linuxParameters/capabilities/add";
    let is_allowed = |capability: &str| {
        let allowed = &context.parameters.dangerous_capability.allowed;
        let mut allowed = allowed.iter().map(|name| plain_capability(name));
        is_one_of(capability, HARMLESS) || allowed.any(|name| name.eq_ignore_ascii_case(capability))
    };
    elements(
        definition,
        ADDED,
        |container| format!("which capabilities {container} adds"),
        |container| {
            let parameters = read(CAPABILITIES, &container.linux_parameters);
            let capabilities = inside(parameters, CAPABILITIES, |parameters| {
                &parameters.capabilities
            });
            inside(capabilities, ADDED, |capabilities| &capabilities.add)
        },
        |element, capability| {
            let capability = element.read("", capability)?;
            let capability = capability.map(|name| plain_capability(name));
            let capability = capability.filter(|capability| !is_allowed(capability));
            Ok(capability.map(|capability| {
                let shown = quoted(&conceal::values(capability).to_ascii_uppercase());
                let message = format!("adds the capability {shown}");
                let severity = severity(capability, definition);
                element.fails("", &message).severity(severity)
            }))
        },
    )
}

fn is_one_of(capability: &str, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| capability.eq_ignore_ascii_case(name))
}

fn severity(capability: &str, definition: &TaskDefinition) -> Severity {
    let is = |name: &str| capability.eq_ignore_ascii_case(name);
    let is_host = |mode: &Field<String>| {
        mode.known()
            .is_some_and(|mode| mode.trim().eq_ignore_ascii_case("host"))
    };
    let escapes = is_one_of(capability, ESCAPES)
        || is("SYS_PTRACE") && is_host(&definition.pid_mode)
        || is("NET_ADMIN") && is_host(&definition.network_mode);
    if escapes {
        return Severity::Critical;
    }
    // On Fargate a task has a kernel to itself and this is the one capability it can add, which
    // runtime sensors do.
    if is("SYS_PTRACE") && definition.launch_types() == [LaunchType::Fargate] {
        return Severity::Medium;
    }
    Severity::High
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_with},
        policy::Parameters,
    };

    fn severities(json: &str) -> Vec<Severity> {
        let severities = judge(&RULE, json).into_iter().map(|a| a.severity.unwrap());
        severities.collect()
    }

    #[test]
    fn a_policy_may_allow_a_capability() {
        let json = r#"{"containerDefinitions":[{"linuxParameters":{"capabilities":{"add":["CAP_NET_RAW","SYS_ADMIN"]}}}]}"#;
        let mut parameters = Parameters::default();
        parameters.dangerous_capability.allowed = vec!["net_raw".to_owned()];
        let answers = judge_with(&RULE, json, &parameters);
        assert_eq!(answers.len(), 1);
        assert!(answers[0].message.contains("SYS_ADMIN"));
    }

    fn adding(capability: &str, rest: &str) -> Vec<Severity> {
        severities(&format!(
            r#"{{"containerDefinitions":[{{"name":"app","linuxParameters":{{"capabilities":{{"add":["{capability}"]}}}}}}]{rest}}}"#
        ))
    }

    #[test]
    fn a_capability_is_judged_in_whatever_way_it_is_written() {
        for name in ["SYS_ADMIN", "CAP_SYS_ADMIN", "sys_admin", " cap_sys_admin "] {
            assert_eq!(adding(name, ""), [Severity::Critical], "{name}");
        }
        for name in ["CHOWN", "CAP_CHOWN", "net_bind_service"] {
            assert_eq!(adding(name, ""), [], "{name}");
        }
    }

    #[test]
    fn what_shares_a_namespace_with_the_host_makes_a_capability_worse() {
        assert_eq!(adding("SYS_PTRACE", ""), [Severity::High]);
        assert_eq!(
            adding("SYS_PTRACE", r#","pidMode":"host""#),
            [Severity::Critical]
        );
        assert_eq!(
            adding("SYS_PTRACE", r#","requiresCompatibilities":["FARGATE"]"#),
            [Severity::Medium]
        );
        assert_eq!(
            adding("SYS_PTRACE", r#","compatibilities":["EC2","FARGATE"]"#),
            [Severity::High]
        );
        assert_eq!(adding("NET_ADMIN", ""), [Severity::High]);
        assert_eq!(
            adding("NET_ADMIN", r#","networkMode":"host""#),
            [Severity::Critical]
        );
        assert_eq!(adding("NET_RAW", ""), [Severity::High]);
    }

    #[test]
    fn every_bad_capability_is_named_by_its_place() {
        let json = r#"{"containerDefinitions":[{"linuxParameters":null},{"linuxParameters":{"capabilities":{"add":["KILL","BPF","ALL"],"drop":["ALL"]}}}]}"#;
        let pointers: Vec<String> = judge(&RULE, json).into_iter().map(|a| a.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/containerDefinitions/1/linuxParameters/capabilities/add/1",
                "/containerDefinitions/1/linuxParameters/capabilities/add/2"
            ]
        );
    }
}
