use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Judged, containers, inside, read},
};
use crate::{
    Edit, Severity,
    facts::{PlacedContainer, Scalar, TaskDefinition},
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
    let what = |container: &str| format!("whether the log driver of {container} blocks");
    containers(definition, what, judge)
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    let log = read("logConfiguration", &container.log_configuration);
    let options = inside(log, "logConfiguration/options", |log| &log.options)?;
    let Some(mode) = options.and_then(|options| options.get("mode")) else {
        // That is non-blocking since 2025-06-25, unless the account chose otherwise.
        return Ok(None);
    };
    let member = "logConfiguration/options/mode";
    let blocks = read(member, mode)?
        .is_some_and(|Scalar(mode)| mode.trim().eq_ignore_ascii_case("blocking"));
    let message = "waits for its log driver: it stands still while logs cannot be delivered";
    let fix = || Edit::set(r#""non-blocking""#).instead_of(Some(r#""blocking""#));
    Ok(blocks.then(|| container.fails(member, message).fix(fix())))
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
