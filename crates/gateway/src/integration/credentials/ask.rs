//! Questions to whoever gives credentials: such as may be asked again.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};

use crate::integration::http_client::HttpClient;

/// Between two attempts, times the number of those that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long somebody is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// How often is asked, at least once.
    pub attempts: u32,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Asks until there is an answer that another attempt would not better. `request` is made anew each
/// time, since it may carry the time.
pub(super) async fn ask(
    client: &HttpClient,
    patience: Patience,
    request: impl Fn() -> Result<Request<Full<Bytes>>, String>,
) -> Result<Response<Bytes>, String> {
    let mut attempt = 1;
    loop {
        let is_last = attempt >= patience.attempts;
        let answer = tokio::time::timeout(patience.timeout, client.send(request()?)).await;
        match answer {
            Ok(Ok(answer)) if is_last || !is_passing(answer.status()) => return Ok(answer),
            Ok(Err(error)) if is_last => return Err(error.to_string()),
            Err(_) if is_last => {
                let seconds = patience.timeout.as_secs();
                return Err(format!("there is no answer within {seconds} s"));
            }
            _ => tokio::time::sleep(PAUSE * attempt).await,
        }
        attempt += 1;
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}
