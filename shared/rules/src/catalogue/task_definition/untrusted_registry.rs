use super::super::{
    Answer, Applies, Check, Context, References, Rule, each::images,
    image_reference::ImageReference,
};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    names::{Place, quoted_value},
    policy::matches,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "untrusted-registry",
    summary: "an image comes from a registry that is not trusted",
    severity: Severity::High,
    applies: Applies::EVERY_FORM,
    help: "copy the image into your own ECR registry, or pull it through an ECR pull-through cache; a registry that you do trust goes into `untrusted-registry.registries` of the policy, an account into `untrusted-registry.accounts`",
    references: References {
        guidance: "run images from registries that you control",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

/// Hosts of the public gallery: any AWS customer can have a namespace there.
const GALLERY: &[&str] = &["public.ecr.aws", "ecr-public.aws.com"];

/// Namespaces in the gallery from which AWS's documentation and samples pull. `docker` is not among
/// them: it mirrors Docker Hub. A policy can trust more.
const OF_AWS: &[&str] = &[
    "amazoncorretto",
    "amazonlinux",
    "aws-*",
    "cloudwatch-agent",
    "eks-distro",
    "lambda",
    "xray",
];

/// Accounts from whose private registries AWS's documentation has customers pull sidecars: AWS for
/// Fluent Bit, and Envoy for App Mesh.
const ACCOUNTS_OF_AWS: &[&str] = &["840364872350", "906394416424"];

fn check(definition: &TaskDefinition, context: &Context<'_>) -> Vec<Answer> {
    images(definition, "the registry", |container, image| {
        judge(container, image, context)
    })
}

/// What is to be thought of the registry that an image is in.
#[derive(Debug)]
pub(in crate::catalogue) enum Trust<'a> {
    Trusted,
    /// A private registry of another account than the subject's.
    OtherAccount(&'a str),
    /// A private registry, while nobody knows which account the subject's is.
    SomeAccount(&'a str),
    Untrusted,
}

/// Whether a policy trusts the registry that an image is in.
pub(in crate::catalogue) fn trust<'a>(
    image: &'a ImageReference<'_>,
    context: &Context<'_>,
) -> Trust<'a> {
    let trusted = &context.parameters.untrusted_registry;
    let whole = || format!("{}/{}", image.host, image.repository);
    let mut globs = trusted.registries.iter();
    if globs.any(|glob| matches(glob, &whole())) {
        return Trust::Trusted;
    }
    if let Some(account) = image.ecr_account() {
        let own = context.place.map(Place::account);
        return if own == Some(account)
            || ACCOUNTS_OF_AWS.contains(&account)
            || trusted.accounts.iter().any(|trusted| trusted == account)
        {
            Trust::Trusted
        } else if own.is_some() {
            Trust::OtherAccount(account)
        } else {
            Trust::SomeAccount(account)
        };
    }
    let namespace = image.repository.split('/').next().unwrap_or_default();
    if GALLERY.contains(&image.host.as_ref()) && OF_AWS.iter().any(|glob| matches(glob, namespace))
    {
        return Trust::Trusted;
    }
    Trust::Untrusted
}

fn judge(
    container: &PlacedContainer<'_>,
    image: &ImageReference<'_>,
    context: &Context<'_>,
) -> Option<Answer> {
    match trust(image, context) {
        Trust::Trusted => None,
        Trust::OtherAccount(account) => {
            let message = format!("runs an image of another account, {account}");
            Some(container.fails("image", &message))
        }
        Trust::SomeAccount(account) => {
            let message = format!(
                "{} runs an image of account {account}, and nothing says whether that account is yours",
                container.shown()
            );
            Some(Answer::unknown(container.pointer("image"), message).severity(Severity::Low))
        }
        Trust::Untrusted => {
            let whole = quoted_value(&format!("{}/{}", image.host, image.repository));
            let message = format!("runs an image of {whole}, which is not a trusted registry");
            Some(container.fails("image", &message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::judge_with,
        policy::{Parameters, TrustedRegistries},
    };

    fn is_trusted(image: &str, trusted: TrustedRegistries) -> bool {
        let json = serde_json::json!({"containerDefinitions": [{"name": "a", "image": image}]});
        let parameters = Parameters {
            untrusted_registry: trusted,
            ..Parameters::default()
        };
        judge_with(&RULE, &json.to_string(), &parameters).is_empty()
    }

    #[test]
    fn the_own_account_and_aws_are_trusted_and_nobody_else() {
        for (image, trusted) in [
            ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1", true),
            ("111122223333.dkr.ecr.us-east-1.amazonaws.com/app:1", true),
            (
                "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com/app:1",
                true,
            ),
            ("111122223333.dkr-ecr.eu-west-1.on.aws/app:1", true),
            (
                "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1",
                true,
            ),
            (
                "111122223333.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/library/nginx:1",
                true,
            ),
            ("444455556666.dkr.ecr.eu-west-1.amazonaws.com/app:1", false),
            (
                "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.io/app:1",
                false,
            ),
            (
                "906394416424.dkr.ecr.us-east-1.amazonaws.com/aws-for-fluent-bit:stable",
                true,
            ),
            (
                "public.ecr.aws/aws-observability/aws-otel-collector:v0.40",
                true,
            ),
            ("public.ecr.aws/amazonlinux/amazonlinux:2023", true),
            ("public.ecr.aws/xray/aws-xray-daemon:3.x", true),
            ("ecr-public.aws.com/amazonlinux/amazonlinux:2023", true),
            ("public.ecr.aws/docker/library/nginx:1", false),
            ("public.ecr.aws/amazonlinuxes/amazonlinux:2023", false),
            ("public.ecr.aws/datadog/agent:7", false),
            ("evil.io/aws-observability/app", false),
            ("amazon/aws-for-fluent-bit:stable", false),
            ("nginx", false),
            ("docker.io/library/nginx", false),
            ("localhost:5000/app", false),
        ] {
            assert_eq!(
                is_trusted(image, TrustedRegistries::default()),
                trusted,
                "{image}"
            );
        }
    }

    #[test]
    fn a_policy_may_trust_more() {
        for (image, registries, accounts, trusted) in [
            ("ghcr.io/team/app:1", "ghcr.io/team/*", "", true),
            ("ghcr.io/teams/app:1", "ghcr.io/team/*", "", false),
            ("nginx:1", "docker.io/library/*", "", true),
            ("GHCR.io/team/app", "ghcr.io/*", "", true),
            (
                "444455556666.dkr.ecr.eu-west-1.amazonaws.com/app",
                "",
                "444455556666",
                true,
            ),
            (
                "444455556666.dkr-ecr.us-east-1.on.aws/app",
                "",
                "444455556666",
                true,
            ),
            (
                "777788889999.dkr.ecr.eu-west-1.amazonaws.com/app",
                "",
                "444455556666",
                false,
            ),
        ] {
            let parameters = TrustedRegistries {
                registries: vec![registries.to_owned()],
                accounts: vec![accounts.to_owned()],
            };
            assert_eq!(is_trusted(image, parameters), trusted, "{image}");
        }
    }
}
