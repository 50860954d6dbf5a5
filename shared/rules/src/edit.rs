//! The smallest edit of a definition that mends a finding.

/// What to do at the place of a finding, as JSON. The parent of the place is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What stands there now, as JSON; `None` where nothing does, or where it is not told because it
    /// is text from outside.
    pub was: Option<&'static str>,
    /// What should stand there, as JSON; `None` where nothing should.
    pub now: Option<&'static str>,
}

impl Edit {
    /// Nothing should stand there. `was` is what does, as JSON.
    pub(crate) const fn remove(was: &'static str) -> Self {
        Self {
            was: Some(was),
            now: None,
        }
    }

    /// This should stand there, as JSON.
    pub(crate) const fn set(now: &'static str) -> Self {
        Self {
            was: None,
            now: Some(now),
        }
    }

    /// Says what stands there now, as JSON, where it is known and no text from outside.
    #[must_use]
    pub(crate) fn instead_of(mut self, was: Option<&'static str>) -> Self {
        self.was = was;
        self
    }
}
