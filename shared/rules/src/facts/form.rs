//! The calls that say a part of what a task definition says.

/// Which of ECS's calls the members of a definition were given to. A part says nothing of what is
/// not in it, so a rule about what is missing judges whole definitions alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// All of a definition (`RegisterTaskDefinition`, `RegisterDaemonTaskDefinition`).
    #[default]
    Definition,
    /// What one run of tasks puts in place of its definition's (`RunTask`, `StartTask`).
    Overrides,
    /// An Express service, whose definition ECS makes from it (`CreateExpressGatewayService`,
    /// `UpdateExpressGatewayService`).
    ExpressService,
}

impl Form {
    /// Every form.
    pub const ALL: &'static [Self] = &[Self::Definition, Self::Overrides, Self::ExpressService];

    /// The kind of subject as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Definition => "task-definition",
            Self::Overrides => "task-overrides",
            Self::ExpressService => "express-service",
        }
    }

    /// The JSON pointer to a member of the definition in the request's own spelling.
    pub(super) fn pointer(self, path: &str) -> String {
        match self {
            Self::Definition | Self::ExpressService => format!("/{path}"),
            Self::Overrides => format!("/overrides/{path}"),
        }
    }

    /// The JSON pointer to a member of a container in the request's own spelling.
    pub(super) fn container_pointer(self, index: usize, path: &str) -> String {
        match self {
            Self::Definition => format!("/containerDefinitions/{index}/{path}"),
            Self::Overrides => format!("/overrides/containerOverrides/{index}/{path}"),
            // It has one container.
            Self::ExpressService => format!("/primaryContainer/{path}"),
        }
    }
}
