import { CfnResource, Stack, Validations } from 'aws-cdk-lib';
import { CfnPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import type { CfnInclude } from 'aws-cdk-lib/cloudformation-include';

const here = (service: string, resource: string): string => `Resource::arn:<AWS::Partition>:${service}:<AWS::Region>:<AWS::AccountId>:${resource}`;

/**
 * Wildcards in the roles, each with the reason for it. A test fails where one no longer stands in any role. `docs/permissions.md` and the template say the same action by action.
 */
export const WILDCARDS: Record<string, string> = {
  'Resource::*':
    'Only for actions for which AWS defines no resource type (ecs:DescribeTaskDefinition, ecs:DeregisterTaskDefinition, ecs:List*, X-Ray), and for the reads of Inspector '
    + 'that ECR makes in the name of its caller. infra/test_template.py holds the list.',
  [here('ecr', 'repository/*')]: 'Every repository of the account and Region is guarded. ECR has no resource type below the repository, and no condition key for a tag or digest.',
  [here('ecs', 'task/*')]: 'What runs a denied image is any task of the account and Region.',
  [here('ecs', 'service/*')]: 'What runs a denied image is any service of the account and Region.',
  [here('ecs', 'service-deployment/*')]: 'A deployment has an identifier that nobody knows before it begins.',
  [here('ecs', 'service-revision/*')]: 'A revision has an identifier that nobody knows before it is made.',
};

const DEAD_LETTERS = 'This is a dead letter queue itself: a rule or function names it as such, which this check does not see, and an alarm watches it.';

/** Records why each finding of cdk-nag's AwsSolutions pack, and of the CDK's own checks, is meant. */
export function acknowledge(stack: Stack, template: CfnInclude): void {
  // Every value is written into the template, so its conditions are constant.
  const constant = 'The parameters of the included template are set, which makes its conditions constant.';
  Validations.of(stack).acknowledge(
    { id: 'CloudFormation-Validate::W8003', reason: constant },
    { id: 'CloudFormation-Validate::W9053', reason: constant },
  );
  Validations.of(template).acknowledge(
    { id: 'CloudFormation-Validate::E3005', reason: 'CloudFormation drops a dependency on a resource that its condition leaves out.' },
    { id: 'CloudFormation-Validate::W2502', reason: 'CloudFormation drops a dependency on a resource that its condition leaves out.' },
    { id: 'CloudFormation-Validate::W1028', reason: 'Of a constant condition one branch is never taken.' },
    { id: 'CloudFormation-Validate::W2503', reason: 'A reference to a resource that a constant condition leaves out stands in a branch that the same condition leaves out.' },
    { id: 'CloudFormation-Validate::F3033', reason: 'The empty ARN of a hub stands in a resource whose condition does not hold.' },
    { id: 'CloudFormation-Validate::E3510', reason: 'An empty list of ARNs stands under a condition that does not hold.' },
  );
  for (const child of template.node.findAll()) {
    if (child instanceof CfnRole || child instanceof CfnPolicy) {
      for (const [wildcard, reason] of Object.entries(WILDCARDS)) {
        Validations.of(child).acknowledge({ id: `AwsSolutions::AwsSolutions-IAM5[${wildcard}]`, reason });
      }
    } else if (child instanceof CfnQueue && isDeadLetters(child)) {
      Validations.of(child).acknowledge({ id: 'AwsSolutions::AwsSolutions-SQS3', reason: DEAD_LETTERS });
    }
  }
}

function isDeadLetters(queue: CfnResource): boolean {
  return queue.node.id.endsWith('DeadLetters');
}
