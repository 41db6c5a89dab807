//! What is around the routes of a stage and decides how their integrations reach backends: stage
//! variables, the client certificate, VPC links.

use std::sync::Arc;

use gatepost_model::{
    api::Api,
    integration::{ConnectionType, Integration},
    limits::Limits,
    route::RouteKey,
    stage::{LoggingLevel, Stage},
};

use super::{
    CompileError,
    logs::{self, log_settings},
};
use crate::{
    deployed::{LogSettings, WithStageVariables},
    gateway::GatewayConfig,
    integration::{
        bulkhead::{Bulkhead, Owner},
        client_certificate::{ClientCertificate, UnknownClientCertificate},
        http_client::{ConnectionSettings, HttpClient, server_name},
        outward::Outward,
        vpc_link::UnknownVpcLink,
    },
    observe::{
        AccessLog,
        metrics::{Metrics, RouteSeries},
    },
};

/// What is around the routes of a stage.
pub(super) struct Surroundings<'a> {
    api: &'a Api,
    stage: &'a Stage,
    pub(super) outward: &'a Outward,
    pub(super) limits: &'a Limits,
    client_certificate: Option<ClientCertificate>,
    logging_level: LoggingLevel,
    access_log: Option<Arc<AccessLog>>,
    metrics: &'a Metrics,
}

impl<'a> Surroundings<'a> {
    /// Of a stage; its client certificate must be configured.
    pub(super) fn new(
        api: &'a Api,
        stage: &'a Stage,
        config: &'a GatewayConfig,
        limits: &'a Limits,
    ) -> Result<Self, CompileError> {
        let outward = &config.outward;
        let client_certificate = stage
            .client_certificate_id
            .as_ref()
            .map(|id| {
                let found = outward.client_certificates.get(id);
                found.ok_or_else(|| {
                    let place = format!("stage {}", stage.stage_name);
                    CompileError::new(place, UnknownClientCertificate(id.clone()).to_string())
                })
            })
            .transpose()?;
        Ok(Self {
            api,
            stage,
            outward,
            limits,
            client_certificate,
            logging_level: config.logging_level,
            access_log: logs::access_log(stage)?,
            metrics: &config.metrics,
        })
    }

    /// What is logged of a route's requests; of those that have no route, without one.
    pub(super) fn log_settings(&self, route_key: Option<&RouteKey>) -> LogSettings {
        let route_key = route_key.map(RouteKey::as_str);
        let access_log = self.access_log.as_ref();
        log_settings(self.stage, route_key, self.logging_level, access_log)
    }

    /// What is counted of a route's requests; without one, of those that have no route. A route
    /// cannot switch detailed metrics off that its stage has on, as captured from AWS.
    pub(super) fn series(&self, route_key: Option<&str>) -> Arc<RouteSeries> {
        let stage = self.stage;
        let of_route = route_key.and_then(|route_key| stage.route_settings.get(route_key));
        let detailed = stage.default_route_settings.detailed_metrics_enabled
            || of_route.is_some_and(|settings| settings.detailed_metrics_enabled);
        let (api_id, stage_name) = (&self.api.api_id, &stage.stage_name);
        self.metrics.series(api_id, stage_name, route_key, detailed)
    }

    /// A text with the stage variables filled in.
    pub(super) fn resolve(&self, text: &str) -> String {
        WithStageVariables(text.to_owned()).resolve(&self.stage.stage_variables)
    }

    /// The bulkhead of an integration or authorizer.
    pub(super) fn bulkhead(&self, owner: Owner) -> Arc<Bulkhead> {
        let bulkheads = &self.outward.bulkheads;
        bulkheads.of(&self.api.api_id, &self.stage.stage_name, owner)
    }

    /// Who calls an HTTP integration. A VPC link that a stage variable names in vain fails each
    /// call, since another stage may name one that is there; so does one that a call made and that
    /// leads nowhere.
    pub(super) fn client(
        &self,
        integration: &Integration,
    ) -> Result<Result<HttpClient, UnknownVpcLink>, String> {
        let vpc_link = match &integration.connection_type {
            ConnectionType::Internet => None,
            ConnectionType::VpcLink(written) => {
                let id = self.resolve(written);
                let vpc_links = &self.outward.vpc_links;
                match vpc_links.get(&id) {
                    Ok(vpc_link) => Some(vpc_link),
                    Err(unknown) if id == *written && !vpc_links.is_made(&id) => {
                        return Err(unknown.to_string());
                    }
                    Err(unknown) => return Ok(Err(unknown)),
                }
            }
        };
        let name_to_verify = match &integration.server_name_to_verify {
            None => None,
            Some(name) => Some(
                server_name(name)
                    .ok_or_else(|| format!("serverNameToVerify `{name}` is no host name"))?,
            ),
        };
        Ok(Ok(self.outward.http.with(&ConnectionSettings {
            server_name: name_to_verify,
            client_certificate: self.client_certificate.clone(),
            vpc_link,
        })))
    }
}
