//! Telling people, and putting aside what could not be handled.

use tidewaiter_report::{Message, clean};

use crate::{CallError, Clients};

/// Publishes an alert to an SNS topic.
///
/// # Errors
/// When the call fails; see [`CallError::is_transient`].
pub async fn publish(
    clients: &Clients,
    topic_arn: &str,
    message: &Message,
) -> Result<(), CallError> {
    let mut call = clients
        .sns
        .publish()
        .topic_arn(topic_arn)
        .subject(&message.subject)
        .message(&message.body)
        .message_structure("json");
    for attribute in &message.attributes {
        let value = aws_sdk_sns::types::MessageAttributeValue::builder()
            .data_type(attribute.data_type)
            .string_value(&attribute.value)
            .build()
            .map_err(|error| CallError::permanent("Publish", error.to_string()))?;
        call = call.message_attributes(attribute.name, value);
    }
    let sent = call.send().await;
    sent.map_err(|error| CallError::of("Publish", &error))?;
    Ok(())
}

/// Publishes a text to an SNS topic as it is, for a subscriber that wants it so.
///
/// # Errors
/// When the call fails; see [`CallError::is_transient`].
pub async fn publish_text(clients: &Clients, topic_arn: &str, body: &str) -> Result<(), CallError> {
    let call = clients.sns.publish().topic_arn(topic_arn).message(body);
    let sent = call.send().await;
    sent.map_err(|error| CallError::of("Publish", &error))?;
    Ok(())
}

/// Puts an event into a dead-letter queue as Lambda would: the event is the body, and
/// `ErrorMessage` and `ErrorCode` say why. Lambda itself does it only after two more attempts, which
/// nothing but time could help.
///
/// # Errors
/// When the call fails; see [`CallError::is_transient`].
pub async fn dead_letter(
    clients: &Clients,
    queue_url: &str,
    event: &str,
    error: &str,
) -> Result<(), CallError> {
    let text = |kind: &str, value: String| {
        aws_sdk_sqs::types::MessageAttributeValue::builder()
            .data_type(kind)
            .string_value(value)
            .build()
            .map_err(|error| CallError::permanent("SendMessage", error.to_string()))
    };
    let sent = clients
        .sqs
        .send_message()
        .queue_url(queue_url)
        .message_body(allowed(event))
        .message_attributes("ErrorCode", text("Number", "200".to_owned())?)
        .message_attributes("ErrorMessage", text("String", clean(error, 1000))?)
        .send()
        .await;
    sent.map_err(|error| CallError::of("SendMessage", &error))?;
    Ok(())
}

/// SQS refuses two characters that JSON allows; in JSON they can stand escaped.
fn allowed(json: &str) -> String {
    json.replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff")
}
