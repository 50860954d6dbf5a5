//! Files of ours that people write.

use tidewaiter_notify::Channels;
use tidewaiter_rules::{
    Policy,
    policy::{InvalidPolicy, Paint},
};

use crate::{shown, told};

/// A policy, and a file of channels.
///
/// # Panics
/// When something does not hold.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = Policy::from_yaml(text, told::now());
    assert_eq!(
        read,
        Policy::from_yaml(text, told::now()),
        "it is read alike twice"
    );
    match read {
        Ok(policy) => {
            for facts in told::samples() {
                told::judge_by(facts, &policy);
            }
        }
        Err(error) => mistakes(&error),
    }
    match Channels::from_yaml(text) {
        Ok(channels) => assert!(channels.all().count() <= text.len()),
        Err(error) => mistakes(&error),
    }
}

fn mistakes(error: &InvalidPolicy) {
    assert!(error.count() > 0);
    shown::is_one_line(&error.to_string(), 20_000);
    let rendered = error.render("policy.yaml", Paint::PLAIN);
    shown::is_plain(&rendered);
    assert!(rendered.chars().count() < 200_000);
    for diagnostic in error.diagnostics() {
        assert!(diagnostic.line > 0 && diagnostic.column > 0);
        shown::is_one_line(&diagnostic.message, 4000);
    }
}
