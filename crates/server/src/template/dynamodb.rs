//! Makes a template's tables at a DynamoDB endpoint, so that an app that keeps its connection
//! ids in a table just runs.

use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use gatepost_gateway::integration::sign::{Scope, sign};
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value as Json, json};

use super::Table;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a table may take to become `ACTIVE`.
const ACTIVE_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The largest answer that is read, bytes.
const MAX_ANSWER: usize = 1 << 20;

/// What became of one table.
#[derive(Debug)]
pub struct TableOutcome {
    /// `TableName`.
    pub table: String,
    /// Whether it was made now, was there before, or cannot be made.
    pub result: Result<TableState, TableError>,
    /// What the endpoint could not do, such as a time to live.
    pub warning: Option<TableError>,
}

/// How a table came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableState {
    /// It was made.
    Created,
    /// It was there before; what is in it stays.
    Existed,
}

/// Why a table cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The endpoint is no URL that can be called.
    #[error("{endpoint} is no http:// URL; set AWS_ENDPOINT_URL_DYNAMODB to one")]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// Nothing answers there.
    #[error("{operation} at {endpoint} failed: {cause}; is a DynamoDB running there?")]
    Unreachable {
        /// The operation.
        operation: &'static str,
        /// Where it was sent.
        endpoint: String,
        /// What went wrong.
        cause: String,
    },
    /// The endpoint refused.
    #[error("{operation} of {table} was refused: {kind}: {message}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// The table.
        table: String,
        /// The exception, e.g. `ValidationException`.
        kind: String,
        /// Its message.
        message: String,
    },
    /// The table is still being made.
    #[error("the table {table} is not ACTIVE after {} s; try again", ACTIVE_TIMEOUT.as_secs())]
    NotActive {
        /// The table.
        table: String,
    },
}

/// Makes the tables that are not there yet, and waits until each can be used. Credentials come
/// from the environment; a local DynamoDB takes any.
pub async fn create_tables(endpoint: &str, region: &str, tables: &[Table]) -> Vec<TableOutcome> {
    let dynamodb = DynamoDb::new(endpoint, region);
    let mut outcomes = Vec::with_capacity(tables.len());
    for table in tables {
        let result = dynamodb.create(table).await;
        let mut warning = None;
        if let (Ok(TableState::Created), Some(attribute)) = (&result, &table.time_to_live_attribute)
        {
            warning = dynamodb.set_time_to_live(table, attribute).await.err();
        }
        outcomes.push(TableOutcome {
            table: table.name.clone(),
            result,
            warning,
        });
    }
    outcomes
}

struct DynamoDb<'a> {
    client: Client<HttpConnector, Full<Bytes>>,
    endpoint: &'a str,
    region: &'a str,
    credentials: Credentials,
}

impl<'a> DynamoDb<'a> {
    fn new(endpoint: &'a str, region: &'a str) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let dummy = || "gatepost".to_owned();
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            endpoint: endpoint.trim_end_matches('/'),
            region,
            credentials: Credentials::new(
                variable("AWS_ACCESS_KEY_ID").unwrap_or_else(dummy),
                variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(dummy),
                variable("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
        }
    }

    async fn create(&self, table: &Table) -> Result<TableState, TableError> {
        let state = match self
            .call("CreateTable", &table.name, &table.create_table)
            .await
        {
            Ok(_) => TableState::Created,
            Err(TableError::Refused { kind, .. }) if kind == "ResourceInUseException" => {
                TableState::Existed
            }
            Err(error) => return Err(error),
        };
        self.wait_until_active(&table.name).await?;
        Ok(state)
    }

    async fn wait_until_active(&self, table: &str) -> Result<(), TableError> {
        let give_up = tokio::time::Instant::now() + ACTIVE_TIMEOUT;
        let request = json!({"TableName": table});
        loop {
            let answer = self.call("DescribeTable", table, &request).await?;
            if answer["Table"]["TableStatus"] == "ACTIVE" {
                return Ok(());
            }
            if tokio::time::Instant::now() >= give_up {
                return Err(TableError::NotActive {
                    table: table.to_owned(),
                });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn set_time_to_live(&self, table: &Table, attribute: &str) -> Result<(), TableError> {
        let request = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
        });
        self.call("UpdateTimeToLive", &table.name, &request).await?;
        Ok(())
    }

    /// One operation in AWS JSON 1.0.
    async fn call(
        &self,
        operation: &'static str,
        table: &str,
        request: &Json,
    ) -> Result<Json, TableError> {
        let unreachable = |cause: String| TableError::Unreachable {
            operation,
            endpoint: self.endpoint.to_owned(),
            cause,
        };
        let request = self.signed(operation, &request.to_string().into())?;
        let answer = async {
            let response = self.client.request(request).await.map_err(|error| {
                // The client's own message hides the cause, e.g. `connection refused`.
                std::error::Error::source(&error).map_or_else(|| error.to_string(), describe)
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((status, body.to_bytes()))
        };
        let (status, body) = tokio::time::timeout(REQUEST_TIMEOUT, answer)
            .await
            .map_err(|_| unreachable("no answer in time".to_owned()))?
            .map_err(unreachable)?;
        let answer: Json = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        // `com.amazonaws.dynamodb.v20120810#ResourceInUseException`
        let kind = answer["__type"].as_str().unwrap_or(status.as_str());
        let message = answer["message"].as_str().or(answer["Message"].as_str());
        Err(TableError::Refused {
            operation,
            table: table.to_owned(),
            kind: kind.rsplit('#').next().unwrap_or(kind).to_owned(),
            message: message.unwrap_or_default().to_owned(),
        })
    }

    fn signed(&self, operation: &str, body: &Bytes) -> Result<Request<Full<Bytes>>, TableError> {
        let invalid = || TableError::Endpoint {
            endpoint: self.endpoint.to_owned(),
        };
        let uri: http::Uri = format!("{}/", self.endpoint)
            .parse()
            .map_err(|_| invalid())?;
        if uri.scheme_str() != Some("http") {
            return Err(invalid());
        }
        uri.authority().ok_or_else(invalid)?;
        let mut request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(Full::new(body.clone()))
            .map_err(|_| invalid())?;
        let scope = Scope {
            region: self.region,
            service: "dynamodb",
        };
        sign(&mut request, body, &self.credentials, scope).map_err(|_| invalid())?;
        Ok(request)
    }
}

/// The innermost cause, which says most.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    fn chat_table() -> Table {
        Table {
            name: "chat-Connections".into(),
            logical_id: "Connections".into(),
            create_table: json!({"TableName": "chat-Connections"}),
            time_to_live_attribute: Some("ttl".into()),
        }
    }

    /// Answers each request with the next of `answers`; gives back what was asked.
    async fn played(answers: &[(u16, &str)]) -> (Vec<TableOutcome>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = async {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let length = socket.read(&mut request).await.unwrap();
                asked.push(String::from_utf8_lossy(&request[..length]).into_owned());
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        };
        let tables = [chat_table()];
        tokio::join!(create_tables(&endpoint, "us-east-1", &tables), server)
    }

    #[tokio::test]
    async fn a_table_is_made_awaited_and_given_its_time_to_live() {
        let (outcomes, asked) = played(&[
            (200, "{}"),
            (200, r#"{"Table":{"TableStatus":"CREATING"}}"#),
            (200, r#"{"Table":{"TableStatus":"ACTIVE"}}"#),
            (
                400,
                r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#,
            ),
        ])
        .await;
        assert_eq!(*outcomes[0].result.as_ref().unwrap(), TableState::Created);
        assert_eq!(
            outcomes[0].warning.as_ref().unwrap().to_string(),
            "UpdateTimeToLive of chat-Connections was refused: UnknownOperationException: "
        );
        assert!(asked[0].starts_with("POST / HTTP/1.1\r\n"));
        assert!(asked[0].contains("x-amz-target: DynamoDB_20120810.CreateTable\r\n"));
        assert!(asked[0].contains("authorization: AWS4-HMAC-SHA256 Credential="));
        assert!(asked[0].ends_with(r#"{"TableName":"chat-Connections"}"#));
    }

    #[tokio::test]
    async fn a_table_that_is_there_is_kept() {
        let in_use = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceInUseException"}"#;
        let active = r#"{"Table":{"TableStatus":"ACTIVE"}}"#;
        let (outcomes, _) = played(&[(400, in_use), (200, active)]).await;
        assert_eq!(*outcomes[0].result.as_ref().unwrap(), TableState::Existed);
        assert!(outcomes[0].warning.is_none());
    }

    #[tokio::test]
    async fn an_endpoint_that_cannot_be_called_is_named() {
        for (endpoint, expected) in [
            (
                "ftp://x",
                "ftp://x is no http:// URL; set AWS_ENDPOINT_URL_DYNAMODB to one",
            ),
            (
                "",
                " is no http:// URL; set AWS_ENDPOINT_URL_DYNAMODB to one",
            ),
        ] {
            let outcomes = create_tables(endpoint, "us-east-1", &[chat_table()]).await;
            let error = outcomes[0].result.as_ref().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let endpoint = format!("http://{port}");
        let outcomes = create_tables(&endpoint, "us-east-1", &[chat_table()]).await;
        let error = outcomes[0].result.as_ref().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("CreateTable at {endpoint} failed: ")),
            "{error}"
        );
    }
}
