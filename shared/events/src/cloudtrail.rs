//! CloudTrail records of API calls.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidewaiter_rules::{
    Field,
    facts::TaskDefinition,
    names::{Place, TaskDefinitionArn, is_family},
};

use crate::{Ignored, InvalidEvent, Origin, Principal, Registered, envelope::timestamp};

/// The members of a record that are read (CloudTrail User Guide, "CloudTrail record contents"). The
/// two bodies stay text: either may be null, left out for its size, or partly redacted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a CloudTrail record")]
pub(crate) struct Record<'a> {
    #[serde(default)]
    event_source: Option<String>,
    #[serde(default)]
    event_name: Option<String>,
    #[serde(default)]
    event_time: Option<String>,
    #[serde(rename = "eventID", default)]
    event_id: Option<String>,
    #[serde(default)]
    aws_region: Option<String>,
    #[serde(default)]
    recipient_account_id: Option<String>,
    #[serde(default)]
    error_code: Option<String>,
    #[serde(rename = "sourceIPAddress", default)]
    source_ip_address: Option<String>,
    #[serde(default)]
    user_agent: Option<String>,
    #[serde(borrow, default)]
    user_identity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request_parameters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response_elements: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    task_definition: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Daemon {
    daemon_task_definition_arn: Option<String>,
}

/// Only enough of a definition to find it again, where the rest cannot be read.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Identity {
    family: Option<String>,
    task_definition_arn: Option<String>,
}

pub(crate) fn registered(
    record: Record<'_>,
    origin: Origin,
) -> Result<Result<Registered, Ignored>, InvalidEvent> {
    let call = record.event_name.clone().unwrap_or_default();
    let is_daemon = call == "RegisterDaemonTaskDefinition";
    if record.event_source.as_deref() != Some("ecs.amazonaws.com")
        || !is_daemon && call != "RegisterTaskDefinition"
    {
        return Ok(Err(Ignored::OtherCall(call)));
    }
    if let Some(code) = record.error_code {
        return Ok(Err(Ignored::FailedCall { call, code }));
    }
    let response = record
        .response_elements
        .and_then(|response| serde_json::from_str::<Response<'_>>(response.get()).ok())
        .map(|response| response.task_definition.get());
    let request = record.request_parameters.map(RawValue::get);

    let identity = |body: Option<&str>| -> Identity {
        body.and_then(|body| serde_json::from_str(body).ok())
            .unwrap_or_default()
    };
    let (answered, asked) = (identity(response), identity(request));
    let arn = match answered.task_definition_arn {
        Some(arn) => Some(
            TaskDefinitionArn::parse(&arn).map_err(|error| InvalidEvent::new(error.to_string()))?,
        ),
        None => None,
    };
    let family = answered.family.or(asked.family).filter(|f| is_family(f));

    let own_place = match (&record.aws_region, &record.recipient_account_id) {
        (Some(region), Some(account)) => Place::of_region(region, account).ok(),
        _ => None,
    };
    let principal = Principal::read(
        record.user_identity.map(RawValue::get),
        record.user_agent.as_deref(),
        record.source_ip_address,
    );
    let definition = if is_daemon {
        daemon(request, record.response_elements.map(RawValue::get))
    } else {
        definition(response).or_else(|| definition(request))
    };
    Ok(Ok(Registered {
        definition,
        family: arn.as_ref().map(|arn| arn.family().to_owned()).or(family),
        origin: Origin {
            id: record.event_id.or(origin.id),
            time: record
                .event_time
                .as_deref()
                .and_then(timestamp)
                .or(origin.time),
            place: own_place.or(origin.place),
        },
        arn,
        principal,
    }))
}

/// A daemon's definition: the answer has its ARN alone.
fn daemon(request: Option<&str>, response: Option<&str>) -> Option<TaskDefinition> {
    let answered: Daemon = response
        .and_then(|response| serde_json::from_str(response).ok())
        .unwrap_or_default();
    let arn = answered.daemon_task_definition_arn;
    let unknown = || Field::Unknown("CloudTrail left it out".to_owned());
    Some(TaskDefinition {
        daemon_task_definition_arn: arn.map_or_else(unknown, Field::Known),
        ..definition(request)?
    })
}

/// The definition, where it is whole: a body that does not read as one is as good as none, because
/// the definition can be fetched.
fn definition(body: Option<&str>) -> Option<TaskDefinition> {
    let definition: TaskDefinition = serde_json::from_str(body?).ok()?;
    (!definition.container_definitions.is_empty()).then_some(definition)
}
