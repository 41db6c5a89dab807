//! What a function has as a whole: reserved concurrency and tags.

use serde_json::{Value, json};

use super::Answer;
use crate::{
    lambda::{
        error_body,
        made::{MadeFunctions, unqualified},
    },
    shapes::lambda::{
        DeleteFunctionConcurrencyRequest, GetFunctionConcurrencyRequest, ListTagsRequest,
        PutFunctionConcurrencyRequest, TagResourceRequest, UntagResourceRequest,
    },
};

/// Tags of one function (Lambda quotas).
const MAX_TAGS: usize = 50;

pub(super) fn put_concurrency(
    functions: &MadeFunctions,
    request: &PutFunctionConcurrencyRequest,
) -> Answer {
    let name = unqualified(&request.function_name)?;
    let reserved = request.reserved_concurrent_executions.unsigned_abs();
    functions.change(&name, |function| {
        function.reserved_concurrency = Some(reserved);
        Ok(())
    })?;
    Ok(json!({"ReservedConcurrentExecutions": reserved}))
}

pub(super) fn get_concurrency(
    functions: &MadeFunctions,
    request: &GetFunctionConcurrencyRequest,
) -> Answer {
    let name = unqualified(&request.function_name)?;
    Ok(match functions.get(&name)?.reserved_concurrency {
        Some(reserved) => json!({"ReservedConcurrentExecutions": reserved}),
        None => json!({}),
    })
}

pub(super) fn delete_concurrency(
    functions: &MadeFunctions,
    request: &DeleteFunctionConcurrencyRequest,
) -> Answer {
    let name = unqualified(&request.function_name)?;
    functions.change(&name, |function| {
        function.reserved_concurrency = None;
        Ok(())
    })?;
    Ok(Value::Null)
}

pub(super) fn list_tags(functions: &MadeFunctions, request: &ListTagsRequest) -> Answer {
    let name = unqualified(&request.resource)?;
    Ok(json!({"Tags": functions.get(&name)?.tags}))
}

pub(super) fn tag_resource(functions: &MadeFunctions, request: TagResourceRequest) -> Answer {
    let name = unqualified(&request.resource)?;
    functions.change(&name, |function| {
        function.tags.extend(request.tags);
        if function.tags.len() > MAX_TAGS {
            return Err(error_body::invalid_parameter(
                "Number of tags exceeds resource tag limit.",
            ));
        }
        Ok(())
    })?;
    Ok(Value::Null)
}

pub(super) fn untag_resource(functions: &MadeFunctions, request: &UntagResourceRequest) -> Answer {
    let name = unqualified(&request.resource)?;
    functions.change(&name, |function| {
        function
            .tags
            .retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(Value::Null)
}
