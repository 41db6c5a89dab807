//! Lambda behind any endpoint that speaks the Invoke API: AWS itself, `sam local start-lambda`,
//! the Runtime Interface Emulator, another Gatepost.

mod answer;
mod retry;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gatepost_model::{
    arn::FunctionReference,
    invocation::{InvocationType, InvokeError, InvokeRequest, InvokeResponse},
};
use http_body_util::Full;
use hyper::{Request, header::HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::{
    answer::{Dialect, no_answer, read_answer},
    retry::Retries,
};
use super::{
    aws_service::is_of_aws,
    credentials::CredentialsProvider,
    http_client::HttpClient,
    invoke_function::{Invocation, InvokeFunction},
    sign::{Scope, sign},
};

/// The account in the ARNs of functions that belong to none.
const NO_ACCOUNT: &str = "000000000000";
/// What is written as it is in a path and a query.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A client of one Invoke endpoint.
#[derive(Debug, Clone)]
pub struct InvokeEndpoint {
    client: HttpClient,
    place: Place,
    region: String,
    credentials: CredentialsProvider,
    retries: Arc<Retries>,
}

/// Where functions are invoked.
#[derive(Debug, Clone)]
enum Place {
    /// Scheme and authority, without a trailing slash; or the whole URL of a function.
    Url(String),
    /// AWS: in the region that a function's ARN names, if it names one; perhaps at another URL, as
    /// `AWS_ENDPOINT_URL_LAMBDA` has it.
    Aws { url: Option<String> },
}

impl InvokeEndpoint {
    /// A client of the endpoint at `base`, e.g. `http://localhost:3001`. One that ends in
    /// `/invocations` is called as it is, whatever the function: the Runtime Interface Emulator's
    /// is always called `function`.
    pub fn new(
        client: HttpClient,
        base: &str,
        region: &str,
        credentials: CredentialsProvider,
    ) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let region = region_of_url(&base).unwrap_or(region);
        Self::at(
            client,
            region.to_owned(),
            credentials,
            Place::Url(base.clone()),
        )
    }

    /// A client of AWS Lambda; `url` is another base for it, and never that of a function: the SDKs
    /// read the same variable, and append to it.
    pub fn aws(
        client: HttpClient,
        url: Option<&str>,
        region: &str,
        credentials: CredentialsProvider,
    ) -> Self {
        let url = url.map(|url| url.trim_end_matches('/').to_owned());
        Self::at(client, region.to_owned(), credentials, Place::Aws { url })
    }

    fn at(
        client: HttpClient,
        region: String,
        credentials: CredentialsProvider,
        place: Place,
    ) -> Self {
        Self {
            client,
            place,
            region,
            credentials,
            retries: Arc::default(),
        }
    }

    /// The URL, and the region that signatures are for.
    fn address(&self, invoke: &InvokeRequest) -> Result<(String, String), InvokeError> {
        if let Place::Url(url) = &self.place
            && url.ends_with("/invocations")
        {
            return Ok((url.clone(), self.region.clone()));
        }
        let reference =
            FunctionReference::parse(&invoke.function).map_err(|error| InvokeError {
                status: 400,
                error_type: "ValidationException".into(),
                ..no_answer(error.to_string())
            })?;
        let mut function = invoke.function.clone();
        let mut qualifier = invoke.qualifier.clone();
        let mut region = self.region.clone();
        match reference.region_and_account {
            // An ARN of the account that stands for none names nothing elsewhere, a name may.
            Some((_, account)) if account == NO_ACCOUNT => {
                function = reference.name.to_string();
                qualifier = qualifier.or(reference.qualifier);
            }
            Some((of_function, _)) if matches!(self.place, Place::Aws { .. }) => {
                // It becomes a part of a host name.
                if !is_region(&of_function) {
                    return Err(InvokeError {
                        status: 400,
                        error_type: "ValidationException".into(),
                        ..no_answer(format!("`{function}` is in no region of AWS"))
                    });
                }
                region = of_function;
            }
            _ => {}
        }
        let base = match &self.place {
            Place::Url(url) | Place::Aws { url: Some(url) } => url.clone(),
            Place::Aws { url: None } => url_of_region(&region),
        };
        let function = utf8_percent_encode(&function, ESCAPED);
        let query = qualifier.map_or_else(String::new, |qualifier| {
            format!("?Qualifier={}", utf8_percent_encode(&qualifier, ESCAPED))
        });
        let url = format!("{base}/2015-03-31/functions/{function}/invocations{query}");
        Ok((url, region))
    }

    /// How errors are told: `"aws"` says that it is in AWS's one way, wherever that is.
    fn dialect(&self) -> Dialect {
        match &self.place {
            Place::Url(url) if !is_of_aws(url) => Dialect::Emulator,
            Place::Url(_) | Place::Aws { .. } => Dialect::Aws,
        }
    }

    async fn call(&self, mut invoke: InvokeRequest) -> Result<InvokeResponse, InvokeError> {
        let payload = Bytes::from(std::mem::take(&mut invoke.payload));
        let (url, region) = self.address(&invoke)?;
        let mut attempt = 1;
        loop {
            let answered = self.attempt(&invoke, &url, &region, &payload).await;
            match self
                .retries
                .pause(invoke.invocation_type, &answered, attempt)
            {
                None => return answered.map_err(retry::Failed::into_error),
                Some(pause) => tokio::time::sleep(pause).await,
            }
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        invoke: &InvokeRequest,
        url: &str,
        region: &str,
        payload: &Bytes,
    ) -> Result<InvokeResponse, retry::Failed> {
        let credentials = self.credentials.credentials_for(is_of_aws(url)).await;
        let credentials = credentials.map_err(|error| {
            retry::Failed::for_good(InvokeError {
                never_sent: true,
                ..no_answer(error.to_string())
            })
        })?;
        let unsent = |error: String| retry::Failed::for_good(no_answer(error));
        let mut request = request(invoke, url, payload).map_err(unsent)?;
        let scope = Scope {
            region,
            service: "lambda",
        };
        sign(&mut request, payload, &credentials, scope)
            .map_err(|error| unsent(error.to_string()))?;
        match self.client.send(request).await {
            Ok(answer) => read_answer(answer, self.dialect()),
            Err(error) => Err(retry::Failed::of_transport(&error)),
        }
    }
}

fn request(
    invoke: &InvokeRequest,
    url: &str,
    payload: &Bytes,
) -> Result<Request<Full<Bytes>>, String> {
    let kind = match invoke.invocation_type {
        InvocationType::RequestResponse => "RequestResponse",
        InvocationType::Event => "Event",
        InvocationType::DryRun => "DryRun",
    };
    let mut request = Request::post(url)
        .header("content-type", "application/json")
        .header("x-amz-invocation-type", kind)
        .body(Full::new(payload.clone()))
        .map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    if invoke.tail_log {
        headers.insert("x-amz-log-type", HeaderValue::from_static("Tail"));
    }
    if let Some(context) = &invoke.client_context
        && let Ok(context) = STANDARD.encode(context).parse()
    {
        headers.insert("x-amz-client-context", context);
    }
    if let Some(trace_id) = &invoke.trace_id
        && let Ok(trace_id) = trace_id.parse()
    {
        headers.insert("x-amzn-trace-id", trace_id);
    }
    Ok(request)
}

fn url_of_region(region: &str) -> String {
    let suffix = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://lambda.{region}.{suffix}")
}

/// The region of `https://lambda.{region}.amazonaws.com`.
fn region_of_url(url: &str) -> Option<&str> {
    let region = url.strip_prefix("https://lambda.")?.split('.').next()?;
    (url_of_region(region) == url).then_some(region)
}

fn is_region(text: &str) -> bool {
    let is_letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !text.is_empty() && text.len() <= 32 && text.bytes().all(is_letter)
}

impl InvokeFunction for InvokeEndpoint {
    fn invoke(&self, request: InvokeRequest) -> Invocation<'_> {
        Box::pin(self.call(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integration::{egress::Egress, http_client::HttpClientConfig};

    fn client() -> HttpClient {
        HttpClient::new(HttpClientConfig {
            egress: Egress::default(),
            ca_certificates: None,
            idle_connections_per_backend: 1,
            max_answer_bytes: 1,
        })
        .unwrap()
    }

    fn address(
        endpoint: &InvokeEndpoint,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<(String, String), u16> {
        let invoke = InvokeRequest {
            qualifier: qualifier.map(str::to_owned),
            ..InvokeRequest::synchronous(function, Vec::new())
        };
        endpoint.address(&invoke).map_err(|error| error.status)
    }

    fn at(url: &str, region: &str) -> (String, String) {
        (url.to_owned(), region.to_owned())
    }

    #[test]
    fn a_function_of_aws_is_invoked_in_the_region_of_its_arn() {
        let none = CredentialsProvider::nowhere();
        let aws = InvokeEndpoint::aws(client(), None, "us-west-2", none.clone());
        assert_eq!(
            address(&aws, "chat", Some("$LATEST")),
            Ok(at(
                "https://lambda.us-west-2.amazonaws.com/2015-03-31/functions/chat/invocations\
                 ?Qualifier=%24LATEST",
                "us-west-2"
            ))
        );
        assert_eq!(
            address(
                &aws,
                "arn:aws:lambda:eu-west-1:123456789012:function:chat:live",
                None
            ),
            Ok(at(
                "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/\
                 arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Achat%3Alive/invocations",
                "eu-west-1"
            ))
        );
        assert_eq!(
            address(
                &aws,
                "arn:aws:lambda:us-east-1:000000000000:function:chat:live",
                None
            ),
            Ok(at(
                "https://lambda.us-west-2.amazonaws.com/2015-03-31/functions/chat/invocations\
                 ?Qualifier=live",
                "us-west-2"
            ))
        );
        let china = address(
            &aws,
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:x",
            None,
        );
        assert!(
            china
                .unwrap()
                .0
                .starts_with("https://lambda.cn-north-1.amazonaws.com.cn/")
        );
        let there = InvokeEndpoint::aws(client(), Some("http://localhost:5000/"), "x", none);
        let (url, region) = address(
            &there,
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            None,
        )
        .unwrap();
        assert!(
            url.starts_with("http://localhost:5000/2015-03-31/"),
            "{url}"
        );
        assert_eq!(region, "eu-west-1");
    }

    #[test]
    fn another_url_of_lambda_is_a_base_as_for_the_sdks_and_an_endpoint_may_be_a_functions() {
        let emulator = "http://localhost:9000/2015-03-31/functions/function/invocations";
        let none = CredentialsProvider::nowhere();
        let endpoint = InvokeEndpoint::new(client(), emulator, "x", none.clone());
        assert_eq!(address(&endpoint, "f", Some("live")), Ok(at(emulator, "x")));
        let aws = InvokeEndpoint::aws(client(), Some(emulator), "x", none);
        let url = format!("{emulator}/2015-03-31/functions/f/invocations?Qualifier=live");
        assert_eq!(address(&aws, "f", Some("live")), Ok(at(&url, "x")));
    }

    #[tokio::test]
    async fn only_aws_itself_needs_credentials_and_the_variable_makes_the_answer_awss() {
        let none = CredentialsProvider::nowhere();
        let error = async |url: Option<&str>| {
            let aws = InvokeEndpoint::aws(client(), url, "us-east-1", none.clone());
            assert_eq!(aws.dialect(), Dialect::Aws);
            let invoke = InvokeRequest::synchronous("f", Vec::new());
            aws.invoke(invoke).await.unwrap_err().message
        };
        let is_missing = |error: &str| error.starts_with("there are no credentials for AWS");
        let at_aws = error(None).await;
        assert!(is_missing(&at_aws), "{at_aws}");
        let of_aws = error(Some("https://vpce-1.lambda.us-east-1.vpce.amazonaws.com")).await;
        assert!(is_missing(&of_aws), "{of_aws}");
        // Nobody listens there, and that is what is found out.
        let elsewhere = error(Some("http://127.0.0.1:9")).await;
        assert!(elsewhere.contains("127.0.0.1:9"), "{elsewhere}");
    }

    #[test]
    fn no_name_becomes_a_host_or_a_path_step() {
        let aws = InvokeEndpoint::aws(client(), None, "us-east-1", CredentialsProvider::nowhere());
        for function in [
            "arn:aws:lambda:evil.example.com/x:123456789012:function:f",
            "arn:aws:lambda:x@y:123456789012:function:f",
            "../../2014-11-13/functions/f",
            "f/invocations?",
            "",
        ] {
            assert_eq!(address(&aws, function, None), Err(400), "{function}");
        }
        let (url, _) = address(&aws, "f", Some("1&x=/../y")).unwrap();
        assert!(
            url.ends_with("/invocations?Qualifier=1%26x%3D%2F..%2Fy"),
            "{url}"
        );
    }

    #[test]
    fn a_url_of_aws_says_the_region() {
        assert_eq!(
            region_of_url("https://lambda.eu-west-1.amazonaws.com"),
            Some("eu-west-1")
        );
        assert_eq!(region_of_url("http://localhost:3001"), None);
        assert_eq!(region_of_url("https://lambda.example.com"), None);
    }
}
