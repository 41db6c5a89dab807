//! Whether bytes go to a client in a text frame or, on stages with `binary_frames`, in a binary one.

/// Media types that are binary whatever the bytes are.
const BINARY: [&str; 4] = ["audio/", "font/", "image/", "video/"];
const BINARY_APPLICATIONS: [&str; 9] = [
    "avro",
    "cbor",
    "flatbuffers",
    "gzip",
    "msgpack",
    "pdf",
    "protobuf",
    "zip",
    "zstd",
];
/// Media types that are text whatever the bytes are, so that bytes which are none are replaced.
const TEXT_APPLICATIONS: [&str; 6] = [
    "javascript",
    "json",
    "ndjson",
    "x-www-form-urlencoded",
    "xml",
    "yaml",
];

/// Whether bytes of this `Content-Type` are for a binary frame. Where the type does not say, the
/// bytes do: what is no UTF-8 cannot go in a text frame. `application/octet-stream` does not say,
/// since the AWS SDKs for JavaScript, Go and Rust send it with everything.
pub fn is_binary(content_type: Option<&str>, bytes: &[u8]) -> bool {
    let media_type = content_type.unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    if BINARY.iter().any(|kind| media_type.starts_with(kind)) {
        // Vector graphics are text.
        return !media_type.ends_with("+xml");
    }
    if media_type.starts_with("text/") {
        return false;
    }
    if let Some(name) = media_type.strip_prefix("application/") {
        // `vnd.google.protobuf`, `x-protobuf` and `problem+protobuf` are all `protobuf`.
        let name = name.rsplit('+').next().unwrap_or(name);
        let last = name.rsplit('.').next().unwrap_or(name);
        let last = last.strip_prefix("x-").unwrap_or(last);
        if BINARY_APPLICATIONS.contains(&last) {
            return true;
        }
        let is_text = [last, name]
            .iter()
            .any(|name| TEXT_APPLICATIONS.contains(name));
        if is_text || name.starts_with("x-amz-json") {
            return false;
        }
    }
    str::from_utf8(bytes).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_decides_and_where_it_says_nothing_the_bytes_do() {
        let (text, bytes) = (b"hello".as_slice(), b"\xff\x00".as_slice());
        for (content_type, of_text, of_bytes) in [
            (None, false, true),
            (Some("application/octet-stream"), false, true),
            (Some("binary/octet-stream"), false, true),
            (Some("application/json"), false, false),
            (
                Some("application/problem+json; charset=utf-8"),
                false,
                false,
            ),
            (Some("application/x-amz-json-1.1"), false, false),
            (Some("application/x-www-form-urlencoded"), false, false),
            (Some("text/plain"), false, false),
            (Some("image/svg+xml"), false, false),
            (Some("image/png"), true, true),
            (Some("Application/X-Protobuf"), true, true),
            (Some("application/vnd.google.protobuf; v=2"), true, true),
            (Some("application/cbor"), true, true),
            (Some("application/vnd.msgpack"), true, true),
            (Some("nonsense"), false, true),
        ] {
            assert_eq!(is_binary(content_type, text), of_text, "{content_type:?}");
            assert_eq!(is_binary(content_type, bytes), of_bytes, "{content_type:?}");
        }
    }
}
