//! Actions taken back: what `tidewaiter undo` and `tidewaiter quarantine release` do.

use aws_sdk_ecr::types::{ImageIdentifier, ImageStatus, TargetStorageClass};
use aws_sdk_ecs::types::TaskDefinitionField;
use aws_smithy_types::body::SdkBody;
use serde_json::{Map, Value};
use tidewaiter_rules::{
    Effect, Reverse,
    names::{Digest, Repository, TaskDefinitionArn},
};

use crate::{CallError, Clients, apply::tags, body::Body};

/// What became of taking an action back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reversed {
    /// The image can be pulled.
    Active,
    /// The image comes out of the archive, which takes up to 20 minutes.
    Activating,
    /// Nothing is there any more to restore, or to make a copy of.
    Gone,
    /// This revision was registered.
    Registered(TaskDefinitionArn),
}

/// Takes an action back.
///
/// # Errors
/// When a call fails.
pub async fn reverse(clients: &Clients, reverse: &Reverse) -> Result<Reversed, CallError> {
    match reverse {
        Reverse::RestoreImage(repository, digest) => restore(clients, repository, digest).await,
        Reverse::RegisterCopy(arn) => register_copy(clients, arn).await,
        Reverse::TagAgain(repository, digest, tag) => {
            let effect = tags::tag(clients, repository, digest, tag).await?;
            Ok(after(&effect))
        }
        Reverse::UntagAgain(repository, digest, tag) => {
            let effect = tags::untag(clients, repository, digest, tag).await?;
            Ok(after(&effect))
        }
    }
}

/// What became of a tag.
const fn after(effect: &Effect) -> Reversed {
    match effect {
        Effect::Gone => Reversed::Gone,
        Effect::Done | Effect::NotApplied | Effect::Failed { .. } => Reversed::Active,
    }
}

async fn restore(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
) -> Result<Reversed, CallError> {
    let image = ImageIdentifier::builder()
        .image_digest(digest.as_str())
        .build();
    let call = clients
        .ecr
        .update_image_storage_class()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_id(image)
        .target_storage_class(TargetStorageClass::Standard);
    match call.send().await {
        Ok(answer) => Ok(match answer.image_status().map(ImageStatus::as_str) {
            Some("ACTIVE") => Reversed::Active,
            _ => Reversed::Activating,
        }),
        Err(error) => {
            let error = CallError::of("UpdateImageStorageClass", &error);
            match error.code() {
                Some("ImageNotFoundException" | "RepositoryNotFoundException") => {
                    Ok(Reversed::Gone)
                }
                _ => Err(error),
            }
        }
    }
}

const DESCRIBE: &str = "DescribeTaskDefinition";
const REGISTER: &str = "RegisterTaskDefinition";

/// What ECS says of a revision and does not take in a request.
const ANSWERED_ONLY: &[&str] = &[
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// Registers what a revision holds once more. The answer's own text becomes the request, so that
/// members that the SDK does not know yet are not lost.
async fn register_copy(clients: &Clients, arn: &TaskDefinitionArn) -> Result<Reversed, CallError> {
    let body = Body::default();
    let described = clients
        .ecs
        .describe_task_definition()
        .task_definition(arn.to_string())
        .include(TaskDefinitionField::Tags)
        .customize()
        .interceptor(body.clone())
        .send()
        .await;
    if let Err(error) = described {
        let error = CallError::of(DESCRIBE, &error);
        let is_gone = error.code() == Some("ClientException")
            && error.says("unable to describe task definition");
        return if is_gone {
            Ok(Reversed::Gone)
        } else {
            Err(error)
        };
    }
    let request = request(body.read(DESCRIBE)?)?;
    let answer = clients
        .ecs
        .register_task_definition()
        .family(arn.family())
        .customize()
        .mutate_request(move |call| {
            let length = request.len().to_string();
            call.headers_mut().insert("content-length", length);
            *call.body_mut() = SdkBody::from(request.as_str());
        })
        .send()
        .await
        .map_err(|error| CallError::of(REGISTER, &error))?;
    let made = answer
        .task_definition()
        .and_then(|definition| definition.task_definition_arn())
        .and_then(|arn| TaskDefinitionArn::parse(arn).ok());
    made.map(Reversed::Registered).ok_or_else(|| {
        CallError::permanent(
            REGISTER,
            "the answer does not name the revision that was made",
        )
    })
}

/// The request that registers what was described.
fn request(mut described: Map<String, Value>) -> Result<String, CallError> {
    let Some(Value::Object(mut definition)) = described.remove("taskDefinition") else {
        return Err(CallError::permanent(
            DESCRIBE,
            "the answer has no definition",
        ));
    };
    definition.retain(|name, value| !ANSWERED_ONLY.contains(&name.as_str()) && !value.is_null());
    // ECS refuses an empty list of tags.
    if let Some(Value::Array(tags)) = described.remove("tags")
        && !tags.is_empty()
    {
        definition.insert("tags".to_owned(), Value::Array(tags));
    }
    Ok(Value::Object(definition).to_string())
}

#[cfg(test)]
mod tests {
    use tidewaiter_rules::names::Place;

    use super::*;
    use crate::wire::{Answer, Wire};

    fn place() -> Place {
        Place::of_region("eu-west-1", "111122223333").unwrap()
    }

    fn copy() -> Reverse {
        let arn = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";
        Reverse::RegisterCopy(TaskDefinitionArn::parse(arn).unwrap())
    }

    fn restoring() -> Reverse {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        Reverse::RestoreImage(Repository::new(place(), "app").unwrap(), digest)
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_holds_everything_that_a_request_takes_and_nothing_else() {
        let wire = Wire::new(|call| match call.operation.as_str() {
            "DescribeTaskDefinition" => Answer::json(
                r#"{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
                    "family":"web","revision":7,"status":"INACTIVE","registeredAt":1.5,"registeredBy":"x","deregisteredAt":2,
                    "requiresAttributes":[{"name":"n"}],"compatibilities":["EC2"],"cpu":null,
                    "containerDefinitions":[{"name":"app","image":"a","newInTwoYears":{"k":[1]}}]},
                    "tags":[{"key":"team","value":"payments"}]}"#,
            ),
            _ => Answer::json(
                r#"{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:eu-west-1:111122223333:task-definition/web:8"}}"#,
            ),
        });
        let made = reverse(&wire.clients(place()), &copy()).await.unwrap();
        let next = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:8";
        let next = TaskDefinitionArn::parse(next).unwrap();
        assert_eq!(made, Reversed::Registered(next));
        let calls = wire.calls();
        assert_eq!(calls[0].parameters["include"], serde_json::json!(["TAGS"]));
        assert_eq!(
            calls[1].parameters,
            serde_json::json!({
                "family": "web",
                "containerDefinitions": [{"name": "app", "image": "a", "newInTwoYears": {"k": [1]}}],
                "tags": [{"key": "team", "value": "payments"}],
            })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_revision_that_is_gone_no_copy_is_made() {
        let wire = Wire::new(|_| {
            Answer::error(
                400,
                "ClientException",
                "Unable to describe task definition.",
            )
        });
        let made = reverse(&wire.clients(place()), &copy()).await;
        assert_eq!(made, Ok(Reversed::Gone));
        assert_eq!(wire.operations(), ["DescribeTaskDefinition"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_restoration_says_honestly_that_it_takes_a_while() {
        let wire = Wire::new(|call| {
            assert_eq!(call.parameters["targetStorageClass"], "STANDARD");
            Answer::json(r#"{"imageStatus":"ACTIVATING"}"#)
        });
        let restored = reverse(&wire.clients(place()), &restoring()).await;
        assert_eq!(restored, Ok(Reversed::Activating));
        let gone = Wire::new(|_| Answer::error(400, "ImageNotFoundException", "no"));
        let restored = reverse(&gone.clients(place()), &restoring()).await;
        assert_eq!(restored, Ok(Reversed::Gone));
    }
}
