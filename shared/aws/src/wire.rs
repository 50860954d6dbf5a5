//! AWS as a script: the clients are the real ones, and what they send is answered by a function.
//! Requests are built, signed, retried and read as they are in Lambda; only the network is not
//! there.

mod table;

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    future::ready,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use tidewaiter_rules::names::Place;

pub use table::Table;

#[cfg(feature = "account")]
use crate::{Account, clients::configuration};
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

    /// Success with this XML, to a call that was written as a form.
    pub fn xml(body: impl Into<String>) -> Self {
        Self::json(body)
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

    /// No answer: the connection is cut.
    pub fn reset() -> Self {
        Self::error(0, "", "the connection is cut")
    }

    /// A success of which nothing can be read.
    pub fn garbled() -> Self {
        Self::error(200, "Garbled", "<html>a proxy's greeting</html>")
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
            (200, true) if !self.code.is_empty() => self.body.clone(),
            (_, false) if self.code.is_empty() => self.body.clone(),
            (200, false) => self.body.clone(),
            (200, true) if self.body.starts_with('<') => self.body.clone(),
            (200, true) => "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>".to_owned(),
            (_, false) => serde_json::json!({"__type": self.code, "message": self.body}).to_string(),
            (_, true) => format!(
                "<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>",
                self.code, self.body
            ),
        }
    }
}

/// An answer that is under way.
pub type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

type Network = dyn Fn(Call) -> Coming + Send + Sync;

/// The other end of the wire.
#[derive(Clone)]
pub struct Wire {
    network: Arc<Network>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Wire").field(&self.calls).finish()
    }
}

impl Wire {
    /// A wire on which every attempt is answered at once by `script`.
    pub fn new(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self::over(move |call| Box::pin(ready(script(&call))))
    }

    /// A wire on which answers take their time: what else goes on meanwhile is up to `network`, and
    /// one that never ends is an attempt that was lost.
    pub fn over(network: impl Fn(Call) -> Coming + Send + Sync + 'static) -> Self {
        Self {
            network: Arc::new(network),
            calls: Arc::default(),
        }
    }

    /// Clients that speak over it, at home in `home`.
    pub fn clients(&self, home: Place) -> Clients {
        Clients::over(self.clone(), connection(), home)
    }

    /// An account that speaks over it, in which `caller` works.
    #[cfg(feature = "account")]
    pub fn account(&self, home: Place, caller: &str) -> Account {
        let config = configuration(self.clone(), connection(), &home);
        Account::of(config, home, caller.to_owned())
    }

    /// Every attempt that has been answered so far, in order.
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

    /// The call that a request makes, and whether it is written as a form.
    fn read(&self, request: &HttpRequest) -> (Call, bool) {
        let target = request.headers().get("x-amz-target");
        let body = request.body().bytes().unwrap_or_default();
        let by_path = by_path(request, body);
        let is_form = target.is_none() && by_path.is_none();
        let (operation, parameters) = if let Some(call) = by_path {
            call
        } else if let Some(target) = target {
            let operation = target.rsplit('.').next().unwrap_or_default();
            let parameters = serde_json::from_slice(body).unwrap_or_default();
            (operation.to_owned(), parameters)
        } else {
            let fields: BTreeMap<String, String> =
                form_urlencoded::parse(body).into_owned().collect();
            let action = fields.get("Action").cloned().unwrap_or_default();
            (action, serde_json::json!(fields))
        };
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = calls.iter().filter(|call| call.operation == operation);
        let call = Call {
            earlier: earlier.count(),
            operation,
            parameters,
        };
        (call, is_form)
    }
}

/// How the clients believe to reach AWS.
fn connection() -> Connection {
    Connection {
        credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "wire"),
        endpoint_url: None,
        use_fips: false,
        use_dual_stack: false,
    }
}

/// The call that a request makes whose operation stands in its path, as Lambda's do.
fn by_path(request: &HttpRequest, body: &[u8]) -> Option<(String, serde_json::Value)> {
    let path = request.uri().split('?').next()?;
    let function = path.strip_suffix("/invocations")?.rsplit('/').next()?;
    let kind = request.headers().get("x-amz-invocation-type");
    let parameters = serde_json::json!({
        "FunctionName": function,
        "InvocationType": kind,
        "Payload": String::from_utf8_lossy(body),
    });
    Some(("Invoke".to_owned(), parameters))
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (call, is_form) = self.read(&request);
        let coming = (self.network)(call.clone());
        let calls = self.calls.clone();
        HttpConnectorFuture::new(async move {
            let answer = coming.await;
            let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(call);
            if answer.status == 0 {
                return Err(ConnectorError::io(answer.body.into()));
            }
            let status = StatusCode::try_from(answer.status);
            let status = status.map_err(|error| ConnectorError::other(error.into(), None))?;
            let body = SdkBody::from(answer.written_for(is_form));
            Ok(HttpResponse::new(status, body))
        })
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
