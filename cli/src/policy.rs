//! Policy files, and what is built in for them.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    path::Path,
};

use jiff::Timestamp;
use tidewaiter_notify::Channels;
use tidewaiter_rules::{
    Policy,
    policy::{InvalidPolicy, MAX_BYTES, Only, PRESETS, Paint, Whose},
};

use crate::{input, vex};

/// As compilers colour: red for what is wrong, blue for the frame.
const COLOURS: Paint = Paint {
    error: "\u{1b}[1;31m",
    strong: "\u{1b}[1m",
    frame: "\u{1b}[1;34m",
    reset: "\u{1b}[0m",
};

/// Reads a policy. Its mistakes are shown on standard error where they stand, and the error that is
/// left says how many there are. Beside the policy stands what in its OpenVEX documents suppresses
/// nothing.
pub(crate) fn read(path: &Path) -> Result<(Policy, Vec<String>), String> {
    let file = input::shown(path);
    let text = input::read(path, MAX_BYTES).and_then(input::text);
    let text = text.map_err(|error| format!("policy {file}: {error}"))?;
    let policy = Policy::from_yaml(&text, Timestamp::now());
    let policy = policy.map_err(|error| shown("policy", &file, &error))?;
    let mut vex = vex::read(path, policy.vex_files())
        .map_err(|errors| format!("policy {file}: vex {}", errors.join("; ")))?;
    let problems = std::mem::take(&mut vex.problems);
    Ok((policy.with_vex(vex), problems))
}

/// Reads a file of channels. Its mistakes are shown as those of a policy are.
pub(crate) fn check_channels(path: &Path) -> Result<(), String> {
    let file = input::shown(path);
    let text = input::read(path, MAX_BYTES).and_then(input::text);
    let text = text.map_err(|error| format!("channels {file}: {error}"))?;
    let channels = Channels::from_yaml(&text);
    channels
        .map(|_| ())
        .map_err(|error| shown("channels", &file, &error))
}

/// Shows every mistake on standard error, and gives the error that is left.
fn shown(what: &str, file: &str, error: &InvalidPolicy) -> String {
    // Where that is closed, nobody is there to see them.
    let _ = write!(io::stderr(), "{}", error.render(file, paint()));
    let count = match error.count() {
        1 => "1 mistake".to_owned(),
        count => format!("{count} mistakes"),
    };
    format!("{what} {file} cannot be used: {count}")
}

/// Colours for a terminal, unless its user wants none (<https://no-color.org>).
fn paint() -> Paint {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stderr().is_terminal() && !is_unwanted {
        COLOURS
    } else {
        Paint::PLAIN
    }
}

/// The presets, in Markdown.
pub(crate) fn presets() -> String {
    let mut text = String::from(
        "# Presets\n\n\
         Built-in exceptions for well-known agents that need power, and for what scanners find in kernels, for `presets: […]` in a policy.\n",
    );
    for preset in PRESETS {
        let _ = write!(text, "\n## {}\n\nFor {}.\n\n", preset.name, preset.summary);
        match &preset.subject {
            Whose::Agent { images, .. } => {
                let images: Vec<String> = images.iter().map(|image| format!("`{image}`")).collect();
                let _ = writeln!(text, "Images: {}.", images.join(", "));
            }
            Whose::Role(role) => {
                let _ = writeln!(
                    text,
                    "Known by who registered them: the service-linked role `{role}`."
                );
            }
            Whose::Kernel => text.push_str(
                "Known by their packages: a finding of which one package is no kernel's counts.\n",
            ),
        }
        text.push_str("\n| May fail | With | Because |\n| --- | --- | --- |\n");
        for grant in preset.grants {
            let (rule, reason) = (grant.rule, grant.reason);
            let _ = writeln!(text, "| `{rule}` | {} | {reason} |", with(&grant.only));
        }
    }
    text
}

/// How far a preset may fail a rule, for people.
fn with(only: &Only) -> String {
    let listed = |names: &[&str]| -> String {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    match only {
        Only::Whatever => "anything".to_owned(),
        Only::KernelPackages => "packages of a kernel".to_owned(),
        Only::Capabilities(names) => listed(names),
        Only::Paths { readable, writable } => {
            let readable =
                (!readable.is_empty()).then(|| format!("{} read-only", listed(readable)));
            let writable = (!writable.is_empty()).then(|| listed(writable));
            let all: Vec<String> = readable.into_iter().chain(writable).collect();
            all.join("; ")
        }
    }
}
