//! Many files at once, and one report in the order of the files.

use std::{
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rayon::prelude::*;
use tidewaiter_report::{Judged, Report, Unreadable};

use crate::{
    input::{self, Input},
    progress::Progress,
    search::Found,
};

/// What a thread may use for the deepest input; what the main thread has on Linux.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// The answers for every file, in the order of the files whatever thread came to them first. No
/// more texts are held at once than there are threads.
///
/// # Errors
/// When the threads cannot be started.
pub(crate) fn answers<T: Judged + Send>(
    found: Found,
    kind: &str,
    jobs: Option<NonZero<usize>>,
    ask: impl Fn(&Input, &mut Report<T>) -> Result<(), String> + Sync,
) -> Result<Report<T>, String> {
    let jobs = jobs.or_else(|| thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZero::get).min(found.inputs.len().max(1));
    let done = AtomicUsize::new(0);
    let ask_one = |input: &Input| {
        let mut report = Report::default();
        if let Err(message) = ask(input, &mut report) {
            let file = input::shown(&input.path);
            report.errors.push(Unreadable { file, message });
        }
        done.fetch_add(1, Ordering::Relaxed);
        report
    };
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .stack_size(STACK_BYTES)
        .build()
        .map_err(|error| format!("cannot start {jobs} threads: {error}; try `--jobs 1`"))?;
    let reports: Vec<Report<T>> = Progress::of(&done, found.inputs.len())
        .while_running(|| threads.install(|| found.inputs.par_iter().map(ask_one).collect()));

    let mut whole = Report::default();
    for searched in found.searched {
        let mut within = reports.get(searched.inputs.clone()).into_iter().flatten();
        if within.all(Report::is_empty) {
            whole.notes.push(searched.was_empty(kind));
        }
    }
    whole.errors.extend(found.errors);
    for report in reports {
        whole.results.extend(report.results);
        whole.notes.extend(report.notes);
        whole.errors.extend(report.errors);
    }
    Ok(whole)
}
