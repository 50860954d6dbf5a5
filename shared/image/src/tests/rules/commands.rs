use tidewaiter_rules::Severity;

use super::{failures, of_run, outcomes};

#[test]
fn what_is_downloaded_and_run_is_found_in_every_form() {
    let rule = "dockerfile-curl-pipe-shell";
    for command in [
        "curl -fsSL https://x | sh",
        "curl https://x|sh",
        "curl -sL https://x | bash -",
        "curl https://x | bash -s -- --yes",
        "curl https://x | bash -ex",
        "curl https://x | bash -o pipefail",
        "curl https://x | sudo -E bash -",
        "curl https://x | A=b /bin/bash",
        "curl https://x | env A=b sh",
        "curl https://x | tee /x | sh",
        "curl https://x | gunzip | sh",
        "wget -O- https://x | sh",
        "wget -qO - https://x | sudo bash",
        "curl https://x | python3",
        "curl https://x | python3 -",
        "curl https://x | python3 -u -",
        "curl https://x | php -- --install-dir=/usr/bin",
        "curl https://x | perl - --sudo App",
        "curl https://x | busybox sh",
        "bash <(curl https://x)",
        "bash < <(curl https://x)",
        "bash -e <(wget -O- https://x) --yes",
        ". <(curl https://x)",
        "source <(curl https://x)",
        "sh -c \"$(curl -fsSL https://x)\"",
        "sh -c \"`curl -fsSL https://x`\"",
        "bash -xc \"$(wget -qO- https://x)\" -- --yes",
        "eval \"$(curl https://x)\"",
        "eval $(curl https://x)",
        "python3 -c \"$(curl https://x)\"",
        "set -ex; cd /tmp && (curl https://x || true) | sh",
        "{ curl https://x; } | sh",
        "bash -c 'curl https://x | sh'",
        "bash -o pipefail -c \"curl https://x | sh\"",
        "[\"/bin/bash\", \"-c\", \"curl https://x | sh\"]",
        "if true; then curl https://x | sh; fi",
        "curl https://x \\\n  # a comment\n  | sh",
        "<<EOF\ncurl https://x | sh\nEOF",
        "bash <<'EOF'\ncurl https://x | sh\nEOF",
        "iwr https://x | iex",
        "Invoke-WebRequest https://x | Invoke-Expression",
        "iex ((New-Object System.Net.WebClient).DownloadString('https://x'))",
        "powershell -Command \"iex ((New-Object Net.WebClient).DownloadString('https://x'))\"",
        "x=$(curl https://x | sh)",
        "curl https://x | bash -s install",
        "curl https://x | bash --norc",
        "curl https://x | bash /dev/stdin",
        "curl https://x 2>/dev/null | sh",
    ] {
        assert_eq!(of_run(rule, command), [Severity::Medium], "{command}");
    }
    for command in [
        "curl -o x https://x && sh x",
        "curl https://x > x; sh x",
        "curl https://x -o x | sh x",
        "curl https://x | tar -xz",
        "curl https://x | sh script.sh",
        "curl https://x | bash --restricted script.sh",
        "curl https://x | bash sh",
        "curl https://x | busybox tar -x",
        "curl https://x | python3 foo",
        "curl https://x | python3 --version",
        "sh -x \"$(curl https://x)\"",
        "sh --rcfile \"$(curl https://x)\"",
        "iex x",
        "(New-Object Net.WebClient).DownloadString('https://x')",
        "curl https://x | bash -c 'cat > /x'",
        "curl https://x | bash -c",
        "curl https://x | python3 -c 'import json'",
        "curl https://x | python3 -m json.tool",
        "curl https://x | python3 script.py",
        "curl https://x | perl -pe s/a/b/",
        "curl https://x | node script.js",
        "curl https://x > x | sh",
        "curl https://x || sh",
        "curl https://x && sh y",
        "echo 'curl https://x | sh'",
        "echo x | sh",
        "cat <<EOF > x\ncurl https://x | sh\nEOF",
        "sh -c \"echo $(curl https://x)\"",
        "A=$(curl https://x) sh y",
        "curl https://x | jq . | tee sh",
        "curl https://x | sha256sum -c",
        "<<EOF\n#!/usr/bin/env python3\n# curl https://x | sh\nEOF",
    ] {
        assert_eq!(of_run(rule, command), [], "{command}");
    }
}

#[test]
fn verification_that_is_turned_off_is_found() {
    let rule = "dockerfile-tls-disabled";
    for command in [
        "curl -k https://x",
        "curl -fsSLk https://x -o y",
        "curl --insecure https://x",
        "wget --no-check-certificate https://x",
        "pip install --trusted-host x y",
        "pip3 install --trusted-host=x y",
        "python3 -m pip install --trusted-host x y",
        "apk add --allow-untrusted x",
        "apt-get install --allow-unauthenticated x",
        "apt-get --force-yes install x",
        "apt-get -o Acquire::https::Verify-Peer=false update",
        "yum install --nogpgcheck x",
        "dnf --setopt=sslverify=false install x",
        "rpm -i --nosignature x",
        "zypper --no-gpg-checks install x",
        "conda config --set ssl_verify false",
        "mamba config --set ssl_verify no",
        "composer config disable-tls true",
        "gem install x --ssl_verify_mode=0",
        "bundle config ssl_verify_mode 0",
        "uv add --allow-insecure-host x y",
        "npm config set strict-ssl false",
        "npm install --strict-ssl=false",
        "git -c http.sslVerify=false clone https://x",
        "git config --global http.sslverify false",
        "NODE_TLS_REJECT_UNAUTHORIZED=0 npm ci",
        "export GIT_SSL_NO_VERIFY=1 && git clone https://x",
        "echo 'deb [trusted=yes] https://x ./' > /etc/apt/sources.list.d/x.list",
        "sudo curl -k https://x",
        "bash -c 'curl -k https://x'",
    ] {
        assert_eq!(of_run(rule, command), [Severity::Medium], "{command}");
    }
    for command in [
        "curl -fsSL https://x",
        "curl -okay https://x",
        "curl -H k https://x",
        "curl -k https://localhost:8443/health",
        "curl --cacert x https://y",
        "wget https://x",
        "pip install x",
        "npm config set strict-ssl true",
        "git config --global http.sslVerify true",
        "git -c http.sslVerify=true clone https://x",
        "git -c core.bare=false clone https://x",
        "npm install --loglevel false",
        "conda config --set ssl_verify true",
        "zypper install x",
        "mytool --trusted-host x",
        "tar -k x",
        "NODE_TLS_REJECT_UNAUTHORIZED=1 npm ci",
        "rpm -i x",
        "echo curl -k",
    ] {
        assert_eq!(of_run(rule, command), [], "{command}");
    }
    let (medium, high) = (Severity::Medium, Severity::High);
    for (text, expected) in [
        ("FROM a:1\nENV NODE_TLS_REJECT_UNAUTHORIZED=0", vec![high]),
        ("FROM a:1\nENV NODE_TLS_REJECT_UNAUTHORIZED 0", vec![high]),
        ("FROM a:1\nENV A=b PYTHONHTTPSVERIFY=\"0\"", vec![high]),
        ("FROM a:1\nENV npm_config_strict_ssl=false", vec![high]),
        ("FROM a:1\nENV GIT_SSL_NO_VERIFY=true", vec![high]),
        (
            "FROM a:1 AS b\nENV GIT_SSL_NO_VERIFY=true\nFROM c:1",
            vec![medium],
        ),
        ("FROM a:1\nARG PIP_TRUSTED_HOST=x", vec![medium]),
        ("FROM a:1\nARG PIP_TRUSTED_HOST", vec![]),
        (
            "FROM a:1\nENV NODE_TLS_REJECT_UNAUTHORIZED=1 GIT_SSL_NO_VERIFY=false",
            vec![],
        ),
    ] {
        assert_eq!(failures(rule, text), expected, "{text}");
    }
    let unknown = "FROM a:1\nARG X\nENV NODE_TLS_REJECT_UNAUTHORIZED=$X";
    assert_eq!(
        outcomes(rule, unknown),
        [tidewaiter_rules::Outcome::Unknown]
    );
    assert_eq!(outcomes(rule, "FROM a:1\nARG X\nENV OTHER=$X"), []);
}

#[test]
fn sudo_is_found_where_it_runs_and_stays() {
    let rule = "dockerfile-sudo";
    for command in [
        "sudo apt-get install x",
        "a && sudo -E b",
        "A=b sudo c",
        "/usr/bin/sudo c",
        "curl https://x | sudo tee /y",
        "bash -c 'sudo x'",
        "echo \"app ALL=(ALL) NOPASSWD:ALL\" >> /etc/sudoers",
    ] {
        assert_eq!(of_run(rule, command), [Severity::Medium], "{command}");
    }
    for command in [
        "apt-get install sudo",
        "echo sudo",
        "x --sudo",
        "apk add -t .x sudo && sudo x && apk del .x",
    ] {
        assert_eq!(of_run(rule, command), [], "{command}");
    }
}

#[test]
fn a_password_that_is_set_is_found() {
    let rule = "dockerfile-chpasswd";
    for command in [
        "echo root:x | chpasswd",
        "echo root:x | sudo /usr/sbin/chpasswd -e",
        "chpasswd <<< root:x",
        "echo x | passwd --stdin app",
        "useradd -p x app",
        "useradd --password=x app",
        "usermod -p x app",
    ] {
        assert_eq!(of_run(rule, command), [Severity::Medium], "{command}");
    }
    for command in [
        "passwd -l root",
        "passwd -d app",
        "useradd -m app",
        "adduser --disabled-password app",
        "mkdir -p x",
        "echo chpasswd",
    ] {
        assert_eq!(of_run(rule, command), [], "{command}");
    }
}

#[test]
fn an_update_alone_and_an_upgrade_of_the_distribution_are_found() {
    let low = vec![Severity::Low];
    for (command, expected) in [
        ("apt-get update", &low),
        ("apt-get -qq update && rm -rf /x", &low),
        ("apt update; apt clean", &low),
        ("apk update", &low),
        ("zypper refresh", &low),
        ("apt-get update && apt-get install x", &vec![]),
        ("apt-get update && apt-get upgrade -y", &vec![]),
        ("apt-get update && ./install.sh", &vec![]),
        ("apk update && apk add x", &vec![]),
        ("apt-get install x", &vec![]),
        ("npm update", &vec![]),
        ("yum update -y", &vec![]),
        ("echo apt-get update", &vec![]),
    ] {
        assert_eq!(
            &of_run("dockerfile-update-alone", command),
            expected,
            "{command}"
        );
    }
    for (command, expected) in [
        ("apt-get dist-upgrade -y", &low),
        ("apt-get -y -o A=b dist-upgrade", &low),
        ("apt full-upgrade", &low),
        ("zypper dup", &low),
        ("do-release-upgrade", &low),
        ("apt-get update && sudo apt-get dist-upgrade", &low),
        ("apt-get upgrade", &vec![]),
        ("apt-get install dist-upgrade", &vec![]),
        ("yum update -y", &vec![]),
    ] {
        assert_eq!(
            &of_run("dockerfile-dist-upgrade", command),
            expected,
            "{command}"
        );
    }
}
