//! What an invocation came to, as numbers: one line of log in CloudWatch's embedded metric format, which
//! CloudWatch Logs turns into metrics without a call being made.
//!
//! The format is Amazon CloudWatch User Guide, "Specification: Embedded metric format". Lambda leaves a line
//! that is JSON already as it is (Lambda Developer Guide, "Configuring JSON and plain text log formats").

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Tidewaiter";

/// The most metrics that CloudWatch takes from one directive.
pub const MAX_METRICS: usize = 100;

/// The most dimensions that a metric may have.
pub const MAX_DIMENSIONS: usize = 30;

/// The most values that one line may give of a metric.
pub const MAX_VALUES: usize = 100;

/// The most bytes of a line.
pub const MAX_BYTES: usize = 1_048_576;

/// The longest value of a dimension, in characters.
const MAX_VALUE_LENGTH: usize = 1024;

/// What tells the series of a metric apart: bounded by what is deployed, never by what is judged.
const DIMENSIONS: &[&str] = &["stack", "function"];

/// That of the metrics that one alarm watches for all functions.
const STACK: &[&str] = &["stack"];

macro_rules! metrics {
    ($($name:ident $unit:ident $by:literal $meaning:literal;)*) => {
        /// A metric. Its name in CloudWatch is that of the variant, and is frozen: dashboards and alarms
        /// of others name it too.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $(#[doc = $meaning] $name,)*
        }

        impl Metric {
            /// All of them, as they are documented.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in CloudWatch.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The unit in CloudWatch.
            pub const fn unit(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($unit),)*
                }
            }

            /// Which functions write it.
            pub const fn by(self) -> &'static str {
                match self {
                    $(Self::$name => $by,)*
                }
            }

            /// What it counts or measures.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

metrics! {
    Allowed Count "guards" "Evaluations after which nothing was to be said.";
    Warned Count "guards" "Evaluations that ended in a warning.";
    Denied Count "guards" "Evaluations that ended in a denial.";
    Unknowns Count "guards" "Findings of these that could not be decided.";
    Ignored Count "guards, usage-recorder" "Events without anything to judge: not for the function, gone by then, not scanned, archived, released, or judged since.";
    ActionsDone Count "guards" "Steps that were taken.";
    ActionsFailed Count "guards" "Steps that failed.";
    ActionsNotApplied Count "guards" "Steps that were not taken because of audit mode, a pause or the budget.";
    OverBudget Count "guards" "Evaluations that were not acted on because the budget of the hour was used up.";
    Paused Count "guards" "Evaluations that were not acted on because somebody had paused the functions.";
    BudgetLeft Count "guards" "Actions that the function has left in this hour, after one was taken from them.";
    AlertsSent Count "guards, usage-recorder" "Alerts that went to the topic.";
    AlertsRepeated Count "guards" "Alerts that did not, because the same had been told.";
    AlertLatency Milliseconds "guards" "From what happened to the alert being published.";
    DeadLettered Count "all but usage-reconciler" "Events or alerts put into a dead-letter queue because no further attempt could help.";
    Retries Count "all" "Events or alerts that have to come again.";
    LedgerFailures Count "all" "Calls to the ledger that failed after all their retries.";
    PolicyInvalid Count "guards" "1 while the policy, the mode or a document of the policy cannot be used, else 0.";
    TasksRecorded Count "usage-recorder" "Tasks whose latest change was written down.";
    TasksListed Count "usage-reconciler" "Tasks that a listing of the account found.";
    ListingIncomplete Count "usage-reconciler" "1 where a listing did not come to its end, else 0.";
    MessagesDelivered Count "notify" "Alerts that a channel took, each counted in each channel.";
    MessagesKept Count "notify" "Alerts that are kept to be told together or later.";
    MessagesRefused Count "notify" "Alerts that a channel refused for good.";
    ChannelsInvalid Count "notify" "1 while the file of channels cannot be used, else 0.";
}

impl Metric {
    /// Whether one alarm watches the metric for all functions of a stack.
    const fn is_of_stack(self) -> bool {
        matches!(
            self,
            Self::OverBudget | Self::LedgerFailures | Self::PolicyInvalid
        )
    }

    /// The table of all metrics in Markdown.
    pub fn table() -> String {
        let rows = Self::ALL.iter().map(|metric| {
            let (name, unit) = (metric.name(), metric.unit());
            let (by, meaning) = (metric.by(), metric.meaning());
            format!("| `{name}` | {unit} | {by} | {meaning} |\n")
        });
        let head = "| Metric | Unit | Of | What it is |\n| --- | --- | --- | --- |\n".to_owned();
        std::iter::once(head).chain(rows).collect()
    }
}

/// Whose numbers they are.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The stack, one dimension. An empty one becomes `-`, because CloudWatch takes no empty value.
    pub stack: &'a str,
    /// The function, the other.
    pub function: &'static str,
    /// The mode that the function is in, where it has one, for queries. It is no dimension: a function that
    /// falls to audit mode must not fall out of the sight of its alarms.
    pub mode: Option<&'static str>,
    /// Lambda's id of the invocation, which the function's other lines have too.
    pub request_id: &'a str,
}

/// The numbers of one invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics(BTreeMap<Metric, Vec<u64>>);

/// The names and units of the metrics that have the same dimensions.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

impl Metrics {
    /// Counts. Nothing is not written: a series of zeros costs what any other does.
    pub fn add(&mut self, metric: Metric, count: usize) {
        if count == 0 {
            return;
        }
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let sum = self.get(metric).unwrap_or(0).saturating_add(count);
        self.set(metric, sum);
    }

    /// States how it is now, which may be 0.
    pub fn set(&mut self, metric: Metric, value: u64) {
        self.0.insert(metric, vec![value]);
    }

    /// Adds a measurement. Of more than [`MAX_VALUES`] the first are told.
    pub fn measure(&mut self, metric: Metric, value: u64) {
        let values = self.0.entry(metric).or_default();
        if values.len() < MAX_VALUES {
            values.push(value);
        }
    }

    /// What has been counted or stated; of measurements the first.
    pub fn get(&self, metric: Metric) -> Option<u64> {
        self.0.get(&metric)?.first().copied()
    }

    /// The line of log, without its end; `None` where there is nothing to tell.
    pub fn line(&self, source: &Source<'_>, at: Timestamp) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let all: Vec<Metric> = self.0.keys().copied().collect();
        let of_stack: Vec<Metric> = all.iter().copied().filter(|m| m.is_of_stack()).collect();
        let mut directives = vec![Directive::new(DIMENSIONS, &all)];
        if !of_stack.is_empty() {
            directives.push(Directive::new(STACK, &of_stack));
        }
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({ "Timestamp": at.as_millisecond(), "CloudWatchMetrics": directives }),
        );
        let texts = [
            ("timestamp", at.to_string()),
            ("level", "INFO".to_owned()),
            ("message", "metrics".to_owned()),
            ("stack", value_of(source.stack)),
            ("function", source.function.to_owned()),
            ("request_id", source.request_id.to_owned()),
        ];
        for (name, text) in texts {
            line.insert(name.to_owned(), Value::String(text));
        }
        if let Some(mode) = source.mode {
            line.insert("mode".to_owned(), mode.into());
        }
        for (metric, values) in &self.0 {
            let value = match values.as_slice() {
                [value] => json!(value),
                values => json!(values),
            };
            line.insert(metric.name().to_owned(), value);
        }
        Some(Value::Object(line).to_string())
    }
}

impl Directive {
    fn new(dimensions: &'static [&'static str], metrics: &[Metric]) -> Self {
        let definition = |metric: &Metric| Definition {
            name: metric.name(),
            unit: metric.unit(),
        };
        Self {
            namespace: NAMESPACE,
            dimensions: [dimensions],
            metrics: metrics.iter().map(definition).collect(),
        }
    }
}

/// CloudWatch takes no empty value of a dimension, and no long one.
fn value_of(text: &str) -> String {
    let text = crate::clean(text, MAX_VALUE_LENGTH);
    if text.is_empty() {
        return "-".to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOURCE: Source<'_> = Source {
        stack: "tidewaiter",
        function: "task-definition-guard",
        mode: Some("enforce"),
        request_id: "5c1b",
    };

    fn line(metrics: &Metrics) -> Value {
        let at = "2026-11-25T13:00:00.25Z".parse().unwrap();
        serde_json::from_str(&metrics.line(&SOURCE, at).unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_what_cloudwatch_reads() {
        let mut metrics = Metrics::default();
        metrics.add(Metric::Denied, 1);
        metrics.add(Metric::ActionsDone, 2);
        metrics.set(Metric::BudgetLeft, 0);
        metrics.set(Metric::PolicyInvalid, 0);
        metrics.measure(Metric::AlertLatency, 1_250);
        metrics.measure(Metric::AlertLatency, 900);
        insta::assert_json_snapshot!(line(&metrics));
    }

    #[test]
    fn counts_add_up_and_none_is_not_written() {
        let mut metrics = Metrics::default();
        metrics.add(Metric::Ignored, 0);
        assert_eq!(metrics.line(&SOURCE, Timestamp::UNIX_EPOCH), None);
        metrics.add(Metric::Ignored, 2);
        metrics.add(Metric::Ignored, 3);
        assert_eq!(line(&metrics)["Ignored"], 5);
    }

    #[test]
    fn what_an_alarm_watches_for_all_functions_has_a_series_of_the_stack() {
        let mut metrics = Metrics::default();
        metrics.add(Metric::LedgerFailures, 1);
        metrics.add(Metric::Denied, 1);
        let line = line(&metrics);
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 2);
        assert_eq!(directives[1]["Dimensions"], json!([["stack"]]));
        let watched = json!([{ "Name": "LedgerFailures", "Unit": "Count" }]);
        assert_eq!(directives[1]["Metrics"], watched);
    }

    #[test]
    fn the_names_are_frozen() {
        let names: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        insta::assert_json_snapshot!(names);
    }

    #[test]
    fn the_page_has_the_table() {
        let page = include_str!("../../../docs/operations.md");
        let table = Metric::table();
        assert!(page.contains(&table), "docs/operations.md lacks:\n{table}");
    }

    proptest! {
        #[test]
        fn every_line_is_within_the_limits_of_the_format(
            counts in proptest::collection::vec((0..Metric::ALL.len(), any::<u32>(), 0..3_u8), 0..1_000),
            stack in any::<String>(),
        ) {
            let mut metrics = Metrics::default();
            for (index, value, how) in counts {
                let metric = Metric::ALL[index];
                match how {
                    0 => metrics.add(metric, value as usize),
                    1 => metrics.set(metric, value.into()),
                    _ => metrics.measure(metric, value.into()),
                }
            }
            let source = Source { stack: &stack, ..SOURCE };
            let Some(text) = metrics.line(&source, Timestamp::UNIX_EPOCH) else {
                return Ok(());
            };
            prop_assert!(text.len() <= MAX_BYTES);
            prop_assert!(!text.contains('\n'));
            let line: Value = serde_json::from_str(&text).unwrap();
            for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                let metrics = directive["Metrics"].as_array().unwrap();
                prop_assert!((1..=MAX_METRICS).contains(&metrics.len()));
                for metric in metrics {
                    let value = &line[metric["Name"].as_str().unwrap()];
                    let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                    prop_assert!((1..=MAX_VALUES).contains(&values.len()));
                    prop_assert!(values.iter().all(Value::is_u64));
                }
                let dimensions = directive["Dimensions"][0].as_array().unwrap();
                prop_assert!((1..=MAX_DIMENSIONS).contains(&dimensions.len()));
                for dimension in dimensions {
                    let value = line[dimension.as_str().unwrap()].as_str().unwrap();
                    prop_assert!((1..=MAX_VALUE_LENGTH).contains(&value.chars().count()));
                }
            }
        }
    }
}
