//! Public Dockerfiles, where the environment says where they are.

use std::path::Path;

use tidewaiter_rules::{Facts, Policy, Subject, decide, policy::Profile};

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

#[test]
fn public_dockerfiles_are_read_and_judged() {
    for text in files() {
        assert!(is_dockerfile(&text));
        let dockerfile = read(&text, "Dockerfile").unwrap();
        let facts = Facts {
            place: None,
            observed_at: None,
            subject: Subject::Dockerfile(Box::new(dockerfile.clone())),
        };
        let decision = decide(&facts, &Policy::of_profile(Profile::Restricted));
        for finding in decision.findings {
            assert!(dockerfile.locate(&finding.pointer).is_some());
        }
    }
}
