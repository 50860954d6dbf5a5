import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { spawnSync } from 'node:child_process';
import { before, describe, test } from 'node:test';

import { App, Stack, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { AwsSolutionsChecks } from 'cdk-nag';

import { WILDCARDS, acknowledge } from '../lib/acknowledged.js';
import { layer, places } from '../lib/assets.js';
import { type Mode, Tidewaiter, type TidewaiterProps } from '../lib/index.js';
import { PARAMETERS, values } from '../lib/parameters.js';

const INFRA = path.join(__dirname, '..', '..', '..');
const TEMPLATE = places().template;

// The functions need not be built for these tests: what they are made of is no concern of the template.
const FUNCTIONS = fs.mkdtempSync(path.join(os.tmpdir(), 'tidewaiter-functions-'));
const bare = asIncluded().toJSON();

function asIncluded(parameters: Record<string, unknown> = {}): Template {
  const { stack, template } = included(new Stack(), parameters);
  acknowledge(stack, template);
  Validations.of(template).acknowledge({ id: 'CloudFormation-Validate::W1030', reason: 'The same of a default.' });
  return Template.fromStack(stack);
}

function included(stack: Stack, parameters: Record<string, unknown> = {}): { stack: Stack; template: CfnInclude } {
  const template = new CfnInclude(stack, 'Template', { templateFile: TEMPLATE, parameters });
  return { stack, template };
}

function deployed(props: Partial<TidewaiterProps> = {}, stack = new Stack()): { stack: Stack; tidewaiter: Tidewaiter; template: Template } {
  const tidewaiter = new Tidewaiter(stack, 'Tidewaiter', { mode: 'audit', functions: FUNCTIONS, ...props });
  return { stack, tidewaiter, template: Template.fromStack(stack) };
}

// One that several tests look at.
let made: ReturnType<typeof deployed> | undefined;
const plain = (): ReturnType<typeof deployed> => (made ??= deployed());

before(() => {
  for (const resource of Object.values<any>(bare.Resources)) {
    if (resource.Type === 'AWS::Serverless::Function') {
      const folder = path.join(FUNCTIONS, path.basename(resource.Properties.CodeUri));
      fs.mkdirSync(folder);
      fs.writeFileSync(path.join(folder, 'bootstrap'), folder);
    }
  }
});

describe('one truth', () => {
  test('the construct knows every parameter of the template', () => {
    assert.deepEqual([...PARAMETERS], Object.keys(bare.Parameters).filter((name) => name !== 'BootstrapVersion').sort());
  });

  test('every property reaches its parameter, and no parameter is left without one', () => {
    const stack = new Stack();
    const reached = new Set<string>();
    const arn = (service: string, resource: string): string => `arn:aws:${service}:eu-west-1:123456789012:${resource}`;
    const props: TidewaiterProps = {
      mode: 'enforce',
      policyPath: '/mnt/policy.yaml',
      alertEmail: 'ops@example.com',
      tamperEmail: 'watch@example.com',
      architecture: Architecture.X86_64,
      logRetention: RetentionDays.ONE_YEAR,
      reservedConcurrency: 0,
      quietHours: 24,
      key: Key.fromKeyArn(stack, 'K', arn('kms', 'key/12345678-1234-1234-1234-123456789012')),
      tracing: true,
      hub: EventBus.fromEventBusArn(stack, 'H', arn('events', 'event-bus/hub')),
      channels: {
        path: '/mnt/channels.yaml',
        secrets: [Secret.fromSecretCompleteArn(stack, 'S', arn('secretsmanager', 'secret:team-abcdef'))],
        parameters: [StringParameter.fromStringParameterArn(stack, 'P', arn('ssm', 'parameter/team'))],
        keys: [Key.fromKeyArn(stack, 'C', arn('kms', 'key/87654321-4321-4321-4321-210987654321'))],
        topics: [Topic.fromTopicArn(stack, 'T', arn('sns', 'chat'))],
        securityHub: true,
      },
    };
    const expected: Record<string, unknown> = {
      Mode: 'enforce',
      PolicyPath: '/mnt/policy.yaml',
      AlertEmail: 'ops@example.com',
      TamperEmail: 'watch@example.com',
      Architecture: 'x86_64',
      LogRetentionDays: 365,
      ReservedConcurrency: 0,
      QuietHours: 24,
      KeyArn: arn('kms', 'key/12345678-1234-1234-1234-123456789012'),
      Tracing: 'true',
      HubBusArn: arn('events', 'event-bus/hub'),
      ChannelsPath: '/mnt/channels.yaml',
      ChannelSecrets: [arn('secretsmanager', 'secret:team-abcdef')],
      ChannelParameters: [arn('ssm', 'parameter/team')],
      ChannelKeys: [arn('kms', 'key/87654321-4321-4321-4321-210987654321')],
      ChannelTopics: [arn('sns', 'chat')],
      SecurityHub: 'true',
    };
    const { template } = deployed(props, stack);
    const wanted = asIncluded(expected).toJSON();
    const { Resources, Conditions, Outputs, Parameters } = template.toJSON();
    for (const name of Object.keys(expected)) {
      reached.add(name);
    }
    assert.deepEqual([...reached].sort(), [...PARAMETERS]);
    assert.deepEqual(Object.keys(Parameters), ['BootstrapVersion']);
    assert.deepEqual(Conditions, wanted.Conditions);
    assert.deepEqual(Outputs, wanted.Outputs);
    assert.deepEqual(withoutCode(Resources), withoutCode(wanted.Resources));
  });

  test('resources keep the names that SAM gives them, so that one tool can take over from the other', () => {
    const { template } = plain();
    assert.deepEqual(Object.keys(template.toJSON().Resources).sort(), Object.keys(bare.Resources).sort());
  });

  test('what is not said is what the template says', () => {
    const set = values(TEMPLATE, { Mode: 'audit' });
    for (const [name, declared] of Object.entries<any>(bare.Parameters)) {
      if (name in set && name !== 'Mode') {
        const value = set[name as keyof typeof set];
        assert.equal(Array.isArray(value) ? value.join(',') : value, declared.Default);
      }
    }
  });

  test('the version is that of the project', () => {
    const cargo = fs.readFileSync(path.join(INFRA, '..', 'Cargo.toml'), 'utf8');
    const own = JSON.parse(fs.readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8'));
    assert.equal(own.version, /\[workspace\.package]\nversion = "([^"]+)"/.exec(cargo)?.[1]);
  });
});

describe('values', () => {
  const refused: [string, Partial<TidewaiterProps>, RegExp][] = [
    ['a mode that is none', { mode: 'report' as Mode }, /`Mode` cannot be "report"/],
    ['an address that is none', { alertEmail: 'ops' }, /`AlertEmail` cannot be "ops": empty, or one e-mail address/],
    ['a retention that CloudWatch Logs does not know', { logRetention: 8 as RetentionDays }, /`LogRetentionDays` cannot be 8/],
    ['infinite retention', { logRetention: RetentionDays.INFINITE }, /`LogRetentionDays` cannot be 9999/],
    ['too much concurrency', { reservedConcurrency: 11 }, /`ReservedConcurrency` cannot be 11/],
    ['half an execution', { reservedConcurrency: 0.5 }, /`ReservedConcurrency` cannot be 0.5/],
    ['a relative path', { policyPath: 'policy.yaml' }, /`PolicyPath` cannot be "policy.yaml": an absolute path/],
    ['a policy in two places', { policy: 'policy.yaml', policyPath: '/policy.yaml' }, /say one of them/],
    ['channels without a file', { channels: {} }, /needs either `file`/],
    ['channels in two places', { channels: { file: 'a', path: '/b' } }, /needs either `file`/],
    ['functions that are not there', { functions: os.tmpdir() }, /no function `[a-z-]+` in .*make build/],
  ];
  for (const [what, props, message] of refused) {
    test(`${what} is refused as the app is synthesized`, () => {
      assert.throws(() => deployed(props), message);
    });
  }

  test('a secret that is made in the same app is let through, and granted', () => {
    const stack = new Stack();
    const secret = new Secret(stack, 'Team');
    const { template } = deployed({ channels: { path: '/mnt/channels.yaml', secrets: [secret] } }, stack);
    assertDecidable(template);
    const ref = { Ref: stack.getLogicalId(secret.node.defaultChild as never) };
    const text = JSON.stringify(template.toJSON().Resources.NotifyRole);
    assert.ok(text.includes(`"Resource":[${JSON.stringify(ref)}]`), text);
  });

  test('a key that is made in the same app lets in the services that need it', () => {
    const stack = new Stack();
    const { template } = deployed({ key: new Key(stack, 'Key') }, stack);
    assertDecidable(template);
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
            Principal: { Service: ['cloudwatch.amazonaws.com', 'sns.amazonaws.com'] },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
          // With a condition on the source nothing that EventBridge publishes would arrive.
          Match.objectLike({
            Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
            Principal: { Service: 'events.amazonaws.com' },
            Condition: Match.absent(),
          }),
        ]),
      },
    });
  });
});

describe('what is deployed', () => {
  test('every function and the policy are assets of the app', () => {
    const { template, tidewaiter } = plain();
    const functions = template.findResources('AWS::Serverless::Function');
    assert.deepEqual(Object.keys(functions).sort(), [...tidewaiter.functionNames].sort());
    const keys = Object.values<any>(functions).map((each) => each.Properties.CodeUri.Key);
    assert.equal(new Set(keys).size, keys.length, 'each its own code');
    for (const key of keys) {
      assert.match(key, /^[0-9a-f]{64}\.zip$/);
    }
    template.hasResourceProperties('AWS::Serverless::LayerVersion', { ContentUri: { Key: Match.stringLikeRegexp('\\.zip$') } });
  });

  test('zips of a release are taken as they are', () => {
    const release = fs.mkdtempSync(path.join(os.tmpdir(), 'tidewaiter-release-'));
    for (const name of fs.readdirSync(FUNCTIONS)) {
      fs.writeFileSync(path.join(release, `${name}.zip`), name);
    }
    deployed({ functions: release });
  });

  test('a policy file, or a folder with what it names, is put where the functions read it', () => {
    const file = path.join(places().policy, 'policy.yaml');
    assert.deepEqual(fs.readdirSync(path.join(layer(file), 'tidewaiter')), ['policy.yaml']);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidewaiter-policy-'));
    assert.throws(() => layer(folder), /no `policy.yaml` in/);
    fs.copyFileSync(file, path.join(folder, 'policy.yaml'));
    fs.writeFileSync(path.join(folder, 'app.vex.json'), '{}');
    assert.deepEqual(fs.readdirSync(path.join(layer(folder, file), 'tidewaiter')).sort(), ['app.vex.json', 'channels.yaml', 'policy.yaml']);
  });

  test('another policy is another layer, the same policy the same', () => {
    const key = (policy: string): unknown => {
      const layers = deployed({ policy }).template.findResources('AWS::Serverless::LayerVersion');
      return Object.values<any>(layers)[0].Properties.ContentUri.Key;
    };
    const file = path.join(places().policy, 'policy.yaml');
    const other = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'tidewaiter-policy-')), 'other.yaml');
    fs.writeFileSync(other, 'version: 1\nprofile: restricted\n');
    assert.equal(key(file), key(file));
    assert.notEqual(key(file), key(other));
  });

  test('topic, ledger and functions can be used by what stands beside', () => {
    const { stack, tidewaiter } = plain();
    assert.deepEqual(stack.resolve(tidewaiter.alertTopic.topicArn), { Ref: 'AlertTopic' });
    assert.deepEqual(stack.resolve(tidewaiter.ledger.tableName), { Ref: 'Ledger' });
    assert.deepEqual(stack.resolve(tidewaiter.function('ImageScanGuard').functionName), stack.resolve(tidewaiter.function('ImageScanGuard').functionName));
    assert.throws(() => tidewaiter.function('Guard'), /no function `Guard`: there are .*ImageScanGuard/);
  });

  test('a stack holds one', () => {
    const { stack } = plain();
    assert.throws(() => new Tidewaiter(stack, 'Second', { mode: 'audit', functions: FUNCTIONS }), /has a Tidewaiter already/);
  });

  test('one in each Region', () => {
    const app = new App();
    const regions = ['eu-central-1', 'cn-north-1'];
    const made = Tidewaiter.inRegions(app, 'guard', { mode: 'audit', functions: FUNCTIONS, account: '123456789012', regions });
    assert.deepEqual(made.map((each) => Stack.of(each).region), regions);
    assert.deepEqual(made.map((each) => Stack.of(each).stackName), regions.map((region) => `guard-${region}`));
    assert.throws(() => Tidewaiter.inRegions(app, 'twice', { mode: 'audit', functions: FUNCTIONS, regions: ['us-east-1', 'us-east-1'] }), /named twice/);
  });
});

describe('the sample', () => {
  for (const mode of ['audit', 'enforce']) {
    test(`is synthesized with mode=${mode}, and neither cdk-nag nor the CDK has anything to say about it`, () => {
      const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidewaiter-sample-'));
      const context = JSON.stringify({ mode, functions: FUNCTIONS });
      const env = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: context };
      const done = spawnSync(process.execPath, [path.join(__dirname, '..', 'sample', 'app.js')], { env, encoding: 'utf8' });
      assert.equal(done.stderr, '');
      assert.equal(done.status, 0);
      for (const region of ['eu-central-1', 'us-east-1']) {
        const template = JSON.parse(fs.readFileSync(path.join(outdir, `tidewaiter-${region}.template.json`), 'utf8'));
        assert.equal(template.Outputs.Mode.Value, mode);
      }
    });
  }
});

describe('cdk-nag', () => {
  const everything = (stack: Stack): Partial<TidewaiterProps> => ({
    mode: 'enforce',
    tracing: true,
    hub: EventBus.fromEventBusArn(stack, 'Hub', 'arn:aws:events:eu-west-1:123456789012:event-bus/hub'),
    key: Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012'),
    channels: { path: '/mnt/channels.yaml', securityHub: true },
  });
  const findings = (app: App): { rule: string; at: string }[] => {
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    try {
      app.synth();
    } catch (error) {
      assert.equal((error as Error).name, 'ValidationFailed');
    }
    const report = JSON.parse(fs.readFileSync(path.join(app.outdir, 'validation-report.json'), 'utf8'));
    return report.pluginReports.flatMap((plugin: any) => plugin.violations.flatMap((each: any) =>
      each.violatingConstructs.map((construct: any) => ({ rule: each.ruleName, at: construct.constructPath, why: each.description }))));
  };

  test('nothing is found that is not acknowledged', () => {
    const app = new App();
    const stack = new Stack(app, 'everything');
    new Tidewaiter(stack, 'Tidewaiter', { functions: FUNCTIONS, ...everything(stack) } as TidewaiterProps);
    new Tidewaiter(new Stack(app, 'nothing'), 'Tidewaiter', { functions: FUNCTIONS, mode: 'audit' });
    assert.deepEqual(findings(app), []);
  });

  test('every acknowledged wildcard stands in a role', (context) => {
    // What is found is the point here, not news.
    context.mock.method(console, 'error', () => {});
    const app = new App();
    included(new Stack(app, 'bare'));
    const found = new Set(findings(app).map((each) => each.rule));
    for (const wildcard of Object.keys(WILDCARDS)) {
      assert.ok(found.has(`AwsSolutions-IAM5[${wildcard}]`), `${wildcard} stands nowhere any more: ${[...found].join(' ')}`);
    }
  });
});

// CloudFormation refuses conditions that refer to resources.
function assertDecidable(template: Template): void {
  assert.doesNotMatch(JSON.stringify(template.toJSON().Conditions), /"Ref"|GetAtt|ImportValue/);
}

function withoutCode(resources: Record<string, any>): unknown {
  return Object.fromEntries(Object.entries(resources).map(([name, { Metadata: _, ...resource }]) => {
    const { CodeUri: _code, ContentUri: _content, ...properties } = resource.Properties ?? {};
    return [name, { ...resource, Properties: properties }];
  }));
}
