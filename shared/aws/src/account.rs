//! An account as a person reaches it: credentials, region and endpoint as the AWS command line finds
//! them, in files, in the environment and from single sign-on. Functions do without.

use aws_config::{
    BehaviorVersion, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::{SdkConfig, app_name::AppName, region::Region};
use thiserror::Error;
use tidewaiter_events::name_of_caller;
use tidewaiter_report::clean;
use tidewaiter_rules::names::{Place, quoted};

use crate::{
    CallError, Clients,
    clients::{retries, timeouts},
    https::http_client,
    inspect::Inspector,
    letters::Letters,
    probe::Prober,
};

/// What is said of how to reach AWS; what is not said is found as the AWS command line finds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The profile of the shared configuration.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// One endpoint for every service.
    pub endpoint_url: Option<String>,
}

/// An account, and who acts in it.
#[derive(Debug)]
pub struct Account {
    clients: Clients,
    config: SdkConfig,
    caller: String,
}

/// Why an account cannot be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccountError {
    /// Nothing says which region.
    #[error("no region: say one with `--region`, `AWS_REGION` or `region` in the profile")]
    NoRegion,
    /// AWS does not say who calls.
    #[error(
        "cannot act in AWS{profile}: {error}\nCredentials are looked for as the AWS command line does: `--profile`, the environment, `AWS_PROFILE`, single sign-on (`aws sso login`), a role, a process, the instance"
    )]
    NoCaller {
        /// The profile, where one is named, with a word before it.
        profile: String,
        /// Why not.
        error: CallError,
    },
    /// The account or the region has a name that AWS gives to none.
    #[error("{0}")]
    NoPlace(String),
    /// No stack of this name.
    #[error(
        "there is no stack {stack} in {account}, {region}: name it with `--stack`, or name the table of its ledger with `--ledger`; `aws cloudformation list-stacks` lists stacks"
    )]
    NoStack {
        /// The name, quoted.
        stack: String,
        /// The account.
        account: String,
        /// The region.
        region: String,
    },
    /// The stack is none of ours, or an old one.
    #[error(
        "stack {0} has no output `LedgerName`: it is no stack of Tidewaiter, or an older one without a ledger"
    )]
    NoLedger(String),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Account {
    /// Finds credentials and region, and asks AWS whose they are.
    ///
    /// # Errors
    /// When there are none, or they do not hold.
    pub async fn connect(access: &Access) -> Result<Self, AccountError> {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http_client())
            .retry_config(retries())
            .timeout_config(timeouts());
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &access.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint_url) = &access.endpoint_url {
            loader = loader.endpoint_url(endpoint_url);
        }
        if let Ok(name) = AppName::new("tidewaiter") {
            loader = loader.app_name(name);
        }
        let mut config = loader.load().await;
        if let Some(profile) = &access.profile {
            // As for the AWS command line, a profile that is named goes before keys in the environment.
            let places = ProviderConfig::without_region()
                .with_http_client(http_client())
                .with_region(config.region().cloned());
            let provider = ProfileFileCredentialsProvider::builder()
                .configure(&places)
                .profile_name(profile)
                .build();
            config = config
                .into_builder()
                .credentials_provider(SharedCredentialsProvider::new(provider))
                .build();
        }
        let region = config.region().ok_or(AccountError::NoRegion)?;
        let identity = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| AccountError::NoCaller {
                profile: match &access.profile {
                    Some(profile) => format!(" by profile {}", quoted(profile)),
                    None => String::new(),
                },
                error: CallError::of("GetCallerIdentity", &error),
            })?;
        let account = identity.account().unwrap_or_default();
        let place = Place::of_region(region.as_ref(), account)
            .map_err(|error| AccountError::NoPlace(error.to_string()))?;
        let caller = clean(&name_of_caller(identity.arn().unwrap_or_default()), 200);
        Ok(Self::of(config, place, caller))
    }

    /// An account whose region and caller are known.
    pub(crate) fn of(config: SdkConfig, place: Place, caller: String) -> Self {
        Self {
            clients: Clients::of(&config, place),
            caller,
            config,
        }
    }

    /// The clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Who acts, by the name that people know.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// What reads a stack and what stands behind it.
    pub fn inspector(&self) -> Inspector<'_> {
        Inspector::of(&self.clients, &self.config)
    }

    /// What works on dead-letter queues.
    pub fn letters(&self) -> Letters {
        Letters::of(&self.config)
    }

    /// What registers a canary and follows it.
    pub fn prober(&self) -> Prober<'_> {
        Prober::of(&self.clients, &self.config)
    }

    /// The table of a stack's ledger, by its output `LedgerName`.
    ///
    /// # Errors
    /// When there is no such stack, or it has no ledger.
    pub async fn ledger_of(&self, stack: &str) -> Result<String, AccountError> {
        let described = self.inspector().described(stack).await?;
        let mut outputs = described.outputs().iter();
        let name = outputs.find(|output| output.output_key() == Some("LedgerName"));
        name.and_then(|output| output.output_value())
            .map(str::to_owned)
            .ok_or_else(|| AccountError::NoLedger(quoted(stack)))
    }
}
