// A token is a name and its signature: `ann.5f1c…`.

import { createHmac, timingSafeEqual } from "node:crypto";

export function sign(name, secret) {
  return `${name}.${createHmac("sha256", secret).update(name).digest("hex")}`;
}

/** The name that a token was signed for, or nothing. */
export function verify(token, secret) {
  const name = token.split(".", 1)[0];
  const expected = Buffer.from(sign(name, secret));
  const given = Buffer.from(token);
  return given.length === expected.length && timingSafeEqual(given, expected) ? name : undefined;
}
