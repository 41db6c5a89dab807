// Presigns a WebSocket URL with the signer of the AWS SDK for JavaScript, as web apps do, and prints
// it: node presign.mjs URL ACCESS_KEY_ID SECRET_ACCESS_KEY [SECONDS]
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

const [address, accessKeyId, secretAccessKey, seconds = "60"] = process.argv.slice(2);
const url = new URL(address);

class Sha256 {
  constructor(secret) {
    this.hash = secret ? createHmac("sha256", secret) : createHash("sha256");
  }
  update(chunk) {
    this.hash.update(chunk);
  }
  async digest() {
    return new Uint8Array(this.hash.digest());
  }
}

const signer = new SignatureV4({
  service: "execute-api",
  region: "us-east-1",
  credentials: { accessKeyId, secretAccessKey },
  sha256: Sha256,
});
const { query } = await signer.presign(
  {
    method: "GET",
    protocol: url.protocol,
    hostname: url.hostname,
    port: url.port,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { host: url.host },
  },
  { expiresIn: Number(seconds) },
);
url.search = Object.entries(query)
  .map((pair) => pair.map(encodeURIComponent).join("="))
  .join("&");
console.log(url.href);
