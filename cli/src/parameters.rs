//! Values that the command line gives to templates.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use tidewaiter_rules::names::quoted;

/// Parameters by name, and which of them any template has.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) values: BTreeMap<String, String>,
    used: Mutex<BTreeSet<String>>,
}

impl Parameters {
    /// The parameters of the arguments, each `NAME=VALUE`.
    ///
    /// # Errors
    /// When one is given twice, because one of them would not count.
    pub(crate) fn of(given: &[(String, String)]) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in given {
            let before = parameters.values.insert(name.clone(), value.clone());
            if before.is_some() {
                return Err(format!("parameter {} is given twice", quoted(name)));
            }
        }
        Ok(parameters)
    }

    /// Notes that a template has these.
    pub(crate) fn are_used(&self, names: BTreeSet<String>) {
        if !names.is_empty() {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.extend(names);
        }
    }

    /// Why the answers are not those that were asked for: nothing has this parameter, and so its
    /// value counted nowhere.
    pub(crate) fn unused(&self) -> Vec<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = self.values.keys().filter(|name| !used.contains(*name));
        unused
            .map(|name| {
                format!(
                    "no template here has the parameter {}: correct or remove it",
                    quoted(name)
                )
            })
            .collect()
    }
}

/// Reads `NAME=VALUE`; the value is never shown.
pub(crate) fn parse(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}
