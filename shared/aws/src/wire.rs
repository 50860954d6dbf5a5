//! AWS as a script: the clients are the real ones, and what they send is answered by a function.
//! Requests are built, signed, retried and read as they are in Lambda; only the network is not
//! there.

mod table;

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    sync::{Arc, Mutex, PoisonError},
};

use aws_credential_types::Credentials;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use http::{Request, Response, StatusCode};
use tidewaiter_rules::names::Place;

pub use table::Table;

use crate::{Clients, Connection};

/// One attempt of a call, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation, for example `DeregisterTaskDefinition`.
    pub operation: String,
    /// The parameters: JSON, or a form's fields as a JSON object.
    pub parameters: serde_json::Value,
    /// How many attempts of this operation were made before.
    pub earlier: usize,
}

/// What is answered to an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    code: &'static str,
    body: String,
}

impl Answer {
    /// Success with this JSON.
    pub fn json(body: impl Into<String>) -> Self {
        Self {
            status: 200,
            code: "",
            body: body.into(),
        }
    }

    /// Success with nothing to say.
    pub fn empty() -> Self {
        Self::json("{}")
    }

    /// An error of AWS.
    pub fn error(status: u16, code: &'static str, message: &str) -> Self {
        Self {
            status,
            code,
            body: message.to_owned(),
        }
    }

    /// A call more than the bucket holds.
    pub fn throttled() -> Self {
        Self::error(400, "ThrottlingException", "Rate exceeded")
    }

    /// A call that the role may not make.
    pub fn denied() -> Self {
        Self::error(
            400,
            "AccessDeniedException",
            "User: arn:aws:sts::111122223333:assumed-role/guard/x is not authorized to perform this",
        )
    }

    /// A write whose condition does not hold, with this whole body.
    fn refused(body: &serde_json::Value) -> Self {
        Self {
            status: 400,
            code: "",
            body: body.to_string(),
        }
    }

    fn written_for(&self, is_form: bool) -> String {
        match (self.status, is_form) {
            (_, false) if self.code.is_empty() => self.body.clone(),
            (200, false) => self.body.clone(),
            (200, true) => "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>".to_owned(),
            (_, false) => serde_json::json!({"__type": self.code, "message": self.body}).to_string(),
            (_, true) => format!(
                "<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>",
                self.code, self.body
            ),
        }
    }
}

type Script = dyn Fn(&Call) -> Answer + Send + Sync;

/// The other end of the wire.
#[derive(Clone)]
pub struct Wire {
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Wire").field(&self.calls).finish()
    }
}

impl Wire {
    /// A wire on which every attempt is answered by `script`.
    pub fn new(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            calls: Arc::default(),
        }
    }

    /// Clients that speak over it, at home in `home`.
    pub fn clients(&self, home: Place) -> Clients {
        let wire = self.clone();
        let connection = Connection {
            credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "wire"),
            endpoint_url: None,
            use_fips: false,
            use_dual_stack: false,
        };
        Clients::over(
            infallible_client_fn(move |request| wire.answer(&request)),
            connection,
            home,
        )
    }

    /// Every attempt so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The operations of every attempt so far, in order.
    pub fn operations(&self) -> Vec<String> {
        self.calls()
            .into_iter()
            .map(|call| call.operation)
            .collect()
    }

    fn answer(&self, request: &Request<SdkBody>) -> Response<SdkBody> {
        let target = request.headers().get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok());
        let body = request.body().bytes().unwrap_or_default();
        let (operation, parameters) = if let Some(target) = target {
            let operation = target.rsplit('.').next().unwrap_or_default();
            let parameters = serde_json::from_slice(body).unwrap_or_default();
            (operation.to_owned(), parameters)
        } else {
            let fields: BTreeMap<String, String> =
                form_urlencoded::parse(body).into_owned().collect();
            let action = fields.get("Action").cloned().unwrap_or_default();
            (action, serde_json::json!(fields))
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = calls.iter().filter(|call| call.operation == operation);
        let call = Call {
            earlier: earlier.count(),
            operation,
            parameters,
        };
        let answer = (self.script)(&call);
        calls.push(call);
        let mut response = Response::new(SdkBody::from(answer.written_for(target.is_none())));
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
    }
}
