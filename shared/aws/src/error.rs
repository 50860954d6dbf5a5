//! A call that failed, and whether calling again can help.

use std::error::Error;

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_smithy_runtime_api::{
    client::{orchestrator::HttpResponse, result::SdkError},
    http::StatusCode,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

/// A call to AWS that failed, or an answer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{call} failed: {reason}")]
pub struct CallError {
    call: &'static str,
    code: Option<String>,
    reason: String,
    is_transient: bool,
}

/// Sandboxes are replaced before their credentials end; should that be late, the next one helps.
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException"];

impl CallError {
    /// Reads what the SDK says after its own retries.
    pub(crate) fn of<E>(call: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let code = error.code().map(str::to_owned);
        let is_transient = match error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::ServiceError(service) => {
                let known = |codes: &[&str]| code.as_deref().is_some_and(|c| codes.contains(&c));
                let status = service.raw().status();
                // That it went well, in words that cannot be read: the next answer may be better.
                status.is_success()
                    || is_server_fault(status)
                    || known(THROTTLING_ERRORS)
                    || known(TRANSIENT_ERRORS)
                    || known(EXPIRED)
            }
            // No answer, or none that can be read: the next one may be better.
            _ => true,
        };
        Self {
            call,
            reason: chain(error),
            code,
            is_transient,
        }
    }

    /// An answer that will not get better.
    pub(crate) fn permanent(call: &'static str, reason: impl Into<String>) -> Self {
        Self {
            call,
            code: None,
            reason: reason.into(),
            is_transient: false,
        }
    }

    /// An answer that will get better with time.
    pub(crate) fn transient(call: &'static str, reason: impl Into<String>) -> Self {
        Self {
            is_transient: true,
            ..Self::permanent(call, reason)
        }
    }

    /// Whether the same call may succeed later: throttling, faults of the service, no connection.
    pub fn is_transient(&self) -> bool {
        self.is_transient
    }

    /// The call, such as `GetPolicy`.
    pub fn call(&self) -> &'static str {
        self.call
    }

    /// Whether AWS refused it for want of a permission.
    pub fn is_denied(&self) -> bool {
        const DENIED: &[&str] = &[
            "AccessDenied",
            "AccessDeniedException",
            "AuthorizationError",
            "AuthorizationErrorException",
            "UnauthorizedOperation",
        ];
        self.code().is_some_and(|code| DENIED.contains(&code))
    }

    /// Whether AWS refused it for a reason that somebody can take away, and time alone does not.
    pub fn is_refusal(&self) -> bool {
        !self.is_transient && self.code.is_some()
    }

    /// AWS's error code, where AWS answered with one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The same, with what to make of it first.
    pub(crate) fn because(self, advice: &str) -> Self {
        Self {
            reason: format!("{advice}: {}", self.reason),
            ..self
        }
    }

    pub(crate) fn says(&self, part: &str) -> bool {
        self.reason.to_ascii_lowercase().contains(part)
    }
}

fn is_server_fault(status: StatusCode) -> bool {
    status.as_u16() >= 500 || status.as_u16() == 429
}

/// The message of an error and of all its causes: "not authorized" stands two causes down.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
