//! Names of what runs in a cluster.

use std::fmt;

use super::{Place, is_family, split_arn};

/// A task: `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskArn(InCluster);

/// A service: `arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceArn(InCluster);

impl TaskArn {
    /// Reads an ARN with a cluster; `None` for any other text. Accounts that have not opted into the
    /// longer ARNs get shorter ones, without the cluster.
    pub fn parse(arn: &str) -> Option<Self> {
        InCluster::parse("task", arn).map(Self)
    }

    /// Where it runs.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.0.cluster
    }

    /// The id of the task in its cluster.
    pub fn task(&self) -> &str {
        &self.0.name
    }
}

impl ServiceArn {
    /// Reads an ARN with a cluster; `None` for any other text.
    pub fn parse(arn: &str) -> Option<Self> {
        InCluster::parse("service", arn).map(Self)
    }

    /// Where it runs.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.0.cluster
    }

    /// The name of the service in its cluster.
    pub fn service(&self) -> &str {
        &self.0.name
    }
}

impl ServiceArn {
    /// The service of this name in a cluster; `None` where one of the names cannot be one.
    pub fn new(place: &Place, cluster: &str, service: &str) -> Option<Self> {
        (is_family(cluster) && is_family(service)).then(|| {
            Self(InCluster {
                place: place.clone(),
                cluster: cluster.to_owned(),
                name: service.to_owned(),
            })
        })
    }
}

/// One deployment of a service:
/// `arn:aws:ecs:REGION:ACCOUNT:service-deployment/CLUSTER/SERVICE/ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceDeploymentArn {
    service: ServiceArn,
    id: String,
}

impl ServiceDeploymentArn {
    /// Reads an ARN; `None` for any other text.
    pub fn parse(arn: &str) -> Option<Self> {
        let (service, id) = arn.rsplit_once('/')?;
        Some(Self {
            service: InCluster::parse("service-deployment", service).map(ServiceArn)?,
            id: is_family(id).then(|| id.to_owned())?,
        })
    }

    /// The service.
    pub fn service(&self) -> &ServiceArn {
        &self.service
    }
}

impl fmt::Display for ServiceDeploymentArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.service.0.write("service-deployment", formatter)?;
        write!(formatter, "/{}", self.id)
    }
}

impl fmt::Display for TaskArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write("task", formatter)
    }
}

impl fmt::Display for ServiceArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write("service", formatter)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct InCluster {
    place: Place,
    cluster: String,
    name: String,
}

impl InCluster {
    fn parse(kind: &str, arn: &str) -> Option<Self> {
        let (partition, region, account, rest) = split_arn(arn, "ecs")?;
        let (cluster, name) = rest
            .strip_prefix(kind)?
            .strip_prefix('/')?
            .split_once('/')?;
        // The characters and the length are the same for all three.
        (is_family(cluster) && is_family(name)).then_some(Self {
            place: Place::new(partition, region, account).ok()?,
            cluster: cluster.to_owned(),
            name: name.to_owned(),
        })
    }

    fn write(&self, kind: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            cluster,
            name,
        } = self;
        let Place {
            partition,
            region,
            account,
        } = place;
        write!(
            formatter,
            "arn:{partition}:ecs:{region}:{account}:{kind}/{cluster}/{name}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_named_by_cluster() {
        let text = "arn:aws-cn:ecs:cn-north-1:111122223333:task/prod/0123456789abcdef";
        let task = TaskArn::parse(text).unwrap();
        assert_eq!((task.cluster(), task.task()), ("prod", "0123456789abcdef"));
        assert_eq!(task.place().partition(), "aws-cn");
        assert_eq!(task.to_string(), text);
        let text = "arn:aws:ecs:eu-west-1:111122223333:service/default/shop_1";
        let service = ServiceArn::parse(text).unwrap();
        assert_eq!(
            (service.cluster(), service.service()),
            ("default", "shop_1")
        );
        assert_eq!(service.to_string(), text);
    }

    #[test]
    fn a_deployment_is_named_by_its_service() {
        let text = "arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/shop/9I-wURsUdq";
        let deployment = ServiceDeploymentArn::parse(text).unwrap();
        assert_eq!(deployment.to_string(), text);
        let service = deployment.service().to_string();
        assert_eq!(
            service,
            "arn:aws:ecs:eu-west-1:111122223333:service/prod/shop"
        );
        assert_eq!(
            ServiceArn::new(deployment.service().place(), "prod", "shop").as_ref(),
            Some(deployment.service())
        );
        for text in [
            service.as_str(),
            "arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/shop",
            "arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/shop/a/b",
            "arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/shop/$(x)",
            "arn:aws:ecs:eu-west-1:111122223333:service-revision/prod/shop/1",
        ] {
            assert_eq!(ServiceDeploymentArn::parse(text), None, "{text}");
        }
        assert_eq!(
            ServiceArn::new(deployment.service().place(), "prod", "a b"),
            None
        );
    }

    #[test]
    fn anything_else_names_nothing() {
        let arn = |rest: &str| format!("arn:aws:ecs:eu-west-1:111122223333:{rest}");
        for text in [
            String::new(),
            "prod".to_owned(),
            arn("task/0123"),
            arn("task//0123"),
            arn("task/prod/"),
            arn("task/prod/a/b"),
            arn("task/prod/$(x)"),
            arn("task-definition/web:7"),
            arn("service/default/a b"),
            "arn:aws:ecr:eu-west-1:111122223333:task/prod/0123".to_owned(),
            "arn:aws:ecs:eu-west-1:1:task/prod/0123".to_owned(),
        ] {
            assert_eq!(TaskArn::parse(&text), None, "{text}");
            assert_eq!(ServiceArn::parse(&text), None, "{text}");
        }
        assert_eq!(TaskArn::parse(&arn("service/default/shop")), None);
        assert_eq!(ServiceArn::parse(&arn("task/prod/0123")), None);
    }
}
