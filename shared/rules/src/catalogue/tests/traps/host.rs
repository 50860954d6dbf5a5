//! Of rules about the host and what holds a container back from it.

use super::Trap;

pub(super) const TRAPS: &[Trap] = &[
    ("privileged-container", r#""privileged":true"#, true),
    ("privileged-container", r#""privileged":null"#, false),
    ("root-user", r#""user":"root:root""#, true),
    ("root-user", r#""user":"root:1000""#, true),
    ("root-user", r#""user":"0:1000""#, true),
    ("root-user", r#""user":"00""#, true),
    ("root-user", r#""user":"+0""#, true),
    ("root-user", r#""user":" 0 ""#, true),
    ("root-user", r#""user":"000:app""#, true),
    ("root-user", r#""user":"app""#, true),
    ("root-user", r#""user":"""#, true),
    ("root-user", r#""user":"1337""#, false),
    ("root-user", r#""user":"1337:0""#, false),
    (
        "root-user",
        r#""user":"0","firelensConfiguration":{"type":"fluentbit"}"#,
        false,
    ),
    (
        "writable-root-filesystem",
        r#""readonlyRootFilesystem":null"#,
        true,
    ),
    (
        "writable-root-filesystem",
        r#""readonlyRootFilesystem":true"#,
        false,
    ),
    (
        "dangerous-capability",
        r#""linuxParameters":{"capabilities":{"add":["CAP_SYS_ADMIN"]}}"#,
        true,
    ),
    (
        "dangerous-capability",
        r#""linuxParameters":{"capabilities":{"add":["sys_admin"]}}"#,
        true,
    ),
    (
        "dangerous-capability",
        r#""linuxParameters":{"capabilities":{"add":["cap_all"]}}"#,
        true,
    ),
    (
        "dangerous-capability",
        r#""linuxParameters":{"capabilities":{"add":["NET_BIND_SERVICE","cap_chown"]}}"#,
        false,
    ),
    (
        "undropped-capabilities",
        r#""linuxParameters":{"capabilities":{"drop":["all"]}}"#,
        false,
    ),
    (
        "undropped-capabilities",
        r#""linuxParameters":{"capabilities":{"drop":["CAP_ALL"],"add":["NET_BIND_SERVICE"]}}"#,
        false,
    ),
    (
        "undropped-capabilities",
        r#""linuxParameters":{"capabilities":{"drop":["NET_RAW"]}}"#,
        true,
    ),
    ("undropped-capabilities", r#""linuxParameters":{}"#, true),
    ("host-network", r#"/"networkMode":"host""#, true),
    ("host-network", r#""networkMode":"host""#, false),
    ("non-awsvpc-network", r#"/"networkMode":null"#, true),
    ("non-awsvpc-network", r#"/"networkMode":"none""#, true),
    (
        "non-awsvpc-network",
        r#"/"requiresCompatibilities":["EXTERNAL"]"#,
        false,
    ),
    ("host-pid", r#"/"pidMode":"host""#, true),
    ("host-pid", r#""pidMode":"host""#, false),
    ("host-pid", r#"/"pidMode":"shared""#, false),
    (
        "host-pid",
        r#"/"pidMode":"shared","daemonTaskDefinitionArn":"arn:aws:ecs:eu-west-1:111122223333:daemon-task-definition/a:1""#,
        true,
    ),
    ("host-ipc", r#"/"ipcMode":"host""#, true),
    ("host-ipc", r#"/"ipcMode":null"#, false),
    (
        "host-ipc",
        r#"/"ipcMode":"shared","daemonTaskDefinitionArn":"arn:aws:ecs:eu-west-1:111122223333:daemon-task-definition/a:1""#,
        true,
    ),
    (
        "host-runtime-socket",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/var/run/docker.sock"}}]"#,
        true,
    ),
    (
        "host-runtime-socket",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/run/containerd/containerd.sock"}}]"#,
        true,
    ),
    (
        "host-runtime-socket",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/var/run/"}}]"#,
        true,
    ),
    (
        "host-runtime-socket",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/"}}]"#,
        true,
    ),
    (
        "host-runtime-socket",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/opt/../run"}}]"#,
        true,
    ),
    (
        "host-runtime-socket",
        r#"/"volumes":[{"name":"other","host":{"sourcePath":"/var/run/docker.sock"}}]"#,
        false,
    ),
    (
        "sensitive-host-path",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/etc/"}}]"#,
        true,
    ),
    (
        "sensitive-host-path",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/opt/app/../../etc//ssl"}}]"#,
        true,
    ),
    (
        "sensitive-host-path",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/var"}}]"#,
        true,
    ),
    (
        "sensitive-host-path",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":""}}]"#,
        false,
    ),
    (
        "sensitive-host-path",
        r#"/"volumes":[{"name":"v","host":{}}]"#,
        false,
    ),
    (
        "sensitive-host-path",
        r#"/"volumes":[{"name":"v","host":{"sourcePath":"/etcetera"}}]"#,
        false,
    ),
    (
        "host-device",
        r#""linuxParameters":{"devices":[{"hostPath":"/dev/nvme0n1"}]}"#,
        true,
    ),
    (
        "host-device",
        r#""resourceRequirements":[{"type":"GPU","value":"1"}]"#,
        false,
    ),
    (
        "privilege-escalation",
        r#""dockerSecurityOptions":["credentialspec:file://a.json"]"#,
        true,
    ),
    (
        "privilege-escalation",
        r#""dockerSecurityOptions":["no-new-privileges"]"#,
        false,
    ),
    (
        "weakened-confinement",
        r#""dockerSecurityOptions":["label:disable"]"#,
        true,
    ),
    (
        "weakened-confinement",
        r#""dockerSecurityOptions":["apparmor=unconfined"]"#,
        true,
    ),
    (
        "weakened-confinement",
        r#""dockerSecurityOptions":["apparmor:docker-default"]"#,
        false,
    ),
    (
        "unsafe-sysctl",
        r#""systemControls":[{"namespace":"net.core.somaxconn","value":"1"}]"#,
        true,
    ),
    (
        "unsafe-sysctl",
        r#""systemControls":[{"namespace":"net.ipv4.tcp_keepalive_time","value":"1"}]"#,
        false,
    ),
    (
        "unlimited-ulimit",
        r#""ulimits":[{"name":"nofile","softLimit":1024,"hardLimit":1048577}]"#,
        true,
    ),
    (
        "unlimited-ulimit",
        r#""ulimits":[{"name":"nofile","softLimit":1024,"hardLimit":1048576}]"#,
        false,
    ),
    (
        "unlimited-ulimit",
        r#""ulimits":[{"name":"nproc","softLimit":-1,"hardLimit":-1}]"#,
        true,
    ),
];
