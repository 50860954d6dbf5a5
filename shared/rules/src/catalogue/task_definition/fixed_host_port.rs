use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{Element, elements, read},
};
use crate::{
    Severity,
    facts::{LaunchType, PortMapping, Scalar, TaskDefinition},
    field::Field,
    names::quoted_value,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "fixed-host-port",
    summary: "a container takes a certain port of its host",
    severity: Severity::Low,
    applies: Applies {
        launch_types: &[LaunchType::Ec2, LaunchType::External],
        ..Applies::EVERYWHERE
    },
    help: "remove `hostPort` or set it to 0, and let the load balancer or service discovery find the port; or set `networkMode` to `awsvpc`",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.7"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

/// Where the ports of a mapping are.
enum Ports<'a> {
    /// On the host, through a bridge, where 0 or nothing is any free port.
    Bridged,
    /// On the host itself: ECS wants both ports of a mapping to be the same.
    OfTheHost,
    /// It cannot be known, for this reason.
    Unknown(&'a str),
}

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let ports = match &definition.network_mode {
        Field::Unknown(reason) => Ports::Unknown(reason),
        Field::Absent => Ports::Bridged,
        Field::Known(mode) => {
            let is = |name: &str| mode.trim().eq_ignore_ascii_case(name);
            if is("awsvpc") || is("none") {
                return Vec::new();
            }
            if is("host") {
                Ports::OfTheHost
            } else {
                Ports::Bridged
            }
        }
    };
    elements(
        definition,
        "portMappings",
        |container| format!("whether {container} takes a port of its host"),
        |container| read("portMappings", &container.port_mappings),
        |element, mapping| Ok(judge(&ports, element, mapping)),
    )
}

fn judge(ports: &Ports<'_>, element: Element<'_>, mapping: &PortMapping) -> Option<Answer> {
    let says_one = match &mapping.host_port {
        Field::Known(port) => number(port) != Some(0),
        // In the mode `host` the other member says the same.
        Field::Unknown(_) => !matches!(ports, Ports::OfTheHost),
        Field::Absent => false,
    };
    let (port, member) = match ports {
        _ if says_one => (&mapping.host_port, "hostPort"),
        Ports::Bridged => return None,
        Ports::OfTheHost | Ports::Unknown(_) => (&mapping.container_port, "containerPort"),
    };
    let pointer = element.pointer(member);
    let container = element.container.shown();
    let what = format!("which port of its host {container} takes");
    let port = match port {
        Field::Absent => return None,
        Field::Unknown(reason) => return Some(Answer::unreadable(pointer, &what, reason)),
        Field::Known(port) => port,
    };
    let shown = quoted_value(port.as_str());
    let Some(port) = number(port) else {
        let message = format!("{what} cannot be known: {shown} is no port");
        return Some(Answer::unknown(pointer, message));
    };
    match ports {
        _ if port == 0 => None,
        Ports::OfTheHost if port >= FIRST_OF_USERS => None,
        Ports::Unknown(_) if !says_one && port >= FIRST_OF_USERS => None,
        Ports::Unknown(reason) => {
            let what = format!(
                "whether port {shown} of {container} is one of its host, by `networkMode`,"
            );
            Some(Answer::unreadable(pointer, &what, reason))
        }
        _ if port < FIRST_OF_USERS => {
            let message = format!("{container} takes the system port {shown} of its host");
            Some(Answer::fail(pointer, message))
        }
        _ => {
            let message = format!("{container} takes port {shown} of its host");
            Some(Answer::fail(pointer, message))
        }
    }
}

/// The lowest port that is not one of the system's.
const FIRST_OF_USERS: u32 = 1024;

fn number(port: &Scalar) -> Option<u32> {
    port.as_str().trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, catalogue::tests::judge as judged};

    fn pointers(network_mode: &str, mapping: &str, rest: &str) -> Vec<String> {
        let json = format!(
            r#"{{"networkMode":{network_mode},"containerDefinitions":[{{"name":"web","portMappings":[{mapping}]}}]{rest}}}"#
        );
        let answers = judged(&RULE, &json).into_iter().map(|a| a.pointer);
        answers
            .map(|pointer| pointer.rsplit_once('/').unwrap().1.to_owned())
            .collect()
    }

    #[test]
    fn a_port_counts_where_it_is_the_hosts() {
        for (network_mode, mapping, expected) in [
            (
                "null",
                r#"{"containerPort":80,"hostPort":8080}"#,
                &["hostPort"][..],
            ),
            (
                r#""bridge""#,
                r#"{"containerPort":80,"hostPort":8080}"#,
                &["hostPort"],
            ),
            (
                r#""bridge""#,
                r#"{"containerPort":80,"hostPort":"80"}"#,
                &["hostPort"],
            ),
            (
                r#""default""#,
                r#"{"containerPort":80,"hostPort":80}"#,
                &["hostPort"],
            ),
            (r#""bridge""#, r#"{"containerPort":80,"hostPort":0}"#, &[]),
            (r#""bridge""#, r#"{"containerPort":80}"#, &[]),
            (r#""bridge""#, r#"{"containerPortRange":"80-90"}"#, &[]),
            (
                r#""host""#,
                r#"{"containerPort":80,"hostPort":80}"#,
                &["hostPort"],
            ),
            (r#""host""#, r#"{"containerPort":80}"#, &["containerPort"]),
            (
                r#""host""#,
                r#"{"containerPort":80,"hostPort":0}"#,
                &["containerPort"],
            ),
            (
                r#""host""#,
                r#"{"containerPort":8080,"hostPort":8080}"#,
                &[],
            ),
            (r#""HOST""#, r#"{"containerPort":443}"#, &["containerPort"]),
            (r#""host""#, r#"{"containerPort":1023}"#, &["containerPort"]),
            (r#""host""#, r#"{"containerPort":1024}"#, &[]),
            (r#""awsvpc""#, r#"{"containerPort":80,"hostPort":80}"#, &[]),
            (r#""none""#, r#"{"containerPort":80,"hostPort":80}"#, &[]),
            (r#""bridge""#, r#"{"hostPort":"eighty"}"#, &["hostPort"]),
        ] {
            assert_eq!(
                pointers(network_mode, mapping, ""),
                expected,
                "{network_mode} {mapping}"
            );
        }
    }

    #[test]
    fn ports_below_1024_are_the_systems() {
        for (port, what) in [(1023, "the system port `1023`"), (1024, "port `1024`")] {
            let json = format!(
                r#"{{"containerDefinitions":[{{"portMappings":[{{"hostPort":{port}}}]}}]}}"#
            );
            let message = &judged(&RULE, &json)[0].message;
            assert!(message.contains(&format!("takes {what}")), "{message}");
        }
    }

    #[test]
    fn fargate_has_no_host_to_take_a_port_of() {
        let mapping = r#"{"containerPort":80,"hostPort":80}"#;
        let rest = r#","requiresCompatibilities":["FARGATE"]"#;
        assert_eq!(pointers("null", mapping, rest), [] as [&str; 0]);
        let rest = r#","requiresCompatibilities":["EXTERNAL"]"#;
        assert_eq!(pointers("null", mapping, rest), ["hostPort"]);
    }

    #[test]
    fn what_cannot_be_known_is_no_pass_where_it_decides() {
        fn reason<T>() -> Field<T> {
            Field::Unknown("depends on parameter `P`".to_owned())
        }
        let port = |number: &str| Field::Known(Scalar(number.to_owned()));
        let mode = |name: &str| Field::Known(name.to_owned());
        let unknown = Some(Outcome::Unknown);
        for (network_mode, host_port, container_port, outcome) in [
            (reason(), port("8080"), port("80"), unknown),
            (reason(), port("0"), port("8080"), None),
            (reason(), Field::Absent, port("8080"), None),
            (reason(), Field::Absent, port("80"), unknown),
            (reason(), Field::Absent, port("1023"), unknown),
            (reason(), Field::Absent, port("1024"), None),
            (reason(), reason(), port("8080"), unknown),
            (mode("bridge"), reason(), port("80"), unknown),
            (mode("awsvpc"), reason(), reason(), None),
            (mode("host"), reason(), port("8080"), None),
            (mode("host"), reason(), port("80"), Some(Outcome::Fail)),
            (mode("host"), Field::Absent, reason(), unknown),
            (mode("host"), Field::Absent, port("0"), None),
        ] {
            let mut definition = TaskDefinition {
                network_mode: network_mode.clone(),
                ..TaskDefinition::default()
            };
            definition
                .container_definitions
                .push(crate::facts::Container {
                    port_mappings: Field::Known(vec![PortMapping {
                        container_port,
                        host_port: host_port.clone(),
                    }]),
                    ..Default::default()
                });
            let parameters = crate::policy::Parameters::default();
            let context = Context {
                place: None,
                parameters: &parameters,
                observed_at: None,
            };
            let outcomes: Vec<Outcome> = check(&definition, &context)
                .iter()
                .map(|answer| answer.outcome)
                .collect();
            assert_eq!(
                outcomes,
                Vec::from_iter(outcome),
                "{network_mode:?} {host_port:?}"
            );
        }
    }
}
