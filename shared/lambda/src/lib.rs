//! A function, whole: start-up from the environment, and the one pipeline that every function runs.
//! A function itself only says which events it is for.

mod guard;
mod settings;
mod vex;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tidewaiter_rules::facts::SubjectKind;

pub use guard::{Guard, HandleError};
pub use settings::{InvalidSettings, Settings};

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
    log_as_json();
    let settings = Settings::from_environment().inspect_err(|error| {
        tracing::error!(function = function.name, error = %error, "cannot start");
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let guard = &Guard::new(function, settings);
        // The payload stays text until it is ours: what cannot be read must end in our alert and
        // the dead-letter queue, not in the runtime.
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            guard
                .handle(event.payload.get(), &event.context.request_id)
                .await
                .map_err(Diagnostic::from)
        }))
        .await
    })
}

/// One JSON object a line, as CloudWatch Logs Insights reads them.
fn log_as_json() {
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
