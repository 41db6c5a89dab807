//! The events of CloudWatch Logs that name an id: `FilterLogEvents`, first for the id, then for the
//! connection and the requests that its lines are of, then for what those called.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::PathBuf,
    time::Duration,
};

use gatepost_gateway::{
    clock::now_ms,
    integration::{
        aws_service::ServiceEndpoints,
        cloudwatch_logs::{CallError, CloudWatchLogs},
        credentials::CredentialsError,
        egress::Egress,
        http_client::{HttpClient, HttpClientConfig},
    },
};
use gatepost_wire::aws_logs::{
    AccessRow, ExecutionLine, FunctionLine, PrintedEvent, execution_line, function_line,
    printed_events,
};
use serde_json::{Value, json};

use super::Arguments;
use crate::{config::units::parse_duration, outward};

/// Pages that one question reads.
const MAX_PAGES: usize = 200;
/// Requests of a connection that are read whole: the first, and the latest.
const MAX_REQUESTS: usize = 200;
/// Invocations whose printed lines are read.
const MAX_INVOCATIONS: usize = 20;
/// Ids in one filter pattern, which has at most 1024 characters.
const IN_A_PATTERN: usize = 20;
const MAX_ANSWER: usize = 16 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(60);

/// The events of the groups of the command line that tell of the id.
///
/// # Errors
/// What to say: there are no credentials, a group does not exist, CloudWatch Logs refuses.
pub(super) fn events(arguments: &Arguments, id: &str) -> Result<Vec<PrintedEvent>, String> {
    let source = CloudWatch::new(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(source.read(&arguments.cloudwatch, id))
}

struct CloudWatch {
    logs: CloudWatchLogs,
    since_ms: u64,
}

impl CloudWatch {
    fn new(arguments: &Arguments) -> Result<Self, String> {
        let environment: BTreeMap<String, String> = env::vars().collect();
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let region = arguments.region.clone();
        let region = region
            .or_else(|| variable("AWS_REGION").cloned())
            .or_else(|| variable("AWS_DEFAULT_REGION").cloned())
            .ok_or("say in which region the log groups are: --region, or AWS_REGION")?;
        let age = parse_duration(&arguments.since).ok_or_else(|| {
            format!(
                "--since takes a time such as 10m or 2d, not {}",
                arguments.since
            )
        })?;
        let ca_certificates: Option<PathBuf> = variable("AWS_CA_BUNDLE").map(Into::into);
        let profile = arguments.profile.as_deref();
        let credentials = outward::credentials(profile, ca_certificates.clone(), &environment)
            .map_err(|error| error.to_string())?;
        let url = match &arguments.endpoint_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => endpoint(&region, environment.clone())?,
        };
        let http = HttpClient::new(HttpClientConfig {
            egress: Egress {
                allow: Vec::new(),
                deny: Vec::new(),
            },
            ca_certificates,
            idle_connections_per_backend: 1,
            max_answer_bytes: MAX_ANSWER,
        });
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            logs: CloudWatchLogs {
                http: http.map_err(|error| error.to_string())?,
                credentials,
                region,
                url,
                timeout: TIMEOUT,
            },
            since_ms: now_ms().saturating_sub(age_ms),
        })
    }

    async fn read(&self, groups: &[String], id: &str) -> Result<Vec<PrintedEvent>, String> {
        let mut events = self.filter(groups, &[id.to_owned()]).await?;
        let mut asked: BTreeSet<String> = [id.to_owned()].into();
        // An invocation names its request, that and a call their connection, which names its
        // requests, and those their invocations.
        for _ in 0..4 {
            let mut ids: Vec<String> = Vec::new();
            for event in &events {
                for id in named_in(event) {
                    if asked.insert(id.clone()) {
                        ids.push(id);
                    }
                }
            }
            if ids.is_empty() {
                break;
            }
            if ids.len() > MAX_REQUESTS {
                ids.drain(MAX_REQUESTS / 2..ids.len() - MAX_REQUESTS / 2);
            }
            events.extend(self.filter(groups, &ids).await?);
        }
        // Whole streams come first: lines of one millisecond then stand in their order.
        let mut printed = self.printed(&events).await?;
        printed.append(&mut events);
        let mut events = printed;
        let mut seen = BTreeSet::new();
        events.retain(|event| seen.insert((event.at_ms, event.message.clone())));
        Ok(events)
    }

    /// What functions printed in the invocations whose `START` is among the events: lines of their
    /// streams that name no id.
    async fn printed(&self, events: &[PrintedEvent]) -> Result<Vec<PrintedEvent>, String> {
        let mut printed = Vec::new();
        let starts = events.iter().filter_map(|event| {
            let FunctionLine::Start(id) = function_line(&event.message) else {
                return None;
            };
            let group = event.log_group.as_deref()?;
            Some((id, group, event.log_stream.as_deref()?, event.at_ms?))
        });
        for (id, group, stream, from_ms) in starts.take(MAX_INVOCATIONS) {
            let report = events
                .iter()
                .find(|event| function_line(&event.message) == FunctionLine::Report(id));
            let to_ms = report.and_then(|event| event.at_ms).unwrap_or(from_ms);
            let input = json!({
                "logGroupName": group,
                "logStreamNames": [stream],
                "startTime": from_ms,
                "endTime": to_ms + 1,
            });
            self.pages(group, input, &mut printed).await?;
        }
        Ok(printed)
    }

    /// The events of all groups that hold one of the ids.
    async fn filter(&self, groups: &[String], ids: &[String]) -> Result<Vec<PrintedEvent>, String> {
        let mut events = Vec::new();
        for group in groups {
            for ids in ids.chunks(IN_A_PATTERN) {
                let terms = ids.iter().map(|id| {
                    let id: String = id.chars().filter(|c| *c != '"' && *c != '\\').collect();
                    format!("?\"{id}\"")
                });
                let pattern = terms.collect::<Vec<_>>().join(" ");
                // A lone term is not one of several.
                let pattern = if ids.len() == 1 {
                    &pattern[1..]
                } else {
                    &pattern
                };
                let input = json!({
                    "logGroupName": group,
                    "filterPattern": pattern,
                    "startTime": self.since_ms,
                });
                self.pages(group, input, &mut events).await?;
            }
        }
        Ok(events)
    }

    async fn pages(
        &self,
        group: &str,
        mut input: Value,
        events: &mut Vec<PrintedEvent>,
    ) -> Result<(), String> {
        for _ in 0..MAX_PAGES {
            let page = self.call("FilterLogEvents", &input).await;
            let page = page.map_err(|error| format!("{group}: {error}"))?;
            for mut event in printed_events(&page) {
                event.log_group = Some(group.to_owned());
                events.push(event);
            }
            let page: Value = serde_json::from_str(&page).unwrap_or_default();
            let Some(token) = page["nextToken"].as_str() else {
                return Ok(());
            };
            input["nextToken"] = json!(token);
        }
        Err(format!(
            "{group}: more than {MAX_PAGES} pages name this id: narrow the time with --since"
        ))
    }

    async fn call(&self, operation: &str, input: &Value) -> Result<String, String> {
        let answer = self.logs.call(operation, input.to_string().into()).await;
        let answer = answer.map_err(|error| match error {
            CallError::Credentials(CredentialsError::Nowhere | CredentialsError::NoInstance(_)) => {
                "there are no credentials for AWS: set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or --profile"
                    .to_owned()
            }
            error => error.to_string(),
        })?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// The endpoint that the SDKs would call.
fn endpoint(region: &str, environment: BTreeMap<String, String>) -> Result<String, String> {
    let endpoints = ServiceEndpoints::of_environment(environment);
    let endpoints = endpoints.map_err(|error| error.to_string())?;
    Ok(endpoints.url_of("logs", region))
}

/// The requests, invocations and connections that an event names.
fn named_in(event: &PrintedEvent) -> Vec<String> {
    if let Some((request_id, _, line)) = execution_line(&event.message) {
        let named = match line {
            ExecutionLine::EndpointRequestId(id) => Some(id),
            ExecutionLine::Connected { connection_id }
            | ExecutionLine::Received { connection_id }
            | ExecutionLine::MessageDone { connection_id, .. }
            | ExecutionLine::Disconnected { connection_id, .. } => Some(connection_id),
            _ => None,
        };
        let ids = [Some(request_id), named].into_iter().flatten();
        return ids.map(str::to_owned).collect();
    }
    // What a function prints may look like a row.
    let group = event.log_group.as_deref().unwrap_or_default();
    let row = AccessRow::parse(&event.message).filter(|_| !group.starts_with("/aws/lambda/"));
    let Some(row) = row else {
        return Vec::new();
    };
    // Of a call the connection tells all.
    let request_id = row
        .request_id
        .clone()
        .filter(|_| !row.is_connections_call());
    [request_id, row.connection_id]
        .into_iter()
        .flatten()
        .collect()
}
