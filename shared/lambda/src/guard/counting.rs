//! What an invocation comes to, in numbers.

use tidewaiter_report::emf::{Metric, Metrics};
use tidewaiter_rules::{Decision, Effect, Finding, Outcome, ledger::Hold};

use super::{Guard, Line, acting::Acted};

impl Guard {
    /// The numbers of what was handled since this was last asked.
    pub fn take_metrics(&self) -> Metrics {
        let mut metrics = self.metrics.take();
        let failures = self.settings.clients.take_ledger_failures();
        metrics.add(Metric::LedgerFailures, failures);
        metrics.set(Metric::PolicyInvalid, u64::from(!self.is_valid));
        metrics
    }

    pub(super) fn count(&self, metric: Metric, count: usize) {
        self.metrics.borrow_mut().add(metric, count);
    }

    /// Counts an evaluation, or that there was nothing to evaluate.
    pub(super) fn count_line(&self, line: &Line) {
        match (line.decision, line.outcome) {
            ("deny", _) => self.count(Metric::Denied, 1),
            ("warn", _) => self.count(Metric::Warned, 1),
            ("allow", _) => self.count(Metric::Allowed, 1),
            (_, "ignored" | "gone" | "not-scanned" | "archived" | "released") => {
                self.count(Metric::Ignored, 1);
            }
            _ => {}
        }
    }

    /// Measures how long it took from what happened to its alert.
    pub(super) fn time_alert(&self, line: &Line) {
        let took = line.since.map(|since| (self.now)().duration_since(since));
        // Clocks differ.
        if let Some(Ok(took)) = took.map(|took| u64::try_from(took.as_millis())) {
            let mut metrics = self.metrics.borrow_mut();
            metrics.measure(Metric::AlertLatency, took);
        }
    }

    /// Counts what became of a plan.
    pub(super) fn count_acted(&self, decision: &Decision, acted: &Acted) {
        let unknown = |finding: &&Finding| finding.outcome == Outcome::Unknown;
        self.count(
            Metric::Unknowns,
            decision.findings.iter().filter(unknown).count(),
        );
        for effect in &acted.effects {
            match effect {
                Effect::Done => self.count(Metric::ActionsDone, 1),
                Effect::Failed { .. } => self.count(Metric::ActionsFailed, 1),
                Effect::NotApplied => self.count(Metric::ActionsNotApplied, 1),
                Effect::Gone => {}
            }
        }
        match &acted.hold {
            Some(Hold::OverBudget { .. }) => self.count(Metric::OverBudget, 1),
            Some(Hold::Paused { .. }) => self.count(Metric::Paused, 1),
            Some(Hold::Released { .. }) | None => {}
        }
    }
}
