//! The control plane: `apigatewayv2` (rest-json, API version 2018-11-29), and in `v1` what WebSocket APIs need of `apigateway`.
//!
//! Its answers are made from the model's values. What calls made is changed by calls ([`change`]),
//! what a template declares in the template. What is not there yet answers `501` with the
//! operation's name.

mod api;
mod authorizer;
mod change_api;
mod change_authorizer;
mod change_deployment;
mod change_domain_name;
mod change_integration;
mod change_integration_response;
mod change_model;
mod change_route;
mod change_route_response;
mod change_stage;
mod change_vpc_link;
mod changes;
mod deployment;
mod domain_name;
mod integration;
mod integration_response;
mod json;
mod model;
mod model_template;
mod not_there_yet;
mod page;
mod patch;
mod quota;
mod rescue;
mod route;
mod route_response;
mod stage;
mod tags;
mod uri;
mod v1;
mod vpc_link;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use gatepost_gateway::{integration::vpc_link::VpcLinks, usage_plans::ServedPlans};
use gatepost_model::{
    ApiId, api::Api, client_certificate::ClientCertificate, domain_name::DomainName,
    throttle::ThrottleSettings,
};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use self::{changes::ChangeRequest, page::Page, rescue::ControlPlaneError, vpc_link::Kind};
use crate::{
    auth::{AccessDenied, Authorized, VerifiedRequest},
    respond,
    server::Server,
};

/// Why nothing is carried out.
enum Refusal {
    AccessDenied(AccessDenied),
    Path(ControlPlaneError),
}

/// API Gateway's actions are the methods, its resources the paths:
/// `apigateway:GET` on `arn:aws:apigateway:{region}::/apis/{apiId}`.
fn authorize<'a>(request: &'a VerifiedRequest<'_>) -> Result<Authorized<'a>, Refusal> {
    let path = request.head.uri.path();
    let segments = uri::segments(path).map_err(Refusal::Path)?;
    let resource = match segments.as_slice() {
        [version, resource @ ..] if version == "v2" => resource,
        segments => segments,
    };
    let arn = resource_arn(request.region(), resource);
    let action = format!("apigateway:{}", request.head.method);
    request
        .authorize(&action, &arn)
        .map_err(Refusal::AccessDenied)
}

/// The resource in policies. Domain names are found whatever their case, and what has tags whatever
/// the partition, region and account of its ARN, so policies are about the one spelling that AWS has.
fn resource_arn(region: &str, resource: &[Cow<'_, str>]) -> String {
    let partition = format!("arn:aws:apigateway:{region}::");
    let path = match resource {
        [kind, name, rest @ ..] if kind == "domainnames" => {
            let name = Cow::from(name.to_lowercase());
            let steps = [kind, &name].into_iter().chain(rest);
            steps.map(AsRef::as_ref).collect::<Vec<_>>().join("/")
        }
        [kind, arn] if kind == "tags" => match tags::resource(arn) {
            Some(tagged) if tagged.starts_with("/domainnames/") => {
                format!("tags/{partition}{}", tagged.to_lowercase())
            }
            Some(tagged) => format!("tags/{partition}{tagged}"),
            None => resource.join("/"),
        },
        _ => resource.join("/"),
    };
    format!("{partition}/{path}")
}

/// Answers a request that changes something, once the change is kept and served; `None` when the request is no such.
pub async fn change(
    server: &Arc<Server>,
    request: &VerifiedRequest<'_>,
) -> Option<Response<Full<Bytes>>> {
    let change = ChangeRequest::new(request)?;
    match authorize(request) {
        Ok(_) => {}
        Err(Refusal::AccessDenied(denied)) => return Some(respond::access_denied(&denied)),
        Err(Refusal::Path(error)) => return Some(rescue::error_response(&error).map(Full::new)),
    }
    let server = Arc::clone(server);
    let made = tokio::task::spawn_blocking(move || change.carry_out(&server)).await;
    let stopped = |_| Err(ControlPlaneError::NotKept("Gatepost stops".to_owned()));
    let response = match made.unwrap_or_else(stopped) {
        Ok((status, body)) => rescue::response(status, &body),
        Err(error) => rescue::error_response(&error),
    };
    Some(response.map(Full::new))
}

/// What there is to read.
pub struct ControlPlane<'a> {
    /// The APIs.
    pub apis: &'a [Arc<Api>],
    /// The custom domain names.
    pub domain_names: &'a [DomainName],
    /// The `ApiEndpoint` of an API: the URL that its clients connect to.
    pub endpoint: &'a dyn Fn(&ApiId) -> String,
    /// The API keys and usage plans.
    pub usage_plans: &'a ServedPlans,
    /// The VPC links that calls made, and where they lead.
    pub vpc_links: &'a VpcLinks,
    /// The client certificates that calls made.
    pub client_certificates: &'a [ClientCertificate],
    /// `cloudwatchRoleArn` of the account.
    pub cloudwatch_role_arn: Option<&'a str>,
    /// The rates of the account that are in force.
    pub account_throttle: ThrottleSettings,
}

impl ControlPlane<'_> {
    /// Answers one request to `apigatewayv2`, or to what there is of `apigateway`.
    pub fn handle(&self, request: &VerifiedRequest<'_>) -> Response<Full<Bytes>> {
        match authorize(request) {
            Ok(call) => self.carry_out(&call).map(Full::new),
            Err(Refusal::AccessDenied(denied)) => respond::access_denied(&denied),
            Err(Refusal::Path(error)) => rescue::error_response(&error).map(Full::new),
        }
    }

    fn carry_out(&self, call: &Authorized<'_>) -> Response<Bytes> {
        let head = &call.request().head;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        self.respond(&head.method, path)
    }

    fn respond(&self, method: &Method, path_and_query: &str) -> Response<Bytes> {
        match self.answer(method, path_and_query) {
            Ok(body) => rescue::response(StatusCode::OK, &body),
            Err(error) => rescue::error_response(&error),
        }
    }

    fn answer(&self, method: &Method, path_and_query: &str) -> Result<Value, ControlPlaneError> {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let segments = uri::segments(path)?;
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        match segments.as_slice() {
            segments if segments.contains(&"") => Err(ControlPlaneError::UnknownOperation),
            ["v2", resource @ ..] if method == Method::GET => {
                self.read(resource, &Page::parse(query)?)
            }
            resource if method == Method::GET => self
                .read_v1(resource, query)
                .unwrap_or_else(|| Err(not_there_yet::refuse(method, resource, query))),
            segments => Err(not_there_yet::refuse(method, segments, query)),
        }
    }

    /// The operations, by path: `Get{Resource}s` lists, `Get{Resource}` reads one.
    fn read(&self, resource: &[&str], page: &Page) -> Result<Value, ControlPlaneError> {
        let find_api = |api_id| api::find(self.apis, api_id);
        match *resource {
            ["apis"] => Ok(page.list(self.apis, api::id, |api| api::body(api, self.endpoint))),
            ["apis", api_id] => Ok(api::body(find_api(api_id)?, self.endpoint)),
            ["apis", api_id, kind] => list_of_api(find_api(api_id)?, kind, page)
                .ok_or_else(|| not_there_yet::refuse_read(resource)),
            ["apis", api_id, kind, id] => one_of_api(find_api(api_id)?, kind, id)
                .unwrap_or_else(|| Err(not_there_yet::refuse_read(resource))),
            ["apis", api_id, "models", model_id, "template"] => {
                model::find(find_api(api_id)?, model_id).map(model_template::body)
            }
            ["apis", api_id, "routes", route_id, "routeresponses"] => {
                let route = route::find(find_api(api_id)?, route_id)?;
                Ok(page.list(
                    &route.route_responses,
                    route_response::id,
                    route_response::body,
                ))
            }
            ["apis", api_id, "routes", route_id, "routeresponses", id] => {
                let route = route::find(find_api(api_id)?, route_id)?;
                route_response::find(route, id).map(route_response::body)
            }
            [
                "apis",
                api_id,
                "integrations",
                integration_id,
                "integrationresponses",
            ] => {
                let integration = integration::find(find_api(api_id)?, integration_id)?;
                let responses = &integration.integration_responses;
                Ok(page.list(
                    responses,
                    integration_response::id,
                    integration_response::body,
                ))
            }
            [
                "apis",
                api_id,
                "integrations",
                integration_id,
                "integrationresponses",
                id,
            ] => {
                let integration = integration::find(find_api(api_id)?, integration_id)?;
                integration_response::find(integration, id).map(integration_response::body)
            }
            ["domainnames"] => Ok(page.list(self.domain_names, domain_name::id, domain_name::body)),
            ["domainnames", name] => {
                domain_name::find(self.domain_names, name).map(domain_name::body)
            }
            ["domainnames", name, "apimappings"] => {
                let mappings = &domain_name::find(self.domain_names, name)?.api_mappings;
                Ok(page.list(mappings, domain_name::mapping_id, domain_name::mapping_body))
            }
            ["domainnames", name, "apimappings", id] => {
                let domain_name = domain_name::find(self.domain_names, name)?;
                domain_name::find_mapping(domain_name, id).map(domain_name::mapping_body)
            }
            ["vpclinks"] => {
                let made = self.vpc_links.made();
                let made = made.iter().filter(|link| Kind::of(link) == Kind::V2);
                let made: Vec<_> = made.cloned().collect();
                let body = |link: &_| vpc_link::body(self.vpc_links, link);
                Ok(page.list(&made, vpc_link::id, body))
            }
            ["vpclinks", id] => {
                let made = self.vpc_links.made();
                let link = vpc_link::find(&made, Kind::V2, id)?;
                Ok(vpc_link::body(self.vpc_links, link))
            }
            ["tags", arn] => tags::body(self, arn),
            _ => Err(not_there_yet::refuse_read(resource)),
        }
    }
}

/// `/v2/apis/{apiId}/{kind}`; `None` when that lists nothing.
fn list_of_api(api: &Api, kind: &str, page: &Page) -> Option<Value> {
    let definition = &api.definition;
    Some(match kind {
        "routes" => page.list(&definition.routes, route::id, route::body),
        "integrations" => page.list(&definition.integrations, integration::id, integration::body),
        "authorizers" => page.list(&definition.authorizers, authorizer::id, authorizer::body),
        "models" => page.list(&definition.models, model::id, model::body),
        "stages" => page.list(&api.stages, stage::id, stage::body),
        "deployments" => page.list(&api.deployments, deployment::id, deployment::body),
        _ => return None,
    })
}

/// `/v2/apis/{apiId}/{kind}/{id}`; `None` when that reads nothing.
fn one_of_api(api: &Api, kind: &str, id: &str) -> Option<Result<Value, ControlPlaneError>> {
    Some(match kind {
        "routes" => route::find(api, id).map(route::body),
        "integrations" => integration::find(api, id).map(integration::body),
        "authorizers" => authorizer::find(api, id).map(authorizer::body),
        "models" => model::find(api, id).map(model::body),
        "stages" => stage::find(api, id).map(stage::body),
        "deployments" => deployment::find(api, id).map(deployment::body),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
