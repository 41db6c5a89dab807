//! `CreateDomainName`, `UpdateDomainName`, `DeleteDomainName`, `CreateApiMapping`,
//! `UpdateApiMapping`, `DeleteApiMapping`.

use gatepost_gateway::{control::Change, gateway::Gateway, new_id::resource_id};
use gatepost_model::{
    api::Api,
    domain_name::{ApiMapping, DomainName, is_api_mapping_key, is_domain_name},
    limits::API_MAPPING_KEY_LENGTH,
};
use serde_json::Value;

use super::{
    changes::of_template,
    domain_name, quota,
    rescue::{ControlPlaneError, bad_request},
    stage,
};
use crate::shapes::apigatewayv2::{
    CreateApiMappingRequest, CreateDomainNameRequest, DeleteApiMappingRequest,
    DeleteDomainNameRequest, DomainNameConfiguration, EndpointType, MutualTlsAuthenticationInput,
    RoutingMode, UpdateApiMappingRequest, UpdateDomainNameRequest,
};

pub(super) fn create(
    gateway: &Gateway,
    request: CreateDomainNameRequest,
) -> Result<Value, ControlPlaneError> {
    let name = request.domain_name.to_lowercase();
    if !is_domain_name(&name) {
        return Err(bad_request(format!(
            "Invalid domain name {name}: write e.g. ws.example.com"
        )));
    }
    refuse_unsupported(
        request.mutual_tls_authentication.as_ref(),
        request.routing_mode,
    )?;
    let made = DomainName {
        certificate_arn: certificate_arn(request.domain_name_configurations.as_deref())?,
        domain_name: name,
        tags: quota::tags(request.tags)?,
        api_mappings: Vec::new(),
    };
    gateway.change(|change| {
        let names = [&*change.made.domain_names, &change.declared.domain_names];
        let is_taken = |names: &[DomainName]| {
            let mut names = names.iter();
            names.any(|other| other.domain_name == made.domain_name)
        };
        if names.into_iter().any(is_taken) {
            return Err(ControlPlaneError::Conflict(
                "The domain name resource already exists.".to_owned(),
            ));
        }
        let body = domain_name::body(&made);
        change.made.domain_names.push(made);
        Ok(body)
    })
}

fn refuse_unsupported(
    mutual_tls: Option<&MutualTlsAuthenticationInput>,
    routing_mode: Option<RoutingMode>,
) -> Result<(), ControlPlaneError> {
    let wants_mutual_tls = mutual_tls.and_then(|mutual_tls| mutual_tls.truststore_uri.as_ref());
    if wants_mutual_tls.is_some_and(|uri| !uri.is_empty()) {
        return Err(bad_request(
            "Mutual TLS domain name association is not supported for Websocket APIs.",
        ));
    }
    match routing_mode {
        None | Some(RoutingMode::ApiMappingOnly) => Ok(()),
        Some(_) => Err(bad_request(
            "Routing rules are not supported for WebSocket APIs",
        )),
    }
}

/// The certificate of the only configuration: AWS has one for a regional name.
fn certificate_arn(
    configurations: Option<&[DomainNameConfiguration]>,
) -> Result<Option<String>, ControlPlaneError> {
    let configuration = match configurations {
        None | Some([]) => return Ok(None),
        Some([configuration]) => configuration,
        Some(_) => {
            return Err(bad_request(
                "Only one domain name configuration is supported",
            ));
        }
    };
    if configuration.endpoint_type == Some(EndpointType::Edge) {
        return Err(bad_request(
            "Only REGIONAL endpoint type is supported on this domain name",
        ));
    }
    Ok(configuration.certificate_arn.clone())
}

/// The domain name, if calls made it.
pub(super) fn find<'a>(
    change: &'a mut Change<'_>,
    name: &str,
) -> Result<&'a mut DomainName, ControlPlaneError> {
    if domain_name::find(&change.declared.domain_names, name).is_ok() {
        return Err(of_template("domain name", name));
    }
    let mut made = change.made.domain_names.iter_mut();
    made.find(|made| made.domain_name.eq_ignore_ascii_case(name))
        .ok_or(ControlPlaneError::NotFoundInDomain("domain name"))
}

pub(super) fn update(
    gateway: &Gateway,
    request: &UpdateDomainNameRequest,
) -> Result<Value, ControlPlaneError> {
    refuse_unsupported(
        request.mutual_tls_authentication.as_ref(),
        request.routing_mode,
    )?;
    let certificate_arn = certificate_arn(request.domain_name_configurations.as_deref())?;
    gateway.change(|change| {
        let domain = find(change, &request.domain_name)?;
        if let Some(certificate_arn) = certificate_arn {
            domain.certificate_arn = Some(certificate_arn);
        }
        Ok(domain_name::body(domain))
    })
}

pub(super) fn delete(
    gateway: &Gateway,
    request: &DeleteDomainNameRequest,
) -> Result<Value, ControlPlaneError> {
    gateway.change(|change| {
        let name = find(change, &request.domain_name)?.domain_name.clone();
        let names = &mut change.made.domain_names;
        names.retain(|domain| domain.domain_name != name);
        Ok(Value::Null)
    })
}

/// That a mapping may lead there.
fn check_target(gateway: &Gateway, api_id: &str, name: &str) -> Result<(), ControlPlaneError> {
    let table = gateway.apis();
    let api: Option<&Api> = table.apis.get(api_id).map(|api| &*api.api);
    let api = api.ok_or_else(|| ControlPlaneError::NotFound {
        resource: "API",
        id: api_id.to_owned(),
    })?;
    stage::find(api, name).map(drop)
}

/// Adds a mapping under a key that no other has.
fn add_mapping(domain: &mut DomainName, mapping: ApiMapping) -> Result<(), ControlPlaneError> {
    if !is_api_mapping_key(&mapping.api_mapping_key) {
        return Err(bad_request(format!(
            "Invalid API mapping key: use at most {API_MAPPING_KEY_LENGTH} letters, digits and \
             $-_.+!*'() without a slash"
        )));
    }
    let mut others = domain.api_mappings.iter();
    if others.any(|other| other.api_mapping_key == mapping.api_mapping_key) {
        return Err(ControlPlaneError::Conflict(
            "ApiMapping key already exists for this domain name".to_owned(),
        ));
    }
    domain.api_mappings.push(mapping);
    Ok(())
}

pub(super) fn create_mapping(
    gateway: &Gateway,
    request: CreateApiMappingRequest,
) -> Result<Value, ControlPlaneError> {
    check_target(gateway, &request.api_id, &request.stage)?;
    let mapping = ApiMapping {
        api_mapping_id: resource_id::<6>(),
        api_mapping_key: request.api_mapping_key.unwrap_or_default(),
        api_id: request.api_id.into(),
        stage: request.stage.into(),
    };
    gateway.change(|change| {
        let domain = find(change, &request.domain_name)?;
        let body = domain_name::mapping_body(&mapping);
        add_mapping(domain, mapping)?;
        Ok(body)
    })
}

fn take_mapping(domain: &mut DomainName, id: &str) -> Result<ApiMapping, ControlPlaneError> {
    let mut mappings = domain.api_mappings.iter();
    let at = mappings.position(|mapping| mapping.api_mapping_id == id);
    let at = at.ok_or(ControlPlaneError::NotFoundInDomain("api mapping"))?;
    Ok(domain.api_mappings.remove(at))
}

pub(super) fn update_mapping(
    gateway: &Gateway,
    request: &UpdateApiMappingRequest,
) -> Result<Value, ControlPlaneError> {
    gateway.change(|change| {
        let domain = find(change, &request.domain_name)?;
        let mut mapping = take_mapping(domain, &request.api_mapping_id)?;
        mapping.api_id = request.api_id.as_str().into();
        if let Some(stage) = &request.stage {
            mapping.stage = stage.as_str().into();
        }
        if let Some(key) = &request.api_mapping_key {
            mapping.api_mapping_key.clone_from(key);
        }
        check_target(gateway, mapping.api_id.as_str(), mapping.stage.as_str())?;
        let body = domain_name::mapping_body(&mapping);
        add_mapping(domain, mapping)?;
        Ok(body)
    })
}

pub(super) fn delete_mapping(
    gateway: &Gateway,
    request: &DeleteApiMappingRequest,
) -> Result<Value, ControlPlaneError> {
    gateway.change(|change| {
        take_mapping(find(change, &request.domain_name)?, &request.api_mapping_id)?;
        Ok(Value::Null)
    })
}
