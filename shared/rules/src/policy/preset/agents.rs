//! The presets: facts about agents, from the guides of their publishers.

use super::{
    AgentImage::{At, Of},
    Grant,
    Only::{self, Capabilities, Paths, Whatever},
    Preset, Whose,
};

/// The sockets through which a runtime tells of its containers.
const SOCKETS: Only = Paths {
    readable: &[],
    writable: &["/run/docker.sock", "/run/containerd/containerd.sock"],
};

const fn grant(rule: &'static str, only: Only, reason: &'static str) -> Grant {
    Grant { rule, only, reason }
}

/// Every preset, by name.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "datadog-agent",
        summary: "the Datadog agent as a daemon on container instances",
        subject: Whose::Agent {
            images: &[
                At("docker.io/datadog/agent"),
                At("public.ecr.aws/datadog/agent"),
                At("gcr.io/datadoghq/agent"),
                At("eu.gcr.io/datadoghq/agent"),
                At("asia.gcr.io/datadoghq/agent"),
                At("datadoghq.azurecr.io/agent"),
                At("registry.datadoghq.com/agent"),
            ],
            commands: &[],
            health_checks: &[&["CMD-SHELL", "agent health"]],
        },
        grants: &[
            grant(
                "host-runtime-socket",
                SOCKETS,
                "it asks the runtime which containers run and what their labels are",
            ),
            grant(
                "sensitive-host-path",
                Paths {
                    readable: &[
                        "/etc/passwd",
                        "/proc",
                        "/sys/fs/cgroup",
                        "/var/lib/docker/containers",
                    ],
                    writable: &["/sys/kernel/debug"],
                },
                "it reads the metrics, processes and logs of the instance there; its system probe traces through debugfs",
            ),
            grant(
                "host-pid",
                Whatever,
                "its process agent sees the instance's processes, and tells by their ids which container sent a metric",
            ),
            grant(
                "dangerous-capability",
                Capabilities(&[
                    "IPC_LOCK",
                    "NET_ADMIN",
                    "NET_BROADCAST",
                    "NET_RAW",
                    "SYS_ADMIN",
                    "SYS_PTRACE",
                    "SYS_RESOURCE",
                ]),
                "its system probe loads eBPF programs and watches sockets",
            ),
            grant(
                "fixed-host-port",
                Whatever,
                "applications send metrics and traces to ports of their instance",
            ),
            grant("root-user", Whatever, "it reads what only root may"),
            grant(
                "writable-root-filesystem",
                Whatever,
                "it writes its configuration and run files",
            ),
            grant(
                "untrusted-registry",
                Whatever,
                "these are the publisher's own repositories",
            ),
        ],
    },
    Preset {
        name: "falco",
        summary: "the Falco sensor as a daemon on container instances, with its kernel module too",
        subject: Whose::Agent {
            images: &[
                At("docker.io/falcosecurity/falco"),
                At("public.ecr.aws/falcosecurity/falco"),
            ],
            commands: &[],
            health_checks: &[],
        },
        grants: &[
            grant(
                "privileged-container",
                Whatever,
                "its kernel module works with full privileges only; with the modern eBPF probe leave `privileged` out",
            ),
            grant(
                "dangerous-capability",
                Capabilities(&["BPF", "PERFMON", "SYS_ADMIN", "SYS_PTRACE", "SYS_RESOURCE"]),
                "its modern eBPF probe needs them in place of full privileges",
            ),
            grant(
                "host-runtime-socket",
                SOCKETS,
                "it names the container in which something happened",
            ),
            grant(
                "sensitive-host-path",
                Paths {
                    readable: &["/etc", "/proc", "/sys/kernel/tracing"],
                    writable: &["/dev"],
                },
                "it reads users and processes of the instance, and what its driver writes into a device",
            ),
            grant("root-user", Whatever, "only root may load a probe"),
            grant(
                "writable-root-filesystem",
                Whatever,
                "it fetches rules and drivers when it starts",
            ),
            grant(
                "untrusted-registry",
                Whatever,
                "these are the publisher's own repositories",
            ),
        ],
    },
    Preset {
        name: "cloudwatch-agent",
        summary: "the CloudWatch agent, as a sidecar or as a daemon for Container Insights",
        subject: Whose::Agent {
            images: &[
                At("docker.io/amazon/cloudwatch-agent"),
                At("public.ecr.aws/cloudwatch-agent/cloudwatch-agent"),
            ],
            commands: &[],
            health_checks: &[],
        },
        grants: &[
            grant(
                "sensitive-host-path",
                Paths {
                    readable: &["/dev", "/proc", "/sys/fs/cgroup"],
                    writable: &[],
                },
                "it reads the metrics of the instance there",
            ),
            grant("root-user", Whatever, "it reads what only root may"),
            grant(
                "writable-root-filesystem",
                Whatever,
                "it writes the configuration that it translates when it starts",
            ),
            grant(
                "untrusted-registry",
                Whatever,
                "these are the publisher's own repositories",
            ),
        ],
    },
    Preset {
        name: "ecs-managed-sidecars",
        summary: "sidecars of AWS that definitions name: X-Ray, Fluent Bit for FireLens, OpenTelemetry; those of GuardDuty and Service Connect stand in no definition",
        subject: Whose::Agent {
            images: &[
                At("docker.io/amazon/aws-for-fluent-bit"),
                At("docker.io/amazon/aws-otel-collector"),
                At("docker.io/amazon/aws-xray-daemon"),
                At("public.ecr.aws/aws-observability/aws-for-fluent-bit"),
                At("public.ecr.aws/aws-observability/aws-otel-collector"),
                At("public.ecr.aws/xray/aws-xray-daemon"),
                Of("906394416424", "aws-for-fluent-bit"),
            ],
            commands: &[
                &["--config=/etc/ecs/ecs-default-config.yaml"],
                &["--config=/etc/ecs/container-insights/otel-task-metrics-config.yaml"],
            ],
            health_checks: &[
                &[
                    "CMD-SHELL",
                    "curl -f http://127.0.0.1:2020/api/v1/health || exit 1",
                ],
                &[
                    "CMD-SHELL",
                    "curl -f http://127.0.0.1:2020/api/v1/uptime || exit 1",
                ],
            ],
        },
        grants: &[
            grant("root-user", Whatever, "their images start as root"),
            grant(
                "writable-root-filesystem",
                Whatever,
                "they write buffers and generated configuration",
            ),
            grant(
                "untrusted-registry",
                Whatever,
                "these are AWS's own repositories",
            ),
        ],
    },
    Preset {
        name: "aws-batch",
        summary: "definitions that AWS Batch registers for its jobs",
        subject: Whose::Role("AWSServiceRoleForBatch"),
        grants: &[
            grant(
                "host-network",
                Whatever,
                "Batch runs jobs on EC2 in the network of the instance, and nobody can choose otherwise",
            ),
            grant(
                "non-awsvpc-network",
                Whatever,
                "Batch runs jobs on EC2 in the network of the instance, and nobody can choose otherwise",
            ),
        ],
    },
    Preset {
        name: "kernel-vulnerabilities",
        summary: "findings of a scanner in packages of a kernel, such as `linux-libc-dev`, and in no others",
        subject: Whose::Kernel,
        grants: &[
            grant("vulnerable-image", Only::KernelPackages, KERNEL),
            grant("exploited-vulnerability", Only::KernelPackages, KERNEL),
            grant("stale-vulnerability", Only::KernelPackages, KERNEL),
        ],
    },
];

/// Why findings in kernels do not count.
const KERNEL: &str = "a container runs the kernel of its host, not one of its image";
