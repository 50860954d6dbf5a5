//! `tidewaiter`: judges files and recorded events by the same engine that runs in Lambda.

mod account;
mod alert;
mod answers;
mod arguments;
mod check;
mod completions;
mod input;
mod json;
mod parameters;
mod policy;
mod progress;
mod replay;
mod rules;
mod scp;
mod search;
mod vex;

use std::{
    fmt::Display,
    io::{self, Write},
    path::Path,
    process::{ExitCode, Termination},
};

use anstream::{AutoStream, ColorChoice};
use clap::Parser;
use jiff::Timestamp;
use serde::Serialize;
use tidewaiter_notify::Channels;
use tidewaiter_report::{Checked, Judged, Junit, Listing, Report, Sarif, Style};
use tidewaiter_rules::{
    Policy, Verdict,
    names::quoted,
    policy::{Profile, Waiver},
    suppress::{self, Suppressed},
};

use crate::{
    account::Work,
    answers::answers,
    arguments::{
        AlertCommand, Arguments, ChannelsCommand, CheckFormat, Colour, Command, Format,
        PolicyArguments, PolicyCommand, RulesFormat,
    },
    input::Input,
    parameters::Parameters,
};

/// What the program ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Allowed,
    Denied,
    Unusable,
}

impl Status {
    fn of(verdict: Verdict, has_errors: bool) -> Self {
        match verdict {
            _ if has_errors => Self::Unusable,
            Verdict::Deny => Self::Denied,
            Verdict::Warn | Verdict::Allow => Self::Allowed,
        }
    }
}

impl Status {
    /// The worse of two.
    fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Termination for Status {
    fn report(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Allowed => 0,
            Self::Denied => 1,
            Self::Unusable => 2,
        })
    }
}

fn main() -> Status {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Check(arguments) => arguments.policy.read().and_then(|policy| {
            let parameters = Parameters::of(&arguments.parameters)?;
            let check = |input: &Input, report: &mut Report<_>| {
                check::check(input, &policy, &parameters, report)
            };
            let search = &arguments.search;
            let found = search::find(&search.paths, input::DEFINITIONS, &search.exclude)?;
            let report = answers(found, "task definition", search.jobs, check)?;
            print_checked(&report, arguments.format, arguments.color.style())?;
            let is_for_people = matches!(arguments.format, CheckFormat::Text);
            let status = conclude(&report, &policy, is_for_people);
            if matches!(arguments.format, CheckFormat::Junit) {
                // A test page has no place for them.
                tell_notes(&report);
            }
            let unused = parameters.unused();
            for error in &unused {
                say(error);
            }
            Ok(if unused.is_empty() {
                status
            } else {
                Status::Unusable
            })
        }),
        Command::Replay(arguments) => arguments.policy.read().and_then(|policy| {
            let mode = arguments.mode.into();
            let replay = |input: &Input, report: &mut Report<_>| {
                replay::replay(input, &policy, mode, report)
            };
            let search = &arguments.search;
            let found = search::find(&search.paths, input::EVENTS, &search.exclude)?;
            let report = answers(found, "event", search.jobs, replay)?;
            print(&report, arguments.format)?;
            let is_for_people = matches!(arguments.format, Format::Text);
            Ok(conclude(&report, &policy, is_for_people))
        }),
        Command::Alert(AlertCommand::Preview(arguments)) => {
            let policy = arguments.policy.read();
            let text = policy.and_then(|policy| alert::preview(&arguments, &policy));
            text.and_then(|text| print_text(&text))
                .map(|()| Status::Allowed)
        }
        Command::Alert(AlertCommand::Schema) => alert::schema()
            .and_then(|text| print_text(&text))
            .map(|()| Status::Allowed),
        Command::Policy(PolicyCommand::Validate { path }) => validate(&path),
        Command::Policy(PolicyCommand::Presets) => {
            print_text(&policy::presets()).map(|()| Status::Allowed)
        }
        Command::Policy(PolicyCommand::Schema) => {
            print_schema(Policy::schema()).map(|()| Status::Allowed)
        }
        Command::Channels(ChannelsCommand::Validate { path }) => policy::check_channels(&path)
            .and_then(|()| print_text(&format!("{}: valid\n", input::shown(&path))))
            .map(|()| Status::Allowed),
        Command::Channels(ChannelsCommand::Schema) => {
            print_schema(Channels::schema()).map(|()| Status::Allowed)
        }
        Command::Rules(arguments) => list(arguments.format).map(|()| Status::Allowed),
        Command::Explain(arguments) => rules::page(&arguments.rule)
            .and_then(print_text)
            .map(|()| Status::Allowed),
        Command::Completions(arguments) => {
            let script = completions::script(arguments.shell);
            write(|out| out.write_all(&script)).map(|()| Status::Allowed)
        }
        Command::Man(arguments) => man(arguments.folder.as_deref()).map(|()| Status::Allowed),
        Command::Quarantine(command) => account::run(&Work::Quarantine(command)),
        Command::Undo(arguments) => account::run(&Work::Undo(arguments)),
        Command::Pause(arguments) => account::run(&Work::Pause(arguments)),
        Command::Resume(arguments) => account::run(&Work::Resume(arguments)),
        Command::Status(arguments) => account::run(&Work::Status(arguments)),
        Command::Redrive(arguments) => account::run(&Work::Redrive(arguments)),
        Command::Doctor(arguments) => account::run(&Work::Doctor(arguments)),
        Command::Scp(arguments) => scp::run(&arguments)
            .and_then(|text| print_text(&text))
            .map(|()| Status::Allowed),
    };
    done.unwrap_or_else(|error| {
        say(&error);
        Status::Unusable
    })
}

impl PolicyArguments {
    fn read(&self) -> Result<Policy, String> {
        let policy = match &self.policy {
            None => Policy::default(),
            Some(path) => policy::read(path)?.0,
        };
        let profile = self.profile.as_deref().and_then(Profile::parse);
        Ok(match profile {
            Some(profile) => policy.with_profile(profile),
            None => policy,
        })
    }
}

/// What the program ends with. People are told of errors and waivers; programs find them in the
/// report.
fn conclude<T: Judged>(report: &Report<T>, policy: &Policy, is_for_people: bool) -> Status {
    if is_for_people {
        for error in &report.errors {
            say(&format!("{}: {}", error.file, error.message));
        }
        tell_notes(report);
        for waiver in policy.waivers() {
            if waiver.vulnerabilities().is_empty() {
                let is_used = report.results.iter().any(|result| result.uses(&waiver.id));
                tell_of(waiver, is_used);
            } else {
                tell_of_vulnerabilities(waiver, report);
            }
        }
    }
    Status::of(report.verdict(), !report.errors.is_empty())
}

fn tell_notes<T>(report: &Report<T>) {
    for note in &report.notes {
        warn(&format!("{}: {}", note.file, note.message));
    }
}

/// An exception that has ended, or that nothing needs, is itself worth a word.
fn tell_of(waiver: &Waiver, is_used: bool) {
    let (id, expires) = (quoted(&waiver.id), waiver.expires);
    if waiver.has_expired(Some(Timestamp::now())) {
        warn(&format!(
            "waiver {id} has expired on {expires}: renew it or remove it"
        ));
    } else if !is_used {
        warn(&format!(
            "waiver {id} covers nothing here: remove it if nothing else needs it"
        ));
    }
}

/// An exception for a vulnerability that no image here has. Where no findings are known one by one,
/// it cannot be told.
fn tell_of_vulnerabilities<T: Judged>(waiver: &Waiver, report: &Report<T>) {
    tell_of(waiver, true);
    let known: Vec<&[Suppressed]> = report.results.iter().filter_map(T::suppressed).collect();
    if known.is_empty() || waiver.has_expired(Some(Timestamp::now())) {
        return;
    }
    let unused = suppress::unused(waiver, known.into_iter().flatten());
    if !unused.is_empty() {
        warn(&format!(
            "waiver {} takes {} out of no image here: remove it if nothing else needs it",
            quoted(&waiver.id),
            unused
                .into_iter()
                .map(quoted)
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
}

/// Reads a policy for its own sake.
fn validate(path: &Path) -> Result<Status, String> {
    let (policy, problems) = policy::read(path)?;
    for problem in problems {
        warn(&problem);
    }
    for waiver in policy.waivers() {
        tell_of(waiver, true);
    }
    print_text(&format!("{}: valid\n", input::shown(path)))?;
    Ok(Status::Allowed)
}

/// A line on standard error. Where that is closed, nobody is there to hear it.
fn say(message: &str) {
    let _ = writeln!(io::stderr(), "error: {message}");
}

fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "warning: {message}");
}

fn tell(message: &str) {
    let _ = writeln!(io::stderr(), "note: {message}");
}

fn list(format: RulesFormat) -> Result<(), String> {
    let catalogue = rules::catalogue();
    match format {
        RulesFormat::Text => print(&catalogue, Format::Text),
        RulesFormat::Json => print(&catalogue, Format::Json),
        RulesFormat::Markdown => print_text(&rules::index(&catalogue)),
    }
}

fn print_checked(
    report: &Report<Checked>,
    format: CheckFormat,
    style: Style,
) -> Result<(), String> {
    match format {
        CheckFormat::Text => write(|out| write!(out, "{}", Listing { report, style })),
        CheckFormat::Json => write(|out| json::write(out, report)),
        CheckFormat::Sarif => write(|out| json::write(out, &Sarif::of(report))),
        CheckFormat::Junit => write(|out| write!(out, "{}", Junit(report))),
    }
}

fn print(report: &(impl Serialize + Display), format: Format) -> Result<(), String> {
    write(|out| match format {
        Format::Text => write!(out, "{report}"),
        Format::Json => json::write(out, report),
    })
}

/// Members in alphabetical order, whatever else is built with `serde_json`.
fn print_schema(mut schema: serde_json::Value) -> Result<(), String> {
    schema.sort_all_objects();
    write(|out| {
        serde_json::to_writer_pretty(&mut *out, &schema)?;
        writeln!(out)
    })
}

fn man(folder: Option<&Path>) -> Result<(), String> {
    match folder {
        Some(folder) => completions::write_pages(folder),
        None => completions::page().and_then(|page| write(|out| out.write_all(&page))),
    }
}

fn print_text(text: &str) -> Result<(), String> {
    write(|out| out.write_all(text.as_bytes()))
}

impl Colour {
    /// What standard output takes: `auto` honours `NO_COLOR`, `CLICOLOR_FORCE` and a `TERM` of
    /// `dumb`.
    fn style(self) -> Style {
        let is_coloured = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        };
        if is_coloured {
            Style::Coloured
        } else {
            Style::Plain
        }
    }
}

/// Writes to standard output. That the reader has closed the pipe is no failure of ours.
fn write(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), String> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match print(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the output: {error}"))
        }
        _ => Ok(()),
    }
}
