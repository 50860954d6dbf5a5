import { CfnCondition, CfnParameter, ICfnConditionExpression, Stack, Token } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';

/** The parameters of the template that the construct sets. A test fails where the template has another. */
export const PARAMETERS = [
  'AlertEmail',
  'Architecture',
  'ChannelKeys',
  'ChannelParameters',
  'ChannelSecrets',
  'ChannelTopics',
  'ChannelsPath',
  'HubBusArn',
  'KeyArn',
  'LogRetentionDays',
  'Mode',
  'PolicyPath',
  'QuietHours',
  'ReservedConcurrency',
  'SecurityHub',
  'TamperEmail',
  'Tracing',
] as const;

/** A parameter of the template. */
export type Parameter = (typeof PARAMETERS)[number];

/** What a parameter is set to; lists for those of type CommaDelimitedList. */
export type Value = string | number | string[];

// It takes a while to read, and is the same in every Region.
const declarations = new Map<string, CfnInclude>();

/**
 * A value for every parameter: the one that is given, or else the template's own default.
 *
 * The values become part of the template that is deployed. Left as parameters they would keep what the last deployment said, whatever the code says now. CloudFormation then no
 * longer checks them, so it is done here, by what the template demands.
 *
 * @throws if a value is not what the template allows, or lacks where it has no default
 */
export function values(template: string, given: Partial<Record<Parameter, Value>>): Record<Parameter, Value> {
  const declared = declarations.get(template) ?? new CfnInclude(new Stack(), 'Declared', { templateFile: template });
  declarations.set(template, declared);
  return Object.fromEntries(PARAMETERS.map((name) => {
    const parameter = declared.getParameter(name);
    const value = given[name] ?? parameter.default as Value | undefined;
    if (value === undefined) {
      throw new Error(`\`${name}\` has no default: say what it is`);
    }
    const list = parameter.type === 'CommaDelimitedList';
    const members = list && !Array.isArray(value) ? String(value).split(',') : value;
    for (const member of Array.isArray(members) ? members : [members]) {
      check(name, parameter, member);
    }
    return [name, members];
  })) as Record<Parameter, Value>;
}

/**
 * Has the conditions of an included template hold as the values say, where a value is known only as it is deployed: the ARN of a key or secret that is made in the same app.
 *
 * CloudFormation decides conditions before it makes anything, and refuses one that refers to a resource. Whatever such a value turns out to be, it is one, and not the empty text
 * that the template's conditions ask for; so a word stands in for it.
 */
export function decideConditions(included: CfnInclude, template: string, set: Record<Parameter, Value>): void {
  if (!Object.values(set).flat().some(Token.isUnresolved)) {
    return;
  }
  const standIn = (value: Value): Value => (Token.isUnresolved(value) ? 'given' : value);
  const parameters = Object.fromEntries(Object.entries(set).map(([name, value]) => [name, Array.isArray(value) ? value.map(standIn) : standIn(value)]));
  const stack = new Stack();
  const decided = new CfnInclude(stack, 'Decided', { templateFile: template, parameters });
  for (const condition of included.node.findAll()) {
    if (condition instanceof CfnCondition) {
      const { expression } = decided.getCondition(condition.node.id);
      condition.expression = Token.asAny(stack.resolve(expression)) as ICfnConditionExpression;
    }
  }
}

function check(name: string, parameter: CfnParameter, value: string | number): void {
  // What is known only as it is deployed cannot be looked at.
  if (Token.isUnresolved(value)) {
    return;
  }
  const because = parameter.constraintDescription === undefined ? '' : `: ${parameter.constraintDescription}`;
  const refused = new Error(`\`${name}\` cannot be ${JSON.stringify(value)}${because}`);
  const { allowedValues, allowedPattern, minValue, maxValue } = parameter;
  if (allowedValues !== undefined && !allowedValues.map(String).includes(String(value))) {
    throw refused;
  }
  if (allowedPattern !== undefined && !new RegExp(`^(?:${allowedPattern})$`).test(String(value))) {
    throw refused;
  }
  const number = Number(value);
  if (parameter.type === 'Number' && (!Number.isInteger(number) || number < (minValue ?? -Infinity) || number > (maxValue ?? Infinity))) {
    throw refused;
  }
}
