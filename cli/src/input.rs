//! Files, and what is in them.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};
use tidewaiter_report::clean;
use tidewaiter_rules::{
    Field, conceal,
    facts::{Tag, TaskDefinition},
};

/// The largest input file, in bytes. A task definition has at most 64 KiB, an event 1 MiB, a plan
/// of a large estate some tens.
pub(crate) const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A file to judge.
#[derive(Debug)]
pub(crate) struct Input {
    /// Where it is; `-` is standard input.
    pub(crate) path: PathBuf,
    /// Whether it was found in a folder, so that nobody said it holds anything.
    pub(crate) is_found: bool,
}

impl Input {
    /// A file that was named.
    pub(crate) fn named(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            is_found: false,
        }
    }
}

/// The endings of files that may hold definitions; `Dockerfile` is also a whole name.
pub(crate) const DEFINITIONS: &[&str] = &["Dockerfile", "json", "template", "yaml", "yml"];

/// The endings of files that may hold events.
pub(crate) const EVENTS: &[&str] = &["gz", "json"];

/// Whether a file has a name that Dockerfiles have: `Dockerfile`, `Dockerfile.web`,
/// `web.Dockerfile`, `Containerfile`. What makes Dockerfiles, or is read beside one, is none.
pub(crate) fn has_name_of_a_dockerfile(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let mut parts = name.split('.');
    let (first, last) = (parts.next(), parts.next_back());
    let is_dockerfile = |part: Option<&str>| matches!(part, Some("dockerfile" | "containerfile"));
    is_dockerfile(last)
        || is_dockerfile(first)
            && !matches!(
                last,
                Some(
                    "dockerignore"
                        | "erb"
                        | "in"
                        | "j2"
                        | "jinja"
                        | "md"
                        | "template"
                        | "tmpl"
                        | "tpl"
                )
            )
}

/// Whether a file's name ends in one of these.
pub(crate) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    if endings.contains(&"Dockerfile") && has_name_of_a_dockerfile(path) {
        return true;
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.contains(&ending))
}

/// Whether a text speaks of a task definition at all.
pub(crate) fn mentions_a_definition(text: &str) -> bool {
    let marks = [
        "\"containerDefinitions\"",
        "AWS::ECS::TaskDefinition",
        "\"aws_ecs_task_definition\"",
    ];
    marks.iter().any(|mark| text.contains(mark))
}

/// The path as people are shown it.
pub(crate) fn shown(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "<stdin>".to_owned(),
        _ => clean(&path.to_string_lossy(), 400),
    }
}

/// Whether a file has more than so many bytes.
pub(crate) fn is_larger(path: &Path, most: usize) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.len() > most as u64)
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        let file = File::open(path).map_err(|error| cannot_read(&error))?;
        if let Ok(metadata) = file.metadata() {
            if metadata.is_dir() {
                return Err("it is a folder that cannot be read".to_owned());
            }
            // Known before it is read; of a pipe or a device it is not.
            let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
            bytes.reserve_exact(size.min(most).saturating_add(1));
        }
        file.take(limit).read_to_end(&mut bytes)
    };
    read.map_err(|error| cannot_read(&error))?;
    if bytes.len() > most {
        return Err(format!("it has more than {most} bytes"));
    }
    Ok(bytes)
}

fn cannot_read(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "reading it is not permitted".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// The bytes as text, without a byte order mark.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(bytes).ok();
    // UTF-16 of plain letters is UTF-8 too, with a NUL beside each.
    let text = text.filter(|text| !text.contains('\0'));
    let text = text.ok_or("it is not UTF-8 text")?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

/// How deep JSON may be nested; `serde_json`'s own limit for what it builds, held here for what it
/// skips too.
const DEEPEST: usize = 128;

/// Whether objects and arrays are nested deeper than anyone who writes a definition would.
fn is_too_deep(json: &str) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

/// Which members a document has at the top.
#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "a task definition, which is a JSON object"
)]
struct Shape {
    container_definitions: Option<IgnoredAny>,
    task_definition: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    task_definition: TaskDefinition,
    /// Tags stand beside the definition in an answer, and only where they were asked for.
    #[serde(default)]
    tags: Field<Vec<Tag>>,
}

/// Reads a task definition in the form of a request or of an answer, and says where in the text it
/// stands: pointers into it begin there, except for those to tags.
pub(crate) fn task_definition(text: &str) -> Result<(TaskDefinition, &'static str), String> {
    if is_too_deep(text) {
        return Err(format!("it is nested more than {DEEPEST} levels deep"));
    }
    if let Some(rest) = text.trim_start().strip_prefix('[') {
        let hint = if rest.contains("\"image\"") {
            ": wrap the container definitions as {\"family\": …, \"containerDefinitions\": […]}"
        } else {
            ""
        };
        return Err(format!(
            "it is a JSON array, and a task definition is an object{hint}"
        ));
    }
    let shape: Shape = parsed(text)?;
    let (definition, root) = if shape.container_definitions.is_some() {
        (parsed::<TaskDefinition>(text)?, "")
    } else if shape.task_definition.is_some() {
        let described: Described = parsed(text)?;
        let definition = TaskDefinition {
            tags: described.tags,
            ..described.task_definition
        };
        (definition, "/taskDefinition")
    } else {
        return Err(
            "it is no task definition: it has neither `containerDefinitions` nor `taskDefinition`"
                .to_owned(),
        );
    };
    if definition.container_definitions.is_empty() {
        return Err("the task definition has no containers, and ECS would refuse it".to_owned());
    }
    Ok((definition, root))
}

fn parsed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let message = clean(&conceal::unexpected(&error.inner().to_string()), 300);
        match error.path().to_string().as_str() {
            "." => message,
            path => format!("`{}`: {message}", clean(path, 200)),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| clean(&error.to_string(), 300))?;
    Ok(value)
}
