import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** Where the parts of Tidewaiter are that the construct deploys but does not hold. */
export interface Places {
  /** The SAM template, the one truth about the stack. */
  readonly template: string;
  /** The folder of the default policy: `policy.yaml` is in it. */
  readonly policy: string;
  /** The folder of the functions of an architecture (`arm64`, `x86_64`). */
  functions(architecture: string): string;
}

// This file is dist/lib/assets.js in the package.
const PACKAGE = path.join(__dirname, '..', '..');

/** In a package from `npm pack` everything is under `assets`; in a checkout it is where the rest of the project has it. */
export function places(): Places {
  const assets = path.join(PACKAGE, 'assets');
  if (fs.existsSync(assets)) {
    return {
      template: path.join(assets, 'template.yaml'),
      policy: path.join(assets, 'policy'),
      functions: (architecture) => path.join(assets, 'functions', architecture),
    };
  }
  const infra = path.join(PACKAGE, '..');
  return {
    template: path.join(infra, 'template.yaml'),
    policy: path.join(infra, 'policy', 'tidewaiter'),
    functions: () => path.join(infra, '..', 'target', 'lambda'),
  };
}

/**
 * The code of a function in a folder: `<function>.zip` as `make package` writes it, or the folder `<function>` with its `bootstrap` as `make build` does.
 *
 * @throws if neither is there
 */
export function code(folder: string, name: string): string {
  const zip = path.join(folder, `${name}.zip`);
  if (fs.existsSync(zip)) {
    return zip;
  }
  if (fs.existsSync(path.join(folder, name, 'bootstrap'))) {
    return path.join(folder, name);
  }
  throw new Error(`no function \`${name}\` in \`${folder}\`: neither \`${name}.zip\` nor \`${name}/bootstrap\`; run \`make build\`, or say where a release is (\`functions\`)`);
}

/**
 * Puts together what the layer holds, in a new folder: `tidewaiter/policy.yaml` and what belongs to it, which Lambda unpacks at `/opt`.
 *
 * @param policy a policy file, or a folder with `policy.yaml` and the files that it names
 * @param channels a file of channels
 * @throws if a file is not there
 */
export function layer(policy: string, channels?: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidewaiter-layer-'));
  const inside = path.join(folder, 'tidewaiter');
  if (fs.statSync(policy).isDirectory()) {
    fs.cpSync(policy, inside, { recursive: true, dereference: true });
  } else {
    fs.mkdirSync(inside);
    fs.copyFileSync(policy, path.join(inside, 'policy.yaml'));
  }
  if (!fs.existsSync(path.join(inside, 'policy.yaml'))) {
    throw new Error(`no \`policy.yaml\` in \`${policy}\``);
  }
  if (channels !== undefined) {
    fs.copyFileSync(channels, path.join(inside, 'channels.yaml'));
  }
  return folder;
}
