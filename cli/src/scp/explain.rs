//! The page about a document: Markdown, for people.

use std::fmt;

use tidewaiter_rules::{Level, Policy, Rule, catalogue::RULES, facts::SubjectKind, names::quoted};

use super::{document::Kind, statements::PRIVILEGED, wanted::parts};

/// What there is to say.
pub(super) struct Page<'a> {
    pub(super) kind: Kind,
    pub(super) document: Option<&'a str>,
    pub(super) effects: &'a [String],
    pub(super) differences: &'a [String],
    pub(super) principals: &'a [String],
    pub(super) policy: &'a Policy,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "# What IAM can prevent\n\n\
             Printed by `tidewaiter scp --explain`. A guard acts after a call, IAM refuses the call itself. IAM has words for little\n\
             of a task definition; for that little, the document says what the policy says and is never stricter. Where it has to be\n\
             more lenient, the guard still acts.\n",
        )?;
        self.prevented(formatter)?;
        self.let_through(formatter)?;
        self.not_preventable(formatter)?;
        self.attach(formatter)
    }
}

impl Page<'_> {
    fn prevented(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\n## Prevented\n\n")?;
        let Some(document) = self.document else {
            return writeln!(
                formatter,
                "Nothing: nowhere does the policy deny `{PRIVILEGED}` in a way that IAM can tell, and no limit was asked for."
            );
        };
        formatter.write_str("Refused is the registration (or start) of:\n\n")?;
        for effect in self.effects {
            writeln!(formatter, "- {effect}")?;
        }
        if !self.principals.is_empty() {
            formatter.write_str("\nNot refused, whatever it is, when called by:\n\n")?;
            for principal in self.principals {
                writeln!(formatter, "- {}", quoted(principal))?;
            }
        }
        writeln!(formatter, "\n```json\n{}\n```", document.trim_end())
    }

    fn let_through(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\n## Where it differs from the policy\n\n")?;
        for difference in self.differences {
            writeln!(formatter, "- {difference}")?;
        }
        let unbound = match self.kind {
            Kind::Scp => {
                "- Service control policies bind neither service-linked roles (AWS Batch registers its definitions through its\n  \
                 own) nor the management account.\n"
            }
            Kind::Iam => {
                "- It binds the roles and users that it is attached to, and no service-linked role (AWS Batch registers its\n  \
                 definitions through its own).\n"
            }
        };
        formatter.write_str(unbound)?;
        formatter.write_str(
            "- What is registered stays registered: `tidewaiter check` on what `aws ecs describe-task-definition` answers judges it.\n\
             - Waivers and scopes end or change with the policy, the document with the next that you make.\n\
             - Exceptions are made by the ARN of the task definition. Where AWS gives a call none, what they allow is refused too.\n\
             - AWS does not say how `ecs:privileged` is filled for a definition of several containers. The guard judges each of them.\n",
        )
    }

    fn not_preventable(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\n## Not preventable by IAM\n\n")?;
        let denied: Vec<(&Rule, String)> = RULES
            .iter()
            .filter(|rule| rule.id != PRIVILEGED)
            .filter_map(|rule| Some((*rule, self.denied_in(rule)?)))
            .collect();
        if denied.is_empty() {
            return formatter.write_str("The policy denies nothing else.\n");
        }
        formatter.write_str("| Denied | Where | Covered by |\n| --- | --- | --- |\n")?;
        for (rule, place) in denied {
            let guard = match (rule.id, rule.check.subject()) {
                // What the ledger knows is known in the account alone.
                ("quarantined-image", _) => "`task-definition-guard` at registration",
                ("returned-image", _) => "`image-push-guard` when the image comes back",
                (_, SubjectKind::TaskDefinition) => {
                    "`tidewaiter check` before the deploy, `task-definition-guard` at registration"
                }
                (_, SubjectKind::Image) => "`image-scan-guard` when the scan ends",
                (_, SubjectKind::Dockerfile) => "`tidewaiter check` before the build",
            };
            writeln!(formatter, "| `{}` | {place} | {guard} |", rule.id)?;
        }
        Ok(())
    }

    /// Where the policy denies the rule, if it does.
    fn denied_in(&self, rule: &Rule) -> Option<String> {
        if self.policy.level(rule) == Level::Deny {
            return Some("everywhere".to_owned());
        }
        let parts = parts(self.policy, rule);
        let denied = parts.iter().filter(|part| part.level == Level::Deny);
        let names: Vec<&str> = denied.map(|part| part.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn attach(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\n## Attach it\n\n")?;
        formatter.write_str(match self.kind {
            Kind::Scp => {
                "```console\n\
                 $ tidewaiter scp --policy policy.yaml > scp.json\n\
                 $ aws organizations create-policy --type SERVICE_CONTROL_POLICY --name tidewaiter \\\n    \
                 --description 'ECS: what IAM can prevent' --content file://scp.json\n\
                 $ aws organizations attach-policy --policy-id p-EXAMPLE --target-id ou-EXAMPLE\n\
                 ```\n\n\
                 First `tidewaiter replay` the last weeks of the trail: it says whom it would have met. Attach it to one account, then to\n\
                 the organizational unit. It only denies, so `FullAWSAccess` stays attached beside it. `--kind iam` makes a managed policy\n\
                 for accounts without an organization.\n"
            }
            Kind::Iam => {
                "```console\n\
                 $ tidewaiter scp --kind iam --policy policy.yaml > deny.json\n\
                 $ aws iam create-policy --policy-name tidewaiter --policy-document file://deny.json\n\
                 $ aws iam attach-role-policy --role-name DEPLOYER --policy-arn arn:aws:iam::111122223333:policy/tidewaiter\n\
                 ```\n\n\
                 Attach it to the roles that deploy. It only denies: as a permissions boundary it would refuse everything.\n"
            }
        })
    }
}
