// Validates an SBOM by CycloneDX's own library, strictly by the schema of version 1.6: node verify_sbom.cjs MODULES SBOM
// Exit code 0, or 1 and what is wrong on stderr.
"use strict";
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const [modules, sbomFile] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(modules), "package.json"));
const { Spec, Validation } = load("@cyclonedx/cyclonedx-library");

new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(fs.readFileSync(sbomFile, "utf8")).then(
  (problem) => {
    if (problem === null) return;
    process.stderr.write(`${JSON.stringify(problem)}\n`);
    process.exitCode = 1;
  },
  (error) => {
    // Without its schema checker it would refuse everything, which would pass for a refusal.
    process.stderr.write(`cannot validate: ${error.message}\n`);
    process.exitCode = 2;
  },
);
