// Read an AsyncAPI document as its official parser does; end with 1 when that finds an error or a warning.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const KINDS = ["error", "warning", "information", "hint"];
const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const faults = diagnostics.filter(({ severity }) => severity <= KINDS.indexOf("warning"));
for (const { severity, code, path, message } of faults)
  console.log(`${KINDS[severity]} ${code} at ${path.join(".")}: ${message}`);
if (faults.length > 0 || document === undefined) process.exit(1);
console.log(`${document.channels().all().length} channels, ${document.messages().all().length} messages`);
