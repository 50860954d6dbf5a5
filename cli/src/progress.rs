//! How far a long run is, for whoever waits at a terminal.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

/// A run that is over sooner shows nothing: a line that flashes tells nobody anything.
const PATIENCE: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(100);

/// One line of progress, which is gone when the run is.
pub(crate) struct Progress<'a> {
    done: &'a AtomicUsize,
    total: usize,
}

impl<'a> Progress<'a> {
    /// Progress towards `total`.
    pub(crate) fn of(done: &'a AtomicUsize, total: usize) -> Self {
        Self { done, total }
    }

    /// Runs `work`, and tells of it on standard error where someone is there to see it.
    pub(crate) fn while_running<T>(&self, work: impl FnOnce() -> T) -> T {
        if !is_watched() {
            return work();
        }
        thread::scope(|scope| {
            let (end, ended) = mpsc::channel::<()>();
            scope.spawn(move || self.show_until(&ended));
            let result = work();
            drop(end);
            result
        })
    }

    fn show_until(&self, ended: &mpsc::Receiver<()>) {
        let mut wait = PATIENCE;
        let mut is_shown = false;
        while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let (done, total) = (self.done.load(Ordering::Relaxed), self.total);
            draw(&format!("{done} of {total} files"));
            is_shown = true;
            wait = INTERVAL;
        }
        if is_shown {
            draw("");
        }
    }
}

/// One line that says what goes on, for as long as the value lives.
#[must_use]
pub(crate) struct Note {
    is_shown: bool,
}

impl Note {
    /// Shows it where someone is there to see it.
    pub(crate) fn show(text: &str) -> Self {
        let is_shown = is_watched();
        if is_shown {
            draw(&format!("{text} …"));
        }
        Self { is_shown }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if self.is_shown {
            draw("");
        }
    }
}

/// Logs of CI systems keep every line that was ever drawn.
fn is_watched() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|kind| kind == "dumb");
    io::stderr().is_terminal() && !is_dumb && !is_set("CI")
}

/// Replaces the line. Where standard error is closed, nobody sees it anyway.
fn draw(text: &str) {
    let mut out = io::stderr().lock();
    let _ = write!(out, "\r\u{1b}[2K{text}").and_then(|()| out.flush());
}
