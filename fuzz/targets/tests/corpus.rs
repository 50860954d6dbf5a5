//! The corpus that is kept, through every target: what the fuzzers hold, this holds without them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tidewaiter_fuzz_targets::TARGETS;

fn of_fuzz(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(of_fuzz(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
}

#[test]
fn the_corpus_breaks_nothing() {
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(of_fuzz("corpus").join(name)).unwrap() {
            let path = entry.unwrap().path();
            // Seen where one breaks something.
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "{name}");
    }
}
