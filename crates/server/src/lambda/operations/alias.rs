//! Aliases: `CreateAlias`, `GetAlias`, `UpdateAlias`, `DeleteAlias`, `ListAliases`.

use gatepost_gateway::new_id;
use gatepost_model::{FunctionName, function::LATEST, invocation::InvokeError};
use serde_json::{Value, json};

use super::{Answer, check_revision, page::page};
use crate::{
    lambda::{
        error_body,
        made::{Alias, MadeFunction, MadeFunctions, unqualified},
    },
    shapes::lambda::{
        AliasRoutingConfiguration, CreateAliasRequest, DeleteAliasRequest, GetAliasRequest,
        ListAliasesRequest, UpdateAliasRequest,
    },
};

pub(super) fn create(functions: &MadeFunctions, request: CreateAliasRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    refuse_weights(request.routing_config.as_ref())?;
    let alias = functions.change(&name, |function| {
        if function.aliases.contains_key(&request.name) {
            let arn = alias_arn(functions, &name, &request.name);
            return Err(error_body::conflict(format!("Alias already exists: {arn}")));
        }
        check_version(functions, &name, function, &request.function_version)?;
        let alias = Alias {
            version: request.function_version,
            description: request.description.unwrap_or_default(),
            revision_id: new_id::uuid(),
        };
        function.aliases.insert(request.name.clone(), alias.clone());
        Ok(alias)
    })?;
    Ok(shown(functions, &name, &request.name, &alias))
}

pub(super) fn get(functions: &MadeFunctions, request: &GetAliasRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    let function = functions.get(&name)?;
    let alias = function.aliases.get(&request.name);
    let alias = alias.ok_or_else(|| no_alias(functions, &name, &request.name))?;
    Ok(shown(functions, &name, &request.name, alias))
}

pub(super) fn update(functions: &MadeFunctions, request: UpdateAliasRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    refuse_weights(request.routing_config.as_ref())?;
    let alias = functions.change(&name, |function| {
        if let Some(version) = &request.function_version {
            check_version(functions, &name, function, version)?;
        }
        let alias = function.aliases.get_mut(&request.name);
        let alias = alias.ok_or_else(|| no_alias(functions, &name, &request.name))?;
        check_revision(
            request.revision_id.as_deref(),
            &alias.revision_id,
            "GetAlias",
        )?;
        if let Some(version) = request.function_version {
            alias.version = version;
        }
        if let Some(description) = request.description {
            alias.description = description;
        }
        alias.revision_id = new_id::uuid();
        Ok(alias.clone())
    })?;
    Ok(shown(functions, &name, &request.name, &alias))
}

pub(super) fn delete(functions: &MadeFunctions, request: &DeleteAliasRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    functions.change(&name, |function| {
        // As on AWS, an alias that is not there is deleted too; its policy goes with it.
        function.aliases.remove(&request.name);
        let alias = Some(request.name.as_str());
        function
            .policy
            .retain(|statement| statement.qualifier.as_deref() != alias);
        function.event_invoke_configs.remove(&request.name);
        Ok(())
    })?;
    Ok(Value::Null)
}

pub(super) fn list(functions: &MadeFunctions, request: &ListAliasesRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    let function = functions.get(&name)?;
    let version = request.function_version.as_ref();
    let aliases = function.aliases.into_iter();
    let aliases = aliases.filter(|(_, alias)| version.is_none_or(|v| *v == alias.version));
    let key = |(alias, _): &(String, Alias)| alias.clone();
    let (page, next) = page(aliases, key, request.marker.as_deref(), request.max_items)?;
    let aliases: Vec<Value> = page
        .iter()
        .map(|(alias_name, alias)| shown(functions, &name, alias_name, alias))
        .collect();
    Ok(json!({"Aliases": aliases, "NextMarker": next}))
}

fn shown(functions: &MadeFunctions, name: &FunctionName, alias_name: &str, alias: &Alias) -> Value {
    json!({
        "AliasArn": alias_arn(functions, name, alias_name),
        "Name": alias_name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    })
}

fn alias_arn(functions: &MadeFunctions, name: &FunctionName, alias: &str) -> String {
    format!("{}:{alias}", functions.arn(name))
}

fn no_alias(functions: &MadeFunctions, name: &FunctionName, alias: &str) -> InvokeError {
    let arn = alias_arn(functions, name, alias);
    error_body::not_found(format!("Cannot find alias arn: {arn}"))
}

fn check_version(
    functions: &MadeFunctions,
    name: &FunctionName,
    function: &MadeFunction,
    version: &str,
) -> Result<(), InvokeError> {
    let mut versions = function.versions.iter();
    if version == LATEST || versions.any(|revision| revision.version == version) {
        return Ok(());
    }
    let arn = alias_arn(functions, name, version);
    Err(error_body::function_not_found(&arn))
}

/// An alias stands for one version here.
fn refuse_weights(routing: Option<&AliasRoutingConfiguration>) -> Result<(), InvokeError> {
    let weights = routing.and_then(|routing| routing.additional_version_weights.as_ref());
    if weights.is_some_and(|weights| !weights.is_empty()) {
        return Err(error_body::invalid_parameter(
            "RoutingConfig: an alias of a function that runs here stands for one version",
        ));
    }
    Ok(())
}
