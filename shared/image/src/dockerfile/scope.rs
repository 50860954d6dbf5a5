//! Which variables hold where.

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use tidewaiter_rules::{
    Field,
    facts::dockerfile::{Assignment, Text},
};

use super::{
    DockerfileError,
    expand::{Lookup, Variable, expand},
    words,
};

/// The most variables that a file may set.
const MAX_VARIABLES: usize = 2000;

/// The most bytes that may be put in place of variables in the whole file.
const BUDGET: usize = 8 * 1024 * 1024;

/// What builders set themselves, for `FROM` and for a stage that declares it.
const BUILT_IN: &[&str] = &[
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
];

/// The variables of one stage, or of what stands before the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// What stays in the image; it comes before an argument of the same name.
    environment: BTreeMap<Rc<str>, Variable>,
    arguments: BTreeMap<Rc<str>, Variable>,
    is_global: bool,
}

impl Lookup for Scope {
    fn look_up(&self, name: &str) -> Option<&Variable> {
        let set = self.environment.get(name);
        let set = set.or_else(|| self.arguments.get(name));
        set.or((self.is_global && BUILT_IN.contains(&name)).then_some(&Variable::Given))
    }

    /// A base image may bring variables of its own.
    fn is_complete(&self) -> bool {
        self.is_global
    }
}

/// The variables of a file.
#[derive(Debug)]
pub(super) struct Scopes {
    global: Scope,
    stages: Vec<Scope>,
    escape: char,
    variables: usize,
    budget: Cell<usize>,
}

impl Scopes {
    pub(super) fn new(escape: char) -> Self {
        Self {
            global: Scope {
                is_global: true,
                ..Scope::default()
            },
            stages: Vec::new(),
            escape,
            variables: 0,
            budget: Cell::new(BUDGET),
        }
    }

    /// Begins a stage, which takes over what holds at the end of the stage it is built on.
    pub(super) fn begin_stage(&mut self, base: Option<usize>) {
        let scope = base.and_then(|index| self.stages.get(index).cloned());
        self.stages.push(scope.unwrap_or_default());
    }

    /// A text of `FROM`, for which only what stands before the first stage holds.
    pub(super) fn of_from(&self, written: &str) -> Text {
        text(written, self.escape, &self.global, &self.budget)
    }

    /// A text of an instruction in the stage that is being read.
    pub(super) fn text(&self, written: &str) -> Text {
        let scope = self.stages.last().unwrap_or(&self.global);
        text(written, self.escape, scope, &self.budget)
    }

    /// `NAME=VALUE …`, or `NAME VALUE` as in the first Dockerfiles.
    pub(super) fn assignments(&self, line: &str) -> Vec<Assignment> {
        let words = words::words(line, self.escape);
        let is_old = words
            .first()
            .is_some_and(|first| words::split_assignment(first, self.escape).is_none());
        if is_old {
            let line = line.trim();
            let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let value = Some(self.text(value.trim()));
            return vec![self.assignment(name, value)];
        }
        let words = words.into_iter();
        words
            .filter_map(|word| {
                let (name, value) = words::split_assignment(word, self.escape)?;
                let value = Some(self.text(value));
                Some(self.assignment(name, value))
            })
            .collect()
    }

    fn assignment(&self, name: &str, value: Option<Text>) -> Assignment {
        let name = self.text(name);
        Assignment {
            name: match name.value {
                Field::Known(name) => name,
                Field::Absent | Field::Unknown(_) => name.written,
            },
            value,
        }
    }

    /// `ENV`; behind `ONBUILD` it sets nothing here.
    pub(super) fn env(
        &mut self,
        line: &str,
        onbuild: bool,
    ) -> Result<Vec<Assignment>, DockerfileError> {
        let assignments = self.assignments(line);
        for assignment in &assignments {
            if let (Some(value), false) = (&assignment.value, onbuild) {
                let variable = known(&value.value);
                let scope = self.declare()?;
                scope
                    .environment
                    .insert(assignment.name.as_str().into(), variable);
            }
        }
        Ok(assignments)
    }

    /// `ARG`; behind `ONBUILD` it sets nothing here.
    pub(super) fn arg(
        &mut self,
        line: &str,
        onbuild: bool,
    ) -> Result<Vec<Assignment>, DockerfileError> {
        let mut assignments = Vec::new();
        for word in words::words(line, self.escape) {
            let (name, value) = match words::split_assignment(word, self.escape) {
                Some((name, value)) => (name, Some(self.text(value))),
                None => (word, None),
            };
            let assignment = self.assignment(name, value);
            if !onbuild {
                let variable = if let Some(value) = &assignment.value {
                    known(&value.value)
                } else {
                    let global = self.global.arguments.get(assignment.name.as_str());
                    global.cloned().unwrap_or(Variable::Given)
                };
                let scope = self.declare()?;
                scope
                    .arguments
                    .insert(assignment.name.as_str().into(), variable);
            }
            assignments.push(assignment);
        }
        Ok(assignments)
    }

    /// The scope that a further variable is to be put into.
    fn declare(&mut self) -> Result<&mut Scope, DockerfileError> {
        self.variables += 1;
        if self.variables > MAX_VARIABLES {
            return Err(DockerfileError::TooMany {
                what: "variables",
                most: MAX_VARIABLES,
            });
        }
        Ok(self.stages.last_mut().unwrap_or(&mut self.global))
    }
}

fn known(value: &Field<String>) -> Variable {
    match value {
        Field::Known(value) => Variable::Known(value.as_str().into()),
        Field::Unknown(reason) => Variable::Unknown(reason.as_str().into()),
        Field::Absent => Variable::Known("".into()),
    }
}

fn text(written: &str, escape: char, scope: &Scope, budget: &Cell<usize>) -> Text {
    Text {
        written: written.to_owned(),
        value: match expand(written, escape, scope, budget) {
            Ok(value) => Field::Known(value),
            Err(reason) => Field::Unknown(reason),
        },
    }
}
