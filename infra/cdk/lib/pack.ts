import * as fs from 'node:fs';
import * as path from 'node:path';

// Run by `npm pack`, before and after: puts beside the code what it deploys, so that the package needs no checkout, and takes it away again.
const root = path.join(__dirname, '..', '..');
const assets = path.join(root, 'assets');
const infra = path.join(root, '..');
fs.rmSync(assets, { recursive: true, force: true });
if (process.argv[2] === 'before') {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const release = path.join(infra, '..', 'target', 'package', `tidewaiter-${version}`);
  const architectures = ['arm64', 'x86_64'].filter((each) => fs.existsSync(path.join(release, each)));
  if (architectures.length === 0) {
    throw new Error(`no functions in \`${release}\`: run \`make package\` first, for each architecture`);
  }
  for (const architecture of architectures) {
    fs.cpSync(path.join(release, architecture), path.join(assets, 'functions', architecture), { recursive: true });
  }
  fs.copyFileSync(path.join(infra, 'template.yaml'), path.join(assets, 'template.yaml'));
  fs.cpSync(path.join(infra, 'policy', 'tidewaiter'), path.join(assets, 'policy'), { recursive: true });
}
