import { ArnFormat, Aws, Environment, Stack, Token } from 'aws-cdk-lib';
import { ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { IEventBus } from 'aws-cdk-lib/aws-events';
import { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Function as LambdaFunction, IFunction } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { CfnFunction, CfnLayerVersion } from 'aws-cdk-lib/aws-sam';
import { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { IParameter } from 'aws-cdk-lib/aws-ssm';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledged.js';
import { code, layer, places } from './assets.js';
import { type Parameter, type Value, decideConditions, values } from './parameters.js';

/**
 * What the stack may do: `audit` reports what would be done, with roles that hold no write permission on ECS or ECR; `enforce` deregisters task definitions and archives images.
 */
export type Mode = 'audit' | 'enforce';

/** Whom Notify tells, and what it may read for that. */
export interface Channels {
  /** The file of channels; it is deployed beside the policy. Either this or `path`. */
  readonly file?: string;
  /** An absolute path where Notify finds the file of channels. Either this or `file`. */
  readonly path?: string;
  /** The secrets that the channels name. @default none */
  readonly secrets?: ISecret[];
  /** The parameters of Systems Manager that the channels name. @default none */
  readonly parameters?: IParameter[];
  /** Keys of your own under which those secrets, parameters and topics lie. @default none */
  readonly keys?: IKey[];
  /** The topics of channels of type `amazon-q`. @default none */
  readonly topics?: ITopic[];
  /** Whether a channel is of type `security-hub`. @default false */
  readonly securityHub?: boolean;
}

/** What can be said about a stack of Tidewaiter. */
export interface TidewaiterProps {
  /** What the stack may do. It has no default on purpose. */
  readonly mode: Mode;
  /** A policy file, or a folder with `policy.yaml` and the files that it names (VEX documents). @default the policy of the project, which denies what its `default` profile denies */
  readonly policy?: string;
  /** An absolute path where the functions read the policy, where it is not that of the layer. @default - the policy in the layer */
  readonly policyPath?: string;
  /** Whom the stack tells, beside the topic. @default nobody */
  readonly channels?: Channels;
  /** The event bus of a hub that gets a copy of every alert and alarm. @default - alerts stay in the account */
  readonly hub?: IEventBus;
  /** An e-mail address that receives the alerts once its owner has confirmed the subscription. @default none */
  readonly alertEmail?: string;
  /** An address that is told of tampering with the stack, once it has confirmed the subscription. @default - alertEmail */
  readonly tamperEmail?: string;
  /** The architecture that the functions were built for. @default - the template's, arm64 */
  readonly architecture?: Architecture;
  /** How long log groups keep their entries. @default - the template's, 90 days */
  readonly logRetention?: RetentionDays;
  /** Concurrent executions reserved for TaskDefinitionGuard, 0 to 10; 0 reserves none. @default - the template's, 1 */
  readonly reservedConcurrency?: number;
  /** Hours without any registration of a task definition after which an alarm says that the trail may be broken, 0 to 168; 0 sets no such alarm. @default - the template's, 72 */
  readonly quietHours?: number;
  /** A key of your own for topic, queues and ledger; a key that is made in the app is told to let the services in. @default - a key of the stack's own for the topic, keys of AWS for the rest */
  readonly key?: IKey;
  /** Whether X-Ray traces the invocations. @default false */
  readonly tracing?: boolean;
  /** The folder of the functions: `<function>.zip` or `<function>/bootstrap`. @default - those of the package, or what `make build` has built in a checkout */
  readonly functions?: string;
}

/** What can be said about one stack of Tidewaiter in each of several Regions. */
export interface TidewaiterInRegionsProps extends TidewaiterProps {
  /** The Regions to guard. */
  readonly regions: string[];
  /** The account to guard. @default - the account of the environment that deploys */
  readonly account?: string;
  /** The name of each stack. @default - made from the identifiers */
  readonly stackName?: string;
}

/**
 * Tidewaiter in one account and Region: the resources of its SAM template, under the same logical identifiers, so that `sam deploy` and the CDK can take over from each other.
 *
 * One to a stack, and best in a stack of its own: CloudFormation's SAM transform runs over all of it.
 */
export class Tidewaiter extends Construct {
  /** The topic that carries the alerts, one JSON document each. */
  readonly alertTopic: ITopic;
  /** The table of the ledger. It stays when the stack is deleted. */
  readonly ledger: ITable;
  /** The template as it was included, for what the properties cannot say: `template.getResource(...)`. */
  readonly template: CfnInclude;

  private readonly names: readonly string[];

  /** Makes a stack in each Region, below `scope`, with one Tidewaiter in it. */
  static inRegions(scope: Construct, id: string, props: TidewaiterInRegionsProps): Tidewaiter[] {
    const { regions, account, stackName, ...rest } = props;
    if (new Set(regions).size !== regions.length) {
      throw new Error('a Region is named twice: one stack guards one Region');
    }
    return regions.map((region) => {
      const env: Environment = account === undefined ? { region } : { account, region };
      const stack = new Stack(scope, `${id}-${region}`, stackName === undefined ? { env } : { env, stackName });
      return new Tidewaiter(stack, 'Tidewaiter', rest);
    });
  }

  constructor(scope: Construct, id: string, props: TidewaiterProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const others = stack.node.findAll().filter((each) => each instanceof Tidewaiter && each !== this);
    if (others.length > 0) {
      throw new Error(`the stack has a Tidewaiter already, \`${others[0]?.node.path}\`: one stack guards one account and Region`);
    }

    const here = places();
    const parameters = values(here.template, given(props));
    this.template = new CfnInclude(this, 'Template', { templateFile: here.template, parameters });
    decideConditions(this.template, here.template, parameters);

    const functions = props.functions ?? here.functions(String(parameters.Architecture));
    this.names = this.template.node.findAll().flatMap((each) => {
      if (each instanceof CfnFunction) {
        // The template names the code by where `make build` puts it: ../target/lambda/<function>/
        const name = String(each.codeUri).split('/').filter(Boolean).at(-1) ?? '';
        each.codeUri = location(new Asset(this, `${each.node.id}Code`, { path: code(functions, name) }));
        return [each.node.id];
      }
      return [];
    });
    const policy = this.template.getResource('PolicyLayer') as CfnLayerVersion;
    policy.contentUri = location(new Asset(this, 'Policy', { path: layer(props.policy ?? here.policy, props.channels?.file) }));

    this.alertTopic = Topic.fromTopicArn(this, 'AlertTopic', this.template.getResource('AlertTopic').ref);
    this.ledger = Table.fromTableName(this, 'Ledger', this.template.getResource('Ledger').ref);
    if (props.key !== undefined) {
      letServicesUse(props.key);
    }
    acknowledge(stack, this.template);
  }

  /** The functions that are deployed, by their logical identifiers, as in `TaskDefinitionGuard`. */
  get functionNames(): readonly string[] {
    return this.names;
  }

  /**
   * A function, to be watched or granted to.
   *
   * @param name its logical identifier, as in `TaskDefinitionGuard`
   * @throws if the template has no such function
   */
  function(name: string): IFunction {
    if (!this.names.includes(name)) {
      throw new Error(`no function \`${name}\`: there are ${this.names.join(', ')}`);
    }
    const functionName = Token.asString(this.template.getResource(name).ref);
    const existing = this.node.tryFindChild(name);
    if (existing instanceof Construct) {
      return existing as unknown as IFunction;
    }
    const functionArn = Stack.of(this).formatArn({ service: 'lambda', resource: 'function', resourceName: functionName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    return LambdaFunction.fromFunctionAttributes(this, name, { functionArn, sameEnvironment: true });
  }
}

/** What the properties say in the template's own terms; what they do not say is left to its defaults. */
function given(props: TidewaiterProps): Partial<Record<Parameter, Value>> {
  const { channels } = props;
  if (props.policy !== undefined && props.policyPath !== undefined) {
    throw new Error('`policy` goes into the layer and `policyPath` names a file elsewhere: say one of them');
  }
  if (channels !== undefined && (channels.file === undefined) === (channels.path === undefined)) {
    throw new Error('`channels` needs either `file`, which is deployed beside the policy, or `path`');
  }
  const said: Partial<Record<Parameter, Value | undefined>> = {
    Mode: props.mode,
    PolicyPath: props.policyPath,
    AlertEmail: props.alertEmail,
    TamperEmail: props.tamperEmail,
    HubBusArn: props.hub?.eventBusArn,
    Architecture: props.architecture?.name,
    LogRetentionDays: props.logRetention,
    ReservedConcurrency: props.reservedConcurrency,
    QuietHours: props.quietHours,
    KeyArn: props.key?.keyArn,
    Tracing: flag(props.tracing),
    ChannelsPath: channels?.path ?? (channels?.file === undefined ? undefined : '/opt/tidewaiter/channels.yaml'),
    ChannelSecrets: list(channels?.secrets?.map((each) => each.secretArn)),
    ChannelParameters: list(channels?.parameters?.map((each) => each.parameterArn)),
    ChannelKeys: list(channels?.keys?.map((each) => each.keyArn)),
    ChannelTopics: list(channels?.topics?.map((each) => each.topicArn)),
    SecurityHub: flag(channels?.securityHub),
  };
  // The CDK says x86_64 and arm64 as the template does; a typed union would be broken by a third one.
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Partial<Record<Parameter, Value>>;
}

function flag(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

// An empty list is the template's default, which says it in CloudFormation's way.
function list(members: string[] | undefined): string[] | undefined {
  return members === undefined || members.length === 0 ? undefined : members;
}

function location(asset: Asset): CfnFunction.S3LocationProperty {
  return { bucket: asset.s3BucketName, key: asset.s3ObjectKey };
}

/**
 * Alarms publish to the topic, EventBridge and the topic send to queues and EventBridge to the topic of tampering, each under the key. Of a key that is only imported the key
 * policy stays as it is: infra/README.md has it, and why EventBridge gets no condition.
 */
function letServicesUse(key: IKey): void {
  const use = { actions: ['kms:GenerateDataKey', 'kms:Decrypt'], resources: ['*'] };
  key.addToResourcePolicy(new PolicyStatement({
    ...use,
    sid: 'TidewaiterServicesOfThisAccount',
    principals: ['cloudwatch', 'sns'].map((service) => new ServicePrincipal(`${service}.amazonaws.com`)),
    conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
  }));
  key.addToResourcePolicy(new PolicyStatement({ ...use, sid: 'TidewaiterRules', principals: [new ServicePrincipal('events.amazonaws.com')] }));
}
