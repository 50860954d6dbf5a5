//! OpenVEX documents that a policy names.

use std::{fs, path::Path};

use tidewaiter_report::clean;
use tidewaiter_rules::{
    names::quoted,
    openvex::{self, MAX_BYTES, OpenVex, Vex},
};

use crate::input;

/// Reads the documents at these paths in the folder of the policy at `policy`.
///
/// # Errors
/// For each that cannot be used, why.
pub(crate) fn read(policy: &Path, paths: &[String]) -> Result<Vex, Vec<String>> {
    if paths.is_empty() {
        return Ok(Vex::default());
    }
    if policy == Path::new("-") {
        return Err(vec![
            "a policy from standard input is in no folder, so its `vex` cannot be found: name the file"
                .to_owned(),
        ]);
    }
    let folder = match policy.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut errors = Vec::new();
    let mut documents = Vec::new();
    for path in paths {
        match document(folder, path) {
            Ok(document) => documents.push((path.clone(), document)),
            Err(error) => errors.push(format!("{}: {error}", quoted(path))),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    openvex::read(documents).map_err(|error| vec![error.to_string()])
}

fn document(folder: &Path, path: &str) -> Result<OpenVex, String> {
    let file = folder.join(path);
    // A link may lead anywhere; what cannot be followed, reading says better.
    if let (Ok(real), Ok(folder)) = (fs::canonicalize(&file), fs::canonicalize(folder))
        && !real.starts_with(folder)
    {
        return Err("it leads out of the policy's folder".to_owned());
    }
    let text = input::text(input::read(&file, MAX_BYTES)?)?;
    serde_json::from_str(&text).map_err(|error| {
        format!(
            "it is no OpenVEX document: {}",
            clean(&error.to_string(), 200)
        )
    })
}
