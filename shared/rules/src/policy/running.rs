//! What is done about what runs, or is being deployed.

use super::form::{choice, mapping};

/// What is done about something that runs a denied image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForServices {
    /// The services are left.
    Leave,
    /// A new deployment is started where that alone brings a clean image.
    Replace,
}

/// What is done about deployments and tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForTasks {
    /// They are left.
    Leave,
    /// They are stopped.
    Stop,
}

choice!(
    ForServices,
    "answer to a service",
    "leave",
    [
        ("leave", Self::Leave, "The service stays as it is."),
        (
            "replace",
            Self::Replace,
            "A new deployment of the same task definition is started, where every tag that it names leads to an image by now that scans clean."
        ),
    ]
);

choice!(
    ForTasks,
    "answer to what has been started",
    "leave",
    [
        ("leave", Self::Leave, "It goes on."),
        ("stop", Self::Stop, "It is stopped."),
    ]
);

mapping! {
    /// What is done about what runs a denied image, or is being deployed with one. Nothing, unless it is
    /// said here.
    #[derive(Copy, Eq, Default)]
    pub struct Running is "what is done about what runs" {
        /// What is done about services that run a denied image.
        pub services: Option<ForServices> = "services",
        /// What is done about deployments in flight that bring an image in quarantine or a deregistered
        /// revision: `stop` rolls them back.
        pub deployments: Option<ForTasks> = "deployments",
        /// What is done about tasks that were started by themselves and run a denied image.
        pub standalone_tasks: Option<ForTasks> = "standalone-tasks",
    }
}

impl Running {
    /// Whether services are deployed anew where that brings a clean image.
    pub fn replaces_services(self) -> bool {
        self.services == Some(ForServices::Replace)
    }

    /// Whether deployments in flight are rolled back.
    pub fn stops_deployments(self) -> bool {
        self.deployments == Some(ForTasks::Stop)
    }

    /// Whether tasks that were started by themselves are stopped.
    pub fn stops_tasks(self) -> bool {
        self.standalone_tasks == Some(ForTasks::Stop)
    }
}
