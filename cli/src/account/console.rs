//! What a person at the command line sees and is asked.

use std::{
    cell::RefCell,
    io::{self, BufRead, IsTerminal, Write},
};

use super::arguments::ConsentArguments;
use crate::progress::Note;

/// Where output goes, and where consent comes from.
pub(crate) struct Console {
    /// What was said, in place of a terminal.
    kept: Option<RefCell<String>>,
}

/// What a person wants to come of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    Given,
    /// It was a dry run.
    NotWanted,
    Refused,
}

impl Console {
    /// Standard output, standard error, and standard input where it is a terminal.
    pub(super) fn real() -> Self {
        Self { kept: None }
    }

    /// One that keeps what is said, for tests. There is nobody to ask.
    #[cfg(test)]
    pub(super) fn kept() -> Self {
        Self {
            kept: Some(RefCell::default()),
        }
    }

    /// What was said.
    #[cfg(test)]
    pub(super) fn said(&self) -> String {
        self.kept.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// A line of the answer.
    pub(super) fn say(&self, line: &str) -> Result<(), String> {
        self.print(&format!("{line}\n"))
    }

    /// The answer, or a part of it.
    pub(super) fn print(&self, text: &str) -> Result<(), String> {
        match &self.kept {
            Some(kept) => {
                kept.borrow_mut().push_str(text);
                Ok(())
            }
            None => crate::print_text(text),
        }
    }

    /// Something to know beside the answer.
    pub(super) fn note(&self, text: &str) {
        match &self.kept {
            Some(kept) => kept.borrow_mut().extend(["note: ", text, "\n"]),
            None => crate::tell(text),
        }
    }

    /// Says what goes on for as long as the value lives.
    pub(super) fn progress(&self, text: &str) -> Option<Note> {
        self.kept.is_none().then(|| Note::show(text))
    }

    /// Whether the plan that has just been shown is to be carried out.
    pub(super) fn consent(&self, arguments: ConsentArguments) -> Result<Consent, String> {
        if arguments.dry_run {
            self.say("dry run: nothing was changed")?;
            return Ok(Consent::NotWanted);
        }
        if arguments.yes {
            return Ok(Consent::Given);
        }
        let answer = self.ask(
            "Do this? [y/N] ",
            "say `--yes` where nobody can be asked, or `--dry-run`",
        )?;
        if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
            Ok(Consent::Given)
        } else {
            self.say("nothing was changed")?;
            Ok(Consent::Refused)
        }
    }

    /// A line that a person types.
    pub(super) fn ask(&self, question: &str, without: &str) -> Result<String, String> {
        if self.kept.is_some() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(format!("nothing was changed: {without}"));
        }
        let mut out = io::stderr().lock();
        let asked = write!(out, "{question}").and_then(|()| out.flush());
        asked.map_err(|error| format!("cannot ask: {error}"))?;
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| format!("cannot read the answer: {error}"))?;
        Ok(answer.trim().to_owned())
    }
}
