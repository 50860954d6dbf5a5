//! Public Dockerfiles, where the environment says where they are.

use std::path::Path;

use super::all_findings;
use crate::dockerfile::{is_dockerfile, read};

#[expect(
    clippy::disallowed_methods,
    reason = "the folder is not a part of the project"
)]
fn files() -> Vec<String> {
    let Ok(folder) = std::env::var("TIDEWAITER_CORPUS") else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(Path::new(&folder).join("dockerfiles")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| {
        path.extension()
            .is_some_and(|ending| ending == "Dockerfile")
    });
    paths
        .map(|path| String::from_utf8(std::fs::read(path).unwrap()).unwrap())
        .collect()
}

/// Some are fixtures of parsers, which no builder reads.
#[test]
fn public_dockerfiles_are_judged_or_refused() {
    for text in files() {
        let dockerfile = match read(&text, "Dockerfile") {
            Ok(dockerfile) => dockerfile,
            Err(error) => {
                assert!(error.to_string().starts_with("line "));
                continue;
            }
        };
        assert!(is_dockerfile(&text));
        for finding in all_findings(&dockerfile) {
            assert!(dockerfile.locate(&finding.pointer).is_some());
        }
    }
}
