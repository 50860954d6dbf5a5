//! A function, whole: start-up from the environment, and the one pipeline that every function runs.
//! A function itself only says which events it is for.

mod batch;
mod guard;
mod journal;
mod recorder;
mod settings;
mod vex;

use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tidewaiter_rules::facts::SubjectKind;
use tokio::time::Instant;

pub use batch::{Batch, Failures, Message};
pub use guard::{Guard, HandleError};
pub use journal::Journal;
pub use recorder::Recorder;
pub use settings::{InvalidSettings, Settings, connection, home, required};

/// What a function is.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The name, as in logs.
    pub name: &'static str,
    /// What it judges. An event about anything else has been routed wrongly.
    pub subject: SubjectKind,
}

/// Runs a function until Lambda ends it.
///
/// # Errors
/// When the environment does not hold what the function needs, or Lambda's runtime interface fails.
/// Lambda then gives the event to a new process, and to the dead-letter queue in the end.
pub fn run(function: Function) -> Result<(), lambda_runtime::Error> {
    let (runtime, settings) = start(function.name)?;
    let (journal, mode) = (Journal::from_environment(function.name), settings.mode);
    let journal = &journal;
    runtime.block_on(async {
        let guard = &Guard::new(function, settings);
        // The payload stays text until it is ours: what cannot be read must end in our alert and
        // the dead-letter queue, not in the runtime.
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            let (payload, context) = (event.payload.get(), &event.context);
            let request_id = &context.request_id;
            let handled = match Batch::read(payload) {
                Some(batch) => {
                    let failures = guard.handle_batch(&batch, request_id, end(context));
                    Ok(Some(failures.await))
                }
                None => guard.handle(payload, request_id).await.map(|()| None),
            };
            journal.write(&guard.take_metrics(), Some(mode.name()), request_id);
            handled.map_err(Diagnostic::from)
        }))
        .await
    })
}

/// Runs the function that keeps the index of what uses images, from batches of events.
///
/// # Errors
/// As [`run`].
pub fn record_usage(name: &'static str) -> Result<(), lambda_runtime::Error> {
    let (runtime, settings) = start(name)?;
    let (journal, mode) = (Journal::from_environment(name), settings.mode);
    let journal = &journal;
    runtime.block_on(async {
        let recorder = &Recorder::new(name, settings);
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            let (payload, context) = (event.payload.get(), &event.context);
            let Some(batch) = Batch::read(payload) else {
                let error =
                    "this is no batch of messages of a queue: check what invokes the function";
                return Err(Diagnostic::from(HandleError::new(error)));
            };
            let request_id = &context.request_id;
            let failures = recorder.record(&batch, request_id, end(context)).await;
            journal.write(&recorder.take_metrics(), Some(mode.name()), request_id);
            Ok(failures)
        }))
        .await
    })
}

/// Runs the function that sets that index right, whatever the event that it is invoked by.
///
/// # Errors
/// As [`run`].
pub fn reconcile_usage(name: &'static str) -> Result<(), lambda_runtime::Error> {
    let (runtime, settings) = start(name)?;
    let (journal, mode) = (Journal::from_environment(name), settings.mode);
    let journal = &journal;
    runtime.block_on(async {
        let recorder = &Recorder::new(name, settings);
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            let (request_id, end) = (&event.context.request_id, end(&event.context));
            let reconciled = recorder.reconcile(request_id, end).await;
            journal.write(&recorder.take_metrics(), Some(mode.name()), request_id);
            reconciled.map_err(Diagnostic::from)
        }))
        .await
    })
}

fn start(name: &str) -> Result<(tokio::runtime::Runtime, Settings), lambda_runtime::Error> {
    log_as_json();
    let settings = Settings::from_environment().inspect_err(|error| {
        tracing::error!(function = name, error = %error, "cannot start");
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok((runtime, settings))
}

/// Before Lambda ends an invocation there must be time left to answer: without an answer every
/// message of a batch is delivered again.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);

/// When to stop working on an invocation.
pub fn end(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now());
    Instant::now() + left.unwrap_or_default().saturating_sub(TIME_TO_ANSWER)
}

/// One JSON object a line, as CloudWatch Logs Insights reads them.
pub fn log_as_json() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .init();
}

impl From<HandleError> for Diagnostic {
    fn from(error: HandleError) -> Self {
        Self {
            error_type: "Retryable".to_owned(),
            error_message: error.to_string(),
        }
    }
}
