//! What the fuzzers run: a function for each kind of text that comes from outside, which panics where
//! something does not hold that always must. `fuzz` gives them what libFuzzer makes up, and a test the
//! corpus that is kept.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how libFuzzer hears that something is wrong"
)]

mod agree;
mod events;
mod files;
mod images;
mod policies;
mod shown;
mod told;

pub use agree::agree;
pub use events::event;
pub use files::{cloudformation, dockerfile, task_definition, terraform};
pub use images::{findings, manifest};
pub use policies::policy;

/// A function that takes what libFuzzer makes up.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its program and of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("agree", agree),
    ("cloudformation", cloudformation),
    ("dockerfile", dockerfile),
    ("event", event),
    ("findings", findings),
    ("manifest", manifest),
    ("policy", policy),
    ("task_definition", task_definition),
    ("terraform", terraform),
];
