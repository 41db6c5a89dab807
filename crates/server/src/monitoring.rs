//! CloudWatch metrics over what the stages counted (2010-08-01; control-and-observability spec C,
//! G.4). Reads only: metrics of one's own are not kept here.

mod dimensions;
mod error;
mod get_metric_data;
mod get_metric_statistics;
mod list_metrics;
mod points;
mod protocol;
mod statistic;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{clock::now_ms, gateway::Gateway};
use http_body_util::Full;
use hyper::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{auth::VerifiedRequest, server::Server};
use error::MonitoringError;
use protocol::Asked;

pub use protocol::TARGET;

/// The namespace of everything here.
const NAMESPACE: &str = "AWS/ApiGateway";

/// Answers a call of CloudWatch.
pub async fn handle(server: &Arc<Server>, request: &VerifiedRequest<'_>) -> Response<Full<Bytes>> {
    let asked = match Asked::by(request) {
        Ok(asked) => asked,
        Err((protocol, error)) => return protocol.refused(&error),
    };
    let (protocol, operation) = (asked.protocol, asked.operation.clone());
    // CloudWatch's reads know no resources.
    if let Err(denied) = request.authorize(&format!("cloudwatch:{operation}"), "*") {
        return protocol.refused(&MonitoringError::AccessDenied(denied));
    }
    let gateway = Arc::clone(&server.gateway);
    let answer = tokio::task::spawn_blocking(move || {
        let input = asked.input()?;
        act(&gateway, &asked.operation, input)
    });
    let answer = answer.await;
    match answer.unwrap_or(Err(MonitoringError::Stopped)) {
        Ok(answer) => protocol.answer(&operation, &answer),
        Err(error) => protocol.refused(&error),
    }
}

fn act(gateway: &Gateway, operation: &str, input: Value) -> Result<Value, MonitoringError> {
    match operation {
        "GetMetricData" => get_metric_data::get_metric_data(gateway, &read(input)?),
        "GetMetricStatistics" => {
            get_metric_statistics::get_metric_statistics(gateway, &read(input)?)
        }
        "ListMetrics" => list_metrics::list_metrics(gateway, &read(input)?),
        other => Err(MonitoringError::NotThereYet(other.to_owned())),
    }
}

fn read<T: DeserializeOwned>(input: Value) -> Result<T, MonitoringError> {
    serde_json::from_value(input).map_err(|error| MonitoringError::Input(error.to_string()))
}

/// Hands what was counted up to now to the store, from where it is read.
fn up_to_now(gateway: &Gateway) {
    gateway.metrics().roll(now_ms(), gateway.store());
}
