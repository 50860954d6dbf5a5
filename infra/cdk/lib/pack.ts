import * as fs from 'node:fs';
import * as path from 'node:path';

// Run by `npm pack`: puts beside the code what it deploys, so that the package needs no checkout. `make package` has built the functions before.
const root = path.join(__dirname, '..', '..');
const assets = path.join(root, 'assets');
const infra = path.join(root, '..');
fs.rmSync(assets, { recursive: true, force: true });
fs.mkdirSync(path.join(assets, 'functions'), { recursive: true });
fs.copyFileSync(path.join(infra, 'template.yaml'), path.join(assets, 'template.yaml'));
fs.cpSync(path.join(infra, 'policy', 'tidewaiter'), path.join(assets, 'policy'), { recursive: true });
