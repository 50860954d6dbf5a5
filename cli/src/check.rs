//! `tidewaiter check`.

use jiff::Timestamp;
use tidewaiter_image::dockerfile;
use tidewaiter_report::{Checked, Report, Unreadable, clean};
use tidewaiter_rules::{Facts, Policy, Subject, decide, facts::TaskDefinition, names::quoted};
use tidewaiter_templates::{Found, recognise};

use crate::input::{self, Input};

/// Adds the decisions about the file's task definitions, or about the Dockerfile that it is; none for
/// a file found in a folder that is neither. A definition that cannot be judged hides no other.
pub(crate) fn check(
    input: &Input,
    policy: &Policy,
    report: &mut Report<Checked>,
) -> Result<(), String> {
    let read = input::read(&input.path, input::MOST_BYTES).and_then(input::text);
    let text = match read {
        // Not text, or too large: nothing that anybody meant by naming the folder.
        Err(_) if input.is_found => return Ok(()),
        read => read?,
    };
    let is_dockerfile = dockerfile::is_dockerfile(&text);
    if is_dockerfile || !input.is_found && input::has_name_of_a_dockerfile(&input.path) {
        let result = judge_dockerfile(input, policy, &text)?;
        report.results.push(result);
        return Ok(());
    }
    if input.is_found && !input::mentions_a_definition(&text) {
        return Ok(());
    }
    let found = recognise(&text).map_err(|error| clean(&error.to_string(), 400))?;
    let Some(found) = found else {
        let definition = input::task_definition(&text)?;
        report.results.push(judge(input, policy, definition, None));
        return Ok(());
    };
    for mut found in found {
        let definition = std::mem::take(&mut found.definition);
        if definition.container_definitions.is_empty() {
            let id = quoted(&found.id);
            report.errors.push(Unreadable {
                file: input::shown(&input.path),
                message: format!("{id} has no containers, and ECS would refuse it"),
            });
        } else {
            report
                .results
                .push(judge(input, policy, definition, Some(&found)));
        }
    }
    Ok(())
}

fn judge_dockerfile(input: &Input, policy: &Policy, text: &str) -> Result<Checked, String> {
    let is_named = input.path.as_os_str() != "-";
    let path = is_named.then(|| clean(&input.path.to_string_lossy(), 400));
    let path = path.unwrap_or_default();
    let path = path.strip_prefix("./").unwrap_or(&path);
    let dockerfile =
        dockerfile::read(text, path).map_err(|error| clean(&error.to_string(), 400))?;
    let facts = Facts {
        place: None,
        observed_at: Some(Timestamp::now()),
        subject: Subject::Dockerfile(Box::new(dockerfile.clone())),
    };
    let decision = decide(&facts, policy);
    let checked = Checked::new(input::shown(&input.path), &facts.subject, decision);
    Ok(checked.of_resource("Dockerfile", |pointer| dockerfile.locate(pointer)))
}

fn judge(
    input: &Input,
    policy: &Policy,
    definition: TaskDefinition,
    found: Option<&Found>,
) -> Checked {
    let facts = Facts {
        place: None,
        observed_at: Some(Timestamp::now()),
        subject: Subject::TaskDefinition(Box::new(definition)),
    };
    let decision = decide(&facts, policy);
    let mut checked = Checked::new(input::shown(&input.path), &facts.subject, decision);
    if let Some(found) = found {
        checked = checked.of_resource(&found.id, |pointer| {
            let place = found.locate(pointer)?;
            Some((place.line, place.column))
        });
    }
    checked
}
