//! Metrics, as a line of the function's log.

use std::{
    env,
    io::{self, Write as _},
};

use jiff::Timestamp;
use tidewaiter_report::emf::{Metrics, Source};

/// The stack's name where the template does not tell it.
const STACK: &str = "tidewaiter";

/// Where a function writes its metrics: its standard output, which Lambda hands to CloudWatch Logs.
#[derive(Debug)]
pub struct Journal {
    stack: String,
    function: &'static str,
}

impl Journal {
    /// Reads `TIDEWAITER_STACK`, which may be missing.
    pub fn from_environment(function: &'static str) -> Self {
        let stack = env::var("TIDEWAITER_STACK").ok();
        Self {
            stack: stack
                .filter(|stack| !stack.is_empty())
                .unwrap_or_else(|| STACK.to_owned()),
            function,
        }
    }

    /// Writes what an invocation came to. No invocation fails for its metrics.
    pub fn write(&self, metrics: &Metrics, mode: Option<&'static str>, request_id: &str) {
        let source = Source {
            stack: &self.stack,
            function: self.function,
            mode,
            request_id,
        };
        let Some(mut line) = metrics.line(&source, Timestamp::now()) else {
            return;
        };
        // In one piece: Lambda makes an entry of each line.
        line.push('\n');
        if let Err(error) = io::stdout().lock().write_all(line.as_bytes()) {
            tracing::warn!(function = self.function, %error, "cannot write metrics");
        }
    }
}
