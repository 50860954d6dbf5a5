import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

// In an app of your own: from 'tidewaiter-cdk'.
import { type Mode, Tidewaiter } from '../lib/index.js';

// Two Regions, one policy, one address. `cdk deploy --all --context mode=enforce` once audit has shown what it would do.
const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
Tidewaiter.inRegions(app, 'tidewaiter', {
  regions: ['eu-central-1', 'us-east-1'],
  mode: (app.node.tryGetContext('mode') ?? 'audit') as Mode,
  alertEmail: 'on-call@example.com',
  // Where a release was unpacked; without it, what `make build` has built.
  functions: app.node.tryGetContext('functions') as string | undefined,
});
app.synth();
