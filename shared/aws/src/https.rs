//! HTTPS by rustls on ring, with the root certificates of the system.

use std::{
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

#[cfg(feature = "account")]
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::RuntimeComponents,
};

/// How long a connection may take to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

const TLS: Provider = Provider::Rustls(CryptoMode::Ring);

/// For a program: made by the SDK, with the time-outs of each client.
#[cfg(feature = "account")]
pub(crate) fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(TLS).build_https()
}

/// For a function: one connector a process, made in a thread of its own from this call on, so that the
/// function asks Lambda for its first event meanwhile. Whoever needs it before waits for it.
///
/// The SDK's client parses all root certificates once for each service and once more for the first
/// request, and reads them before the function can ask for an event: more than all else of a start.
pub(crate) fn http_client_ahead() -> SharedHttpClient {
    let ahead = Ahead::default();
    let connector = Arc::clone(&ahead.connector);
    // Without a thread the first request makes it.
    let _thread = thread::Builder::new().spawn(move || {
        connector.get_or_init(connect);
    });
    SharedHttpClient::new(ahead)
}

/// A connector that is there when it is needed. It has the time-out of [`CONNECT_TIMEOUT`], whatever a
/// client's settings, and that is what all of them have.
#[derive(Debug, Default)]
struct Ahead {
    connector: Arc<OnceLock<SharedHttpConnector>>,
}

impl HttpClient for Ahead {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.connector.get_or_init(connect).clone()
    }
}

fn connect() -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .tls_provider(TLS)
        .build();
    SharedHttpConnector::new(connector)
}
