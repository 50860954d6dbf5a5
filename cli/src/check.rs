//! `tidewaiter check`.

use std::borrow::Cow;

use jiff::Timestamp;
use tidewaiter_image::dockerfile;
use tidewaiter_report::{Checked, Note, Report, Unreadable, clean};
use tidewaiter_rules::{Facts, Policy, Subject, decide, facts::TaskDefinition, names::quoted};
use tidewaiter_templates::{Found, positions, recognise};

use crate::{
    input::{self, Input},
    parameters::Parameters,
};

/// Adds the decisions about the file's task definitions, or about the Dockerfile that it is; none for
/// a file found in a folder that is neither. A definition that cannot be judged hides no other.
pub(crate) fn check(
    input: &Input,
    policy: &Policy,
    parameters: &Parameters,
    report: &mut Report<Checked>,
) -> Result<(), String> {
    let Some(text) = read(input, report)? else {
        return Ok(());
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
    let found = recognise(&text, &parameters.values);
    let found = found.map_err(|error| clean(&error.to_string(), 400))?;
    let Some(found) = found else {
        let (definition, root) = input::task_definition(&text)?;
        let checked = judge(input, policy, definition, None);
        let checked = checked.at(|pointers| places(&text, root, pointers));
        report.results.push(checked);
        return Ok(());
    };
    parameters.are_used(found.used);
    report
        .notes
        .extend(found.unseen.into_iter().map(|message| Note {
            file: input::shown(&input.path),
            message,
        }));
    for mut found in found.found {
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

/// The text of a file; none of one that was found and cannot be judged, with a note where somebody
/// may have meant it to be.
fn read(input: &Input, report: &mut Report<Checked>) -> Result<Option<String>, String> {
    let mut pass_by = |reason: String| {
        if input::has_ending(&input.path, input::DEFINITIONS) {
            report.notes.push(Note {
                file: input::shown(&input.path),
                message: format!("{reason}, and was not judged"),
            });
        }
        Ok(None)
    };
    if input.is_found && input::is_larger(&input.path, input::MOST_BYTES) {
        return pass_by(format!("it has more than {} bytes", input::MOST_BYTES));
    }
    let bytes = input::read(&input.path, input::MOST_BYTES)?;
    if input.is_found && bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    match input::text(bytes) {
        Err(reason) if input.is_found => pass_by(reason),
        text => text.map(Some),
    }
}

/// The lines and columns of pointers into a definition that stands at `root` of a JSON text.
fn places(text: &str, root: &str, pointers: &[&str]) -> Vec<Option<(usize, usize)>> {
    let of_text = pointers.iter().map(|pointer| match root {
        // In an answer the tags stand beside the definition.
        "" => Cow::Borrowed(*pointer),
        _ if pointer.starts_with("/tags") => Cow::Borrowed(*pointer),
        _ => Cow::Owned(format!("{root}{pointer}")),
    });
    let of_text: Vec<Cow<'_, str>> = of_text.collect();
    let of_text: Vec<&str> = of_text.iter().map(AsRef::as_ref).collect();
    let positions = positions(text, &of_text).into_iter();
    positions
        .map(|position| position.map(|position| (position.line, position.column)))
        .collect()
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
