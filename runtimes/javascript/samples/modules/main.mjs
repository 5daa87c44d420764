import { forName } from "./greeting.mjs";

await new Promise((resolve) => setTimeout(resolve, 1));
console.log(forName(process.argv[2]));
