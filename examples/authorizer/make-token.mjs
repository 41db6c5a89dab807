// Prints a token for a name: node make-token.mjs ann

import { sign } from "./src/token.mjs";

const [, , name] = process.argv;
console.log(sign(name, process.env.TOKEN_SECRET ?? "only-for-trying-it-out"));
