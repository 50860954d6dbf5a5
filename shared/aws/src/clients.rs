//! Clients, made once a process.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::{behavior_version::BehaviorVersion, http::HttpClient};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, app_name::AppName, region::Region};
use tidewaiter_rules::names::Place;

use crate::{
    apply::Pacer,
    https::{CONNECT_TIMEOUT, http_client_ahead},
};

/// A client that is made by its first call. Each service reads a list of all partitions of its own for it,
/// and no event needs every service.
type Lazy<C> = LazyLock<C, Box<dyn FnOnce() -> C + Send>>;

/// The clients of a process, and where they act.
#[derive(Debug)]
pub struct Clients {
    pub(crate) dynamodb: Lazy<aws_sdk_dynamodb::Client>,
    pub(crate) ecs: Lazy<aws_sdk_ecs::Client>,
    pub(crate) ecr: Lazy<aws_sdk_ecr::Client>,
    pub(crate) sns: Lazy<aws_sdk_sns::Client>,
    pub(crate) sqs: Lazy<aws_sdk_sqs::Client>,
    pub(crate) home: Place,
    pub(crate) pacer: Pacer,
    /// Calls to the ledger that failed, since somebody asked.
    pub(crate) ledger_failures: AtomicUsize,
}

/// How to reach AWS.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The credentials that Lambda gives a function. They hold for the life of the sandbox, so
    /// nothing needs to renew them, and no provider chain needs to be linked in and searched.
    pub credentials: Credentials,
    /// One endpoint for every service, for a local AWS; `None` for AWS.
    pub endpoint_url: Option<String>,
    /// Whether to use FIPS endpoints.
    pub use_fips: bool,
    /// Whether to use dual-stack endpoints.
    pub use_dual_stack: bool,
}

/// Five attempts with waits of up to 0.5, 1, 2 and 4 seconds outlast the refill of every token
/// bucket that is called here (ECS refills task definition calls at 1 a second), and stay well
/// below the functions' time-out.
pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(5)
        .with_initial_backoff(Duration::from_millis(500))
        .with_max_backoff(Duration::from_secs(4))
}

pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(Duration::from_secs(6))
        .operation_timeout(Duration::from_secs(25))
        .build()
}

impl Clients {
    /// Clients that act in `home`. No connection is made before the first call.
    pub fn new(connection: Connection, home: Place) -> Self {
        Self::over(http_client_ahead(), connection, home)
    }

    /// Clients that act in `home` and speak through this.
    pub(crate) fn over(
        http_client: impl HttpClient + 'static,
        connection: Connection,
        home: Place,
    ) -> Self {
        Self::of(&configuration(http_client, connection, &home), home)
    }

    /// Clients that act in `home` as the configuration says.
    pub(crate) fn of(config: &SdkConfig, home: Place) -> Self {
        Self {
            dynamodb: lazy(config, aws_sdk_dynamodb::Client::new),
            ecs: lazy(config, aws_sdk_ecs::Client::new),
            ecr: lazy(config, aws_sdk_ecr::Client::new),
            sns: lazy(config, aws_sdk_sns::Client::new),
            sqs: lazy(config, aws_sdk_sqs::Client::new),
            home,
            pacer: Pacer::default(),
            ledger_failures: AtomicUsize::default(),
        }
    }

    /// How many calls to the ledger have failed, after all their retries, since this was last asked.
    pub fn take_ledger_failures(&self) -> usize {
        self.ledger_failures.swap(0, Ordering::Relaxed)
    }

    /// Where the clients act.
    pub fn home(&self) -> &Place {
        &self.home
    }
}

fn lazy<C: 'static>(config: &SdkConfig, make: fn(&SdkConfig) -> C) -> Lazy<C> {
    let config = config.clone();
    LazyLock::new(Box::new(move || make(&config)))
}

/// What the clients of a process are made from.
pub(crate) fn configuration(
    http_client: impl HttpClient + 'static,
    connection: Connection,
    home: &Place,
) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(home.region().to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(connection.credentials))
        .http_client(http_client)
        .retry_config(retries())
        .timeout_config(timeouts())
        .use_fips(connection.use_fips)
        .use_dual_stack(connection.use_dual_stack);
    config.set_endpoint_url(connection.endpoint_url);
    config.set_app_name(AppName::new("tidewaiter").ok());
    config.build()
}
