//! Versions: `PublishVersion`, `ListVersionsByFunction`.

use serde_json::{Value, json};

use super::{Answer, check_revision, configuration, page::page};
use crate::{
    lambda::{
        error_body,
        made::{Code, MadeFunctions, Revision, unqualified},
    },
    shapes::lambda::{ListVersionsByFunctionRequest, PublishVersionRequest},
};

pub(super) fn publish(functions: &MadeFunctions, request: PublishVersionRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    let revision = functions.change(&name, |function| {
        let latest = &function.latest;
        check_revision(
            request.revision_id.as_deref(),
            &latest.revision_id,
            "GetFunction",
        )?;
        let present = match &latest.code {
            Code::Package { sha256, .. } => sha256.as_str(),
            Code::Local { .. } | Code::OfTemplate { .. } => "",
        };
        match request.code_sha256.as_deref() {
            Some(wanted) if !wanted.is_empty() && wanted != present => {
                return Err(error_body::invalid_parameter(format!(
                    "CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST \
                     ({present}). Please try again with the CodeSHA256 in $LATEST."
                )));
            }
            _ => {}
        }
        Ok(function.publish(request.description))
    })?;
    Ok(configuration::latest(functions, &name, &revision))
}

pub(super) fn list(functions: &MadeFunctions, request: &ListVersionsByFunctionRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    let function = functions.get(&name)?;
    let all = std::iter::once(function.latest).chain(function.versions);
    // `$LATEST` comes before all numbers, and these in their order.
    let key = |revision: &Revision| match revision.version.parse::<u64>() {
        Ok(number) => format!("{number:020}"),
        Err(_) => String::new(),
    };
    let (page, next) = page(all, key, request.marker.as_deref(), request.max_items)?;
    let shown: Vec<Value> = page
        .iter()
        .map(|revision| {
            configuration::configuration(functions, &name, revision, Some(&revision.version))
        })
        .collect();
    Ok(json!({"Versions": shown, "NextMarker": next}))
}
