//! Alarms and metrics.

use aws_sdk_cloudwatch::types::{
    Dimension, Metric as MetricName, MetricAlarm, MetricDataQuery, MetricStat, ScanBy,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Inspector;
use crate::CallError;

/// How many alarms and how many metrics CloudWatch takes in one question.
const ALARMS_AT_ONCE: usize = 100;
const METRICS_AT_ONCE: usize = 500;

/// An alarm as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// What it watches and whom it tells, in CloudFormation's spelling.
    pub properties: Value,
}

/// A metric with one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its namespace, such as `AWS/SQS`.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Name and value of its dimension.
    pub dimension: (&'static str, String),
    /// How its values are put together, such as `Sum`.
    pub statistic: &'static str,
    /// Over how many seconds.
    pub period: i32,
}

impl Inspector<'_> {
    /// The alarms of these names that there are.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, CallError> {
        let mut alarms = Vec::with_capacity(names.len());
        for names in names.chunks(ALARMS_AT_ONCE) {
            let call = self.cloudwatch.describe_alarms();
            let call = call.set_alarm_names(Some(names.to_vec()));
            let call = call.max_records(100);
            let answer = call.send().await;
            let answer = answer.map_err(|error| CallError::of("DescribeAlarms", &error))?;
            alarms.extend(
                answer
                    .metric_alarms
                    .unwrap_or_default()
                    .into_iter()
                    .map(alarm),
            );
        }
        Ok(alarms)
    }

    /// For each metric the last value above 0 between two times, and when its period began; `None` where there
    /// is none.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn last_values(
        &self,
        metrics: &[Metric],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Option<(Timestamp, f64)>>, CallError> {
        const CALL: &str = "GetMetricData";
        let mut last = vec![None; metrics.len()];
        let queries: Vec<MetricDataQuery> = metrics.iter().enumerate().map(query).collect();
        for queries in queries.chunks(METRICS_AT_ONCE) {
            let mut pages = self
                .cloudwatch
                .get_metric_data()
                .set_metric_data_queries(Some(queries.to_vec()))
                .start_time(DateTime::from_secs(from.as_second()))
                .end_time(DateTime::from_secs(until.as_second()))
                .scan_by(ScanBy::TimestampDescending)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| CallError::of(CALL, &error))?;
                for result in page.metric_data_results() {
                    let index = result
                        .id()
                        .and_then(|id| id.strip_prefix('m')?.parse().ok());
                    let slot = index.and_then(|index: usize| last.get_mut(index));
                    let pairs = result.timestamps().iter().zip(result.values());
                    let newest = pairs
                        .filter(|(_, value)| **value > 0.0)
                        .filter_map(|(time, value)| {
                            Some((Timestamp::from_second(time.secs()).ok()?, *value))
                        })
                        .max_by_key(|(time, _)| *time);
                    if let (Some(slot @ None), Some(newest)) = (slot, newest) {
                        *slot = Some(newest);
                    }
                }
            }
        }
        Ok(last)
    }
}

fn query((index, metric): (usize, &Metric)) -> MetricDataQuery {
    let (name, value) = &metric.dimension;
    let dimension = Dimension::builder().name(*name).value(value).build();
    let what = MetricName::builder()
        .namespace(metric.namespace)
        .metric_name(metric.name)
        .dimensions(dimension)
        .build();
    let statistic = MetricStat::builder()
        .metric(what)
        .period(metric.period)
        .stat(metric.statistic)
        .build();
    MetricDataQuery::builder()
        .id(format!("m{index}"))
        .metric_stat(statistic)
        .build()
}

fn alarm(alarm: MetricAlarm) -> Alarm {
    let dimensions = alarm.dimensions().iter();
    let dimensions: Vec<Value> = dimensions
        .map(|one| json!({ "Name": one.name(), "Value": one.value() }))
        .collect();
    let properties = json!({
        "ActionsEnabled": alarm.actions_enabled(),
        "AlarmActions": alarm.alarm_actions(),
        "OKActions": alarm.ok_actions(),
        "Namespace": alarm.namespace(),
        "MetricName": alarm.metric_name(),
        "Dimensions": dimensions,
        "Statistic": alarm.statistic().map(aws_sdk_cloudwatch::types::Statistic::as_str),
        "Period": alarm.period(),
        "EvaluationPeriods": alarm.evaluation_periods(),
        "DatapointsToAlarm": alarm.datapoints_to_alarm(),
        "ComparisonOperator": alarm
            .comparison_operator()
            .map(aws_sdk_cloudwatch::types::ComparisonOperator::as_str),
        "Threshold": alarm.threshold(),
        "TreatMissingData": alarm.treat_missing_data(),
    });
    let state = alarm.state_value().map(|state| state.as_str().to_owned());
    Alarm {
        name: alarm.alarm_name.unwrap_or_default(),
        state: state.unwrap_or_default(),
        properties,
    }
}
