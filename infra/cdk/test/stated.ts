import { App, Stack } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';

import { type Mode, Tidewaiter, type TidewaiterProps } from '../lib/index.js';

// The app of the end-to-end tests. They say what they want in the template's own terms, as they do to SAM; it is said here with the properties of the construct.
const stated: Record<string, string> = JSON.parse(process.env.TIDEWAITER_PARAMETERS ?? '{}');
const taken = (name: string): string | undefined => {
  const value = stated[name];
  delete stated[name];
  return value;
};
const list = (name: string): string[] => (taken(name) ?? '').split(',').filter(Boolean);
const flag = (name: string): boolean => taken(name) === 'true';
const all = <T>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value as object).filter(([, each]) => each !== undefined)) as never;

const app = new App();
const stack = new Stack(app, 'e2e', { env: { region: process.env.AWS_DEFAULT_REGION ?? 'us-east-1' } });
const hub = taken('HubBusArn');
const keyArn = taken('KeyArn');
const path = taken('ChannelsPath');
const number = (name: string): number | undefined => {
  const value = taken(name);
  return value === undefined ? undefined : Number(value);
};
const architecture = taken('Architecture');
const props: TidewaiterProps = all({
  mode: taken('Mode') as Mode,
  architecture: architecture === undefined ? undefined : Architecture.custom(architecture),
  policyPath: taken('PolicyPath'),
  alertEmail: taken('AlertEmail'),
  tamperEmail: taken('TamperEmail'),
  logRetention: number('LogRetentionDays'),
  reservedConcurrency: number('ReservedConcurrency'),
  quietHours: number('QuietHours'),
  hub: hub === undefined ? undefined : EventBus.fromEventBusArn(stack, 'Hub', hub),
  tracing: flag('Tracing'),
  key: keyArn === undefined ? undefined : Key.fromKeyArn(stack, 'Key', keyArn),
  channels: path === undefined ? undefined : {
    path,
    secrets: list('ChannelSecrets').map((arn, index) => Secret.fromSecretCompleteArn(stack, `Secret${index}`, arn)),
    parameters: list('ChannelParameters').map((arn, index) => StringParameter.fromStringParameterArn(stack, `Parameter${index}`, arn)),
    keys: list('ChannelKeys').map((arn, index) => Key.fromKeyArn(stack, `Key${index}`, arn)),
    topics: list('ChannelTopics').map((arn, index) => Topic.fromTopicArn(stack, `Topic${index}`, arn)),
    securityHub: flag('SecurityHub'),
  },
});
new Tidewaiter(stack, 'Tidewaiter', props);
const left = Object.keys(stated);
if (left.length > 0) {
  throw new Error(`no property says ${left.join(', ')}`);
}
app.synth();
