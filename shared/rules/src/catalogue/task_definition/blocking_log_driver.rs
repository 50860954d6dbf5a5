use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{PlacedContainer, Scalar, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "blocking-log-driver",
    summary: "a container stops when its log driver cannot deliver",
    severity: Severity::Info,
    applies: Applies::EVERYWHERE,
    help: "set `mode` to `non-blocking` with a `max-buffer-size` in `logConfiguration.options`, unless losing a log line is worse than an outage",
    references: References {
        guidance: "keep a failure of logging from becoming a failure of the service",
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
    let name = quoted(&container.label());
    let unreadable = |member: &str, reason: &str| {
        let what = format!("whether the log driver of container {name} blocks");
        Some(Answer::unreadable(container.pointer(member), &what, reason))
    };
    let log = match &container.log_configuration {
        Field::Known(log) => log,
        Field::Unknown(reason) => return unreadable("logConfiguration", reason),
        Field::Absent => return None,
    };
    let options = match &log.options {
        Field::Known(options) => options,
        Field::Unknown(reason) => return unreadable("logConfiguration/options", reason),
        Field::Absent => return None,
    };
    let pointer = "logConfiguration/options/mode";
    // Absent is non-blocking since 2025-06-25, unless the account chose otherwise.
    match options.get("mode")? {
        Field::Known(Scalar(mode)) if mode.trim().eq_ignore_ascii_case("blocking") => {
            Some(Answer::fail(
                container.pointer(pointer),
                format!(
                    "container {name} waits for its log driver: it stands still while logs cannot be delivered"
                ),
            ))
        }
        Field::Unknown(reason) => unreadable(pointer, reason),
        Field::Known(_) | Field::Absent => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::judge;

    #[test]
    fn only_a_mode_that_is_set_to_blocking_blocks() {
        for (options, found) in [
            (r#"{"mode":"blocking"}"#, true),
            (r#"{"mode":"Blocking"}"#, true),
            (r#"{"mode":"non-blocking"}"#, false),
            (r#"{"mode":null}"#, false),
            (r#"{"max-buffer-size":"25m"}"#, false),
            ("null", false),
        ] {
            let json = format!(
                r#"{{"containerDefinitions":[{{"logConfiguration":{{"logDriver":"awslogs","options":{options}}}}}]}}"#
            );
            assert_eq!(!judge(&RULE, &json).is_empty(), found, "{options}");
        }
    }
}
