//! CloudTrail records of API calls.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidewaiter_rules::{
    Field,
    facts::TaskDefinition,
    names::{Place, TaskDefinitionArn, is_family},
};

use crate::{
    Deregistered, Event, Ignored, InvalidEvent, Origin, Parsed, Principal, Registered, Started,
    envelope::timestamp, started::Call,
};

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

pub(crate) fn judged(record: Record<'_>, origin: Origin) -> Result<Parsed, InvalidEvent> {
    let call = record.event_name.clone().unwrap_or_default();
    let is_deregistration = call == "DeregisterTaskDefinition";
    let is_daemon = call == "RegisterDaemonTaskDefinition";
    let start = Call::of(&call);
    if record.event_source.as_deref() != Some("ecs.amazonaws.com")
        || !is_daemon && !is_deregistration && call != "RegisterTaskDefinition" && start.is_none()
    {
        return Ok(Parsed::Ignored(Ignored::OtherCall(call)));
    }
    if let Some(code) = record.error_code {
        return Ok(Parsed::Ignored(Ignored::FailedCall { call, code }));
    }
    if is_deregistration {
        let deregistered = deregistered(record, origin)?;
        return Ok(Parsed::Deregistered(Box::new(deregistered)));
    }
    if let Some(start) = start {
        return Ok(match started(&start, record, origin) {
            Ok(event) => Parsed::Event(event),
            Err(reason) => Parsed::Ignored(reason),
        });
    }
    let registered = registered(record, origin, is_daemon)?;
    Ok(Parsed::Event(Event::Registered(Box::new(registered))))
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Deregistration {
    task_definition: Option<String>,
}

/// The answer names the revision; where CloudTrail left that out, the request does, by its ARN or as
/// `FAMILY:REVISION`.
fn deregistered(record: Record<'_>, envelope: Origin) -> Result<Deregistered, InvalidEvent> {
    let answered = record.response_elements.and_then(|response| {
        let response: Response<'_> = serde_json::from_str(response.get()).ok()?;
        let identity: Identity = serde_json::from_str(response.task_definition.get()).ok()?;
        identity.task_definition_arn
    });
    let asked = || {
        let request = record.request_parameters?;
        let asked: Deregistration = serde_json::from_str(request.get()).ok()?;
        asked.task_definition
    };
    let origin = record.origin(envelope);
    let named = answered.or_else(asked);
    let named = named.ok_or(InvalidEvent::new("it does not say which revision"))?;
    let arn = match &origin.place {
        Some(place) if !named.starts_with("arn:") => format!(
            "arn:{}:ecs:{}:{}:task-definition/{named}",
            place.partition(),
            place.region(),
            place.account()
        ),
        _ => named,
    };
    let arn =
        TaskDefinitionArn::parse(&arn).map_err(|error| InvalidEvent::new(error.to_string()))?;
    Ok(Deregistered {
        origin,
        principal: record.principal(),
        arn,
    })
}

fn started(call: &Call, record: Record<'_>, origin: Origin) -> Result<Event, Ignored> {
    let definition = call.definition(record.request_parameters, record.response_elements)?;
    Ok(Event::Started(Box::new(Started {
        definition,
        origin: record.origin(origin),
        principal: record.principal(),
    })))
}

impl Record<'_> {
    /// Where the record says it comes from, and where it does not, the envelope.
    fn origin(&self, envelope: Origin) -> Origin {
        let place = match (&self.aws_region, &self.recipient_account_id) {
            (Some(region), Some(account)) => Place::of_region(region, account).ok(),
            _ => None,
        };
        let time = self.event_time.as_deref().and_then(timestamp);
        Origin {
            id: self.event_id.clone().or(envelope.id),
            time: time.or(envelope.time),
            place: place.or(envelope.place),
        }
    }

    fn principal(self) -> Principal {
        Principal::read(
            self.user_identity.map(RawValue::get),
            self.user_agent.as_deref(),
            self.source_ip_address,
        )
    }
}

fn registered(
    record: Record<'_>,
    origin: Origin,
    is_daemon: bool,
) -> Result<Registered, InvalidEvent> {
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

    let definition = if is_daemon {
        daemon(request, record.response_elements.map(RawValue::get))
    } else {
        definition(response).or_else(|| definition(request))
    };
    Ok(Registered {
        definition,
        family: arn.as_ref().map(|arn| arn.family().to_owned()).or(family),
        origin: record.origin(origin),
        arn,
        principal: record.principal(),
    })
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
