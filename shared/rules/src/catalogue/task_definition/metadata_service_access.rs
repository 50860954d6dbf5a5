use super::super::{Answer, Applies, Check, Context, References, Rule, starts::Starts};
use crate::{
    Severity,
    facts::{Form, LaunchType, PlacedContainer, REDACTED, Scalar, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "metadata-service-access",
    summary: "a container is pointed at the instance metadata service",
    severity: Severity::Medium,
    applies: Applies {
        launch_types: &[LaunchType::Ec2, LaunchType::External],
        windows: true,
        forms: &[Form::Definition, Form::Overrides],
    },
    help: "give the task a `taskRoleArn`, whose credentials every SDK finds by itself, and keep tasks from the instance's with a hop limit of 1 or `ECS_AWSVPC_BLOCK_IMDS=true`",
    references: References {
        guidance: "keep containers from the credentials of their instance",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

/// The ways to write the address that resolvers and HTTP clients take.
const ADDRESSES: &[&str] = &[
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "fd00:ec2::254",
    "instance-data.ec2.internal",
];

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for container in definition.containers() {
        let mut found = Found {
            container: &container,
            answers: Vec::new(),
        };
        found.hosts();
        found.variables();
        found.arguments("command", &container.command);
        found.arguments("entryPoint", &container.entry_point);
        match &container.health_check {
            Field::Known(check) => found.arguments("healthCheck/command", &check.command),
            Field::Unknown(reason) => found.unreadable("healthCheck", reason),
            Field::Absent => {}
        }
        let found = found.answers.into_iter();
        answers.extend(found.map(|answer| answer.in_container(&container)));
    }
    answers
}

struct Found<'a> {
    container: &'a PlacedContainer<'a>,
    answers: Vec<Answer>,
}

impl Found<'_> {
    fn hosts(&mut self) {
        let hosts = match &self.container.extra_hosts {
            Field::Known(hosts) => hosts,
            Field::Unknown(reason) => return self.unreadable("extraHosts", reason),
            Field::Absent => return,
        };
        for (index, host) in hosts.iter().enumerate() {
            let pointer = || format!("extraHosts/{index}/ipAddress");
            match &host.ip_address {
                Field::Known(address) if is_metadata_service(address) => {
                    let name = host.hostname.known().map_or("?", String::as_str);
                    self.fail(&pointer(), &format!("the name {} leads", quoted(name)));
                }
                Field::Unknown(reason) => self.unreadable(&pointer(), reason),
                Field::Known(_) | Field::Absent => {}
            }
        }
    }

    fn variables(&mut self) {
        let variables = match &self.container.environment {
            Field::Known(variables) => variables,
            Field::Unknown(reason) => return self.unreadable("environment", reason),
            Field::Absent => return,
        };
        let mut hidden: Option<&str> = None;
        for (index, variable) in variables.iter().enumerate() {
            let name = variable.name.known().map_or("?", String::as_str);
            match &variable.value {
                Field::Known(Scalar(value)) if value == REDACTED => {
                    hidden = hidden.or(Some("CloudTrail does not show it"));
                }
                // Not to reach it through a proxy is what AWS asks for.
                Field::Known(Scalar(value))
                    if is_metadata_service(value) && !name.eq_ignore_ascii_case("NO_PROXY") =>
                {
                    let pointer = format!("environment/{index}/value");
                    self.fail(&pointer, &format!("variable {} points", quoted(name)));
                }
                Field::Unknown(reason) => hidden = hidden.or(Some(reason)),
                Field::Known(_) | Field::Absent => {}
            }
        }
        if let Some(reason) = hidden {
            self.unreadable("environment", reason);
        }
    }

    fn arguments(&mut self, path: &str, arguments: &Field<Vec<Field<String>>>) {
        let arguments = match arguments {
            Field::Known(arguments) => arguments,
            Field::Unknown(reason) => return self.unreadable(path, reason),
            Field::Absent => return,
        };
        for (index, argument) in arguments.iter().enumerate() {
            let pointer = || format!("{path}/{index}");
            match argument {
                Field::Known(text) if is_metadata_service(text) => {
                    self.fail(&pointer(), &format!("an argument in `{path}` points"));
                }
                Field::Unknown(reason) => self.unreadable(&pointer(), reason),
                Field::Known(_) | Field::Absent => {}
            }
        }
    }

    fn fail(&mut self, pointer: &str, what: &str) {
        let message = format!(
            "{what} {} to the instance metadata service, which hands out the instance's role",
            self.container.shown()
        );
        let answer = Answer::fail(self.container.pointer(pointer), message);
        self.answers.push(answer);
    }

    /// Low: hardly anything that cannot be read is this address.
    fn unreadable(&mut self, pointer: &str, reason: &str) {
        let what = format!(
            "whether {} is pointed at the instance metadata service",
            self.container.shown()
        );
        let answer = Answer::unreadable(self.container.pointer(pointer), &what, reason);
        self.answers.push(answer.severity(Severity::Low));
    }
}

/// Whether the address stands in the text, and not within a longer one.
fn is_metadata_service(text: &str) -> bool {
    static STARTS: Starts = Starts::new().with_each_in_any_case(0, ADDRESSES);
    // No address is shorter.
    if text.len() < "2852039166".len() || STARTS.within(text) == 0 {
        return false;
    }
    let text = text.to_ascii_lowercase();
    ADDRESSES.iter().any(|address| {
        text.match_indices(address).any(|(at, _)| {
            let Some((before, rest)) = text.split_at_checked(at) else {
                return false;
            };
            let after = rest.strip_prefix(address).unwrap_or_default();
            let longer = |c: char| c.is_ascii_alphanumeric() || c == '-';
            !before.ends_with(|c: char| longer(c) || c == '.') && !after.starts_with(longer)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue::tests::judge, decide::Outcome};

    #[test]
    fn other_addresses_pass_and_what_is_not_shown_is_unknown() {
        let judged = |members: &str| {
            let json = format!(r#"{{"containerDefinitions":[{{"name":"a",{members}}}]}}"#);
            let answers = judge(&RULE, &json).into_iter();
            answers.map(|answer| answer.outcome).collect::<Vec<_>>()
        };
        let host =
            |address: &str| format!(r#""extraHosts":[{{"hostname":"x","ipAddress":"{address}"}}]"#);
        let variable = |value: &str| format!(r#""environment":[{{"name":"X","value":"{value}"}}]"#);
        assert_eq!(judged(&host("169.254.169.254")), [Outcome::Fail]);
        assert_eq!(judged(&host("2852039166")), [Outcome::Fail]);
        assert_eq!(judged(&host("10.0.0.1")), []);
        assert_eq!(judged(&variable("10.0.0.1")), []);
        assert_eq!(judged(&variable(REDACTED)), [Outcome::Unknown]);
    }

    #[test]
    fn the_address_is_known_in_every_form_and_not_within_another() {
        for (text, found) in [
            ("169.254.169.254", true),
            ("http://169.254.169.254/latest/meta-data/", true),
            ("curl -s http://169.254.169.254:80/", true),
            ("http://[fd00:ec2::254]/latest", true),
            ("http://[FD00:EC2::254]/", true),
            ("http://2852039166/", true),
            ("http://0xA9FEA9FE/", true),
            ("http://instance-data.ec2.internal/", true),
            ("169.254.170.2", false),
            ("http://169.254.170.2/v4", false),
            ("169.254.169.2540", false),
            ("1169.254.169.254", false),
            ("9.169.254.169.254", false),
            ("12852039166", false),
            ("", false),
        ] {
            assert_eq!(is_metadata_service(text), found, "{text}");
        }
    }

    #[test]
    fn every_place_that_can_name_the_address_is_read() {
        let pointers = |container: &str| -> Vec<String> {
            let json = format!(r#"{{"containerDefinitions":[{container}]}}"#);
            let answers = judge(&RULE, &json).into_iter();
            answers
                .map(|a| a.pointer.replace("/containerDefinitions/0/", ""))
                .collect()
        };
        for (container, pointer) in [
            (
                r#"{"extraHosts":[{"hostname":"api","ipAddress":"169.254.169.254"}]}"#,
                "extraHosts/0/ipAddress",
            ),
            (
                r#"{"environment":[{"name":"HTTP_PROXY","value":"http://169.254.169.254"}]}"#,
                "environment/0/value",
            ),
            (
                r#"{"command":["curl","http://169.254.169.254/"]}"#,
                "command/1",
            ),
            (
                r#"{"entryPoint":["curl http://169.254.169.254/"]}"#,
                "entryPoint/0",
            ),
            (
                r#"{"healthCheck":{"command":["CMD","curl","http://169.254.169.254/"]}}"#,
                "healthCheck/command/2",
            ),
        ] {
            assert_eq!(pointers(container), [pointer], "{container}");
        }
        let none: [&str; 0] = [];
        assert_eq!(
            pointers(
                r#"{"environment":[{"name":"no_proxy","value":"169.254.169.254,169.254.170.2"}]}"#
            ),
            none
        );
        let fargate = r#"{"requiresCompatibilities":["FARGATE"],"containerDefinitions":[{"command":["169.254.169.254"]}]}"#;
        assert_eq!(judge(&RULE, fargate), []);
        let hidden = format!(r#"{{"containerDefinitions":[{{"environment":"{REDACTED}"}}]}}"#);
        assert_eq!(judge(&RULE, &hidden)[0].severity, Some(Severity::Low));
    }
}
