//! Channels over HTTPS, and the services of AWS that only the delivery of alerts needs.
//!
//! Secrets Manager, Parameter Store and Security Hub are asked for one operation each. Their SDK crates
//! have 50 MB of source between them, more than all others here, so the three calls are signed by the
//! SDK's own signer and sent over its own HTTP stack instead.

mod call;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings},
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use tidewaiter_rules::names::Place;
use tokio::{sync::Mutex, time::Instant};

use crate::Connection;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a request may take in all, with the reading of its answer.
const WHOLE: Duration = Duration::from_secs(10);

/// What tests have otherwise. A function is as [`Self::default`] says.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Whom to trust in place of the usual authorities.
    pub authorities: Option<TlsContext>,
    /// Whether 127.0.0.1 may be spoken to without TLS.
    pub allows_loopback: bool,
    /// How long a request may take in all.
    pub patience: Duration,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            authorities: None,
            allows_loopback: false,
            patience: WHOLE,
        }
    }
}

/// How much of an answer is read, in bytes. What a channel has to say is a line.
const BODY: usize = 64 * 1024;

/// How long a secret is believed.
const FRESH: Duration = Duration::from_mins(5);

/// An answer of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The status.
    pub status: u16,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<u32>,
    /// The begin of the body.
    pub body: String,
}

/// A request that came to no answer. It says nothing of the address, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The address is no HTTPS URL, or a header cannot be one.
    Unusable,
    /// Nothing answered in time.
    TimedOut,
    /// No connection, or it was cut.
    Disconnected,
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unusable => "its address is no HTTPS URL",
            Self::TimedOut => "it did not answer in time",
            Self::Disconnected => "no connection came about, or it was cut",
        })
    }
}

/// The ways out to channels.
pub struct Outlets {
    connector: Arc<OnceLock<Connector>>,
    authorities: Option<TlsContext>,
    credentials: Credentials,
    endpoint_url: Option<String>,
    use_fips: bool,
    home: Place,
    allows_loopback: bool,
    patience: Duration,
    secrets: Mutex<BTreeMap<String, (Instant, String)>>,
}

impl fmt::Debug for Outlets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Outlets")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// What speaks HTTPS. It reads root certificates, which takes longer than the rest of a start.
fn connect(authorities: Option<TlsContext>) -> Connector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT)
        .build();
    let mut builder = Connector::builder()
        .connector_settings(settings)
        // A sandbox may sleep for minutes between two messages, and the other end hangs up by then.
        .pool_max_idle_per_host(0)
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    if let Some(authorities) = authorities {
        builder = builder.tls_context(authorities);
    }
    builder.build()
}

impl Outlets {
    /// The ways out of a function in `home`. What they take to be made is done in a thread of its own, so that
    /// the function asks for its first event meanwhile.
    pub fn new(connection: Connection, home: Place, trust: Trust) -> Self {
        let connector = Arc::<OnceLock<Connector>>::default();
        let (ahead, authorities) = (Arc::clone(&connector), trust.authorities.clone());
        // Without a thread the first request makes it.
        let _thread = thread::Builder::new().spawn(move || {
            ahead.get_or_init(|| connect(authorities));
        });
        Self {
            connector,
            authorities: trust.authorities,
            credentials: connection.credentials,
            endpoint_url: connection.endpoint_url,
            use_fips: connection.use_fips,
            home,
            allows_loopback: trust.allows_loopback,
            patience: trust.patience,
            secrets: Mutex::default(),
        }
    }

    /// Sends JSON to an address. A redirect is an answer like any other, and is not followed.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Posted, Failed> {
        let is_loopback = self.allows_loopback && url.starts_with("http://127.0.0.1:");
        if !is_loopback && !url.starts_with("https://") {
            return Err(Failed::Unusable);
        }
        let mut request = http::Request::post(url)
            .header("content-type", "application/json")
            .header("user-agent", "tidewaiter");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(SdkBody::from(body))
            .map_err(|_| Failed::Unusable)?;
        self.exchange(request, BODY).await
    }

    /// One request and its answer, of which `most` bytes are read.
    async fn exchange(
        &self,
        request: http::Request<SdkBody>,
        most: usize,
    ) -> Result<Posted, Failed> {
        let request = HttpRequest::try_from(request).map_err(|_| Failed::Unusable)?;
        let exchanged = tokio::time::timeout(self.patience, async {
            let connector = self
                .connector
                .get_or_init(|| connect(self.authorities.clone()));
            let answer = connector.call(request).await.map_err(|error| {
                if error.is_timeout() {
                    Failed::TimedOut
                } else if error.is_user() {
                    Failed::Unusable
                } else {
                    Failed::Disconnected
                }
            })?;
            let retry_after = answer.headers().get("retry-after");
            let retry_after = retry_after.and_then(|seconds| seconds.trim().parse().ok());
            let status = answer.status().as_u16();
            let mut stream = ByteStream::new(answer.into_body());
            let mut body = Vec::new();
            while let Some(part) = stream.next().await {
                // The status has been said: a body that breaks off takes nothing away from it.
                let Ok(part) = part else { break };
                body.extend_from_slice(&part);
                if body.len() >= most {
                    break;
                }
            }
            body.truncate(most);
            Ok(Posted {
                status,
                retry_after,
                body: String::from_utf8_lossy(&body).into_owned(),
            })
        });
        exchanged.await.unwrap_or(Err(Failed::TimedOut))
    }
}
