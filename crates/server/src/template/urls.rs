//! URLs of the template's APIs on AWS, turned into Gatepost's, so that functions and outputs that
//! build `https://{api}.execute-api.{region}.amazonaws.com/{stage}` reach Gatepost.

use super::RewrittenUrl;
use crate::endpoint::Endpoint;

/// Rewrites the URLs of the APIs of one template.
pub(super) struct Urls<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// Ids of the template's WebSocket APIs.
    pub(super) api_ids: Vec<&'a str>,
    /// `execute-api.{region}.{suffix}`.
    pub(super) domain: String,
}

impl Urls<'_> {
    /// Rewrites `value` in place, and says what was rewritten: origins only, since the rest may
    /// hold secrets.
    pub(super) fn rewrite(&self, value: &mut String, place: &str) -> Option<RewrittenUrl> {
        let mut rewritten = None;
        for api_id in &self.api_ids {
            let host = format!("{api_id}.{}", self.domain);
            let prefix = self.prefix(api_id);
            let authority = &self.endpoint.authority;
            for (from, to) in [
                (
                    format!("https://{host}"),
                    format!("{}{prefix}", self.endpoint.http_base()),
                ),
                (
                    format!("wss://{host}"),
                    format!("{}{prefix}", self.endpoint.ws_base()),
                ),
                (host, format!("{authority}{prefix}")),
            ] {
                if value.contains(&from) {
                    *value = value.replace(&from, &to);
                    rewritten = Some(RewrittenUrl {
                        place: place.to_owned(),
                        from,
                        to,
                    });
                }
            }
        }
        rewritten
    }

    /// The path before the stage: nothing while one API only is served.
    fn prefix(&self, api_id: &str) -> String {
        match self.api_ids.len() {
            0 | 1 => String::new(),
            _ => format!("/_aws/execute-api/{api_id}"),
        }
    }
}

/// The real AWS host that `value` still names, if any: in a URL, or of an API.
pub(super) fn real_aws_host(value: &str) -> Option<&str> {
    let found = value.find(".amazonaws.com")?;
    let is_other = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.');
    let before = value[..found].rsplit(is_other).next().unwrap_or_default();
    let after = value[found..].split(is_other).next().unwrap_or_default();
    let start = found - before.len();
    let is_called = value[..start].ends_with("://") || before.contains(".execute-api.");
    is_called.then(|| &value[start..found + after.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(api_ids: Vec<&str>, value: &str) -> String {
        let endpoint = Endpoint::plain("localhost:4100");
        let urls = Urls {
            endpoint: &endpoint,
            api_ids,
            domain: "execute-api.us-east-1.amazonaws.com".into(),
        };
        let mut value = value.to_owned();
        urls.rewrite(&mut value, "X");
        let host = real_aws_host(&value).map(|host| format!(" real: {host}"));
        value + &host.unwrap_or_default()
    }

    #[test]
    fn urls_of_the_only_api_get_the_short_path() {
        for (value, expected) in [
            (
                "https://abc.execute-api.us-east-1.amazonaws.com/prod",
                "http://localhost:4100/prod",
            ),
            (
                "wss://abc.execute-api.us-east-1.amazonaws.com",
                "ws://localhost:4100",
            ),
            (
                "abc.execute-api.us-east-1.amazonaws.com/p",
                "localhost:4100/p",
            ),
        ] {
            assert_eq!(rewritten(vec!["abc"], value), expected);
        }
    }

    #[test]
    fn urls_of_one_of_several_apis_name_the_api() {
        assert_eq!(
            rewritten(
                vec!["abc", "xyz"],
                "wss://xyz.execute-api.us-east-1.amazonaws.com/dev"
            ),
            "ws://localhost:4100/_aws/execute-api/xyz/dev"
        );
    }

    #[test]
    fn another_api_is_left_and_named() {
        assert_eq!(
            rewritten(
                vec!["abc"],
                "https://é.zzz.execute-api.eu-west-1.amazonaws.com/p"
            ),
            "https://é.zzz.execute-api.eu-west-1.amazonaws.com/p \
             real: .zzz.execute-api.eu-west-1.amazonaws.com"
        );
    }
}
