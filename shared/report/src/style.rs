//! What tells things apart at a glance. Whether colours may be used is for the caller to know.

use anstyle::{AnsiColor, Effects, Style as Ansi};
use tidewaiter_rules::{Level, Severity, Verdict};

/// Whether text for people has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Only the text.
    Plain,
    /// With ANSI sequences.
    Coloured,
}

impl Style {
    fn of(self, style: Ansi) -> Ansi {
        match self {
            Self::Plain => Ansi::new(),
            Self::Coloured => style,
        }
    }

    fn colour(self, colour: AnsiColor) -> Ansi {
        self.of(Ansi::new().fg_color(Some(colour.into())))
    }

    pub(crate) fn strong(self) -> Ansi {
        self.of(Ansi::new().bold())
    }

    pub(crate) fn faint(self) -> Ansi {
        self.of(Ansi::new().effects(Effects::DIMMED))
    }

    pub(crate) fn fix(self) -> Ansi {
        self.colour(AnsiColor::Green)
    }

    pub(crate) fn verdict(self, verdict: Verdict) -> Ansi {
        match verdict {
            Verdict::Deny => self.level(Level::Deny),
            Verdict::Warn => self.level(Level::Warn),
            Verdict::Allow => self.level(Level::Off),
        }
    }

    pub(crate) fn level(self, level: Level) -> Ansi {
        match level {
            Level::Deny => self.of(AnsiColor::Red.on_default().bold()),
            Level::Warn => self.colour(AnsiColor::Yellow),
            Level::Off => self.colour(AnsiColor::Green),
        }
    }

    pub(crate) fn severity(self, severity: Severity) -> Ansi {
        match severity {
            Severity::Critical => self.of(AnsiColor::Red.on_default().bold()),
            Severity::High => self.colour(AnsiColor::Red),
            Severity::Medium => self.colour(AnsiColor::Yellow),
            Severity::Low | Severity::Info => self.faint(),
        }
    }
}
