// Verifies a bundle by sigstore's own library: node verify_bundle.cjs MODULES BUNDLE PUBLIC_KEY_PEM
// Exit code 0 and the payload on stdout, or 1 and the reason on stderr. No transparency log and no time stamp is asked for.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const [modules, bundleFile, keyFile] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(modules), "package.json"));
const { bundleFromJSON } = load("@sigstore/bundle");
const { toSignedEntity, Verifier } = load("@sigstore/verify");

try {
  const pem = fs.readFileSync(keyFile, "utf8");
  const key = crypto.createPublicKey(pem);
  const hint = crypto.createHash("sha256").update(key.export({ type: "spki", format: "der" })).digest("base64");
  const material = {
    certificateAuthorities: [],
    timestampAuthorities: [],
    tlogs: [],
    ctlogs: [],
    publicKey: (wanted) => {
      if (wanted !== hint) throw new Error(`the hint ${wanted} names another key than ${hint}`);
      return { publicKey: key, validFor: () => true };
    },
  };
  const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(bundleFile, "utf8")));
  new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, tsaThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundle));
  process.stdout.write(bundle.content.dsseEnvelope.payload);
} catch (error) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
