//! Model validation: whether a message is what its route's model says (data-plane spec 5.11).

use gatepost_model::{
    fault::{Fault, FaultKind},
    request_context::EventType,
};
use gatepost_wire::expression::selection::Variable;
use serde_json::Value;

use super::select_route::RoutedRequest;
use crate::deployed::RequestValidation;

/// Lets a message pass that the selected model allows.
///
/// # Errors
/// `Bad request body`; then the integration is not called.
pub fn validate(request: &RoutedRequest) -> Result<(), Fault> {
    let (Some(validation), EventType::Message(message_id)) = (
        &request.route.request_validation,
        &request.context.event_type,
    ) else {
        return Ok(());
    };
    match mistakes(validation, request)? {
        None => Ok(()),
        Some(mistakes) => Err(Fault::bad_request_body(message_id.clone(), mistakes)),
    }
}

/// What is wrong with a message, for `$context.error.validationErrorString`.
fn mistakes(
    validation: &RequestValidation,
    request: &RoutedRequest,
) -> Result<Option<String>, Fault> {
    let key = selected_key(validation, request);
    let Some(model) = validation.model(&key) else {
        let key: String = key.chars().filter(|c| !c.is_control()).take(128).collect();
        return Ok(Some(format!("[no model is selected by the key `{key}`]")));
    };
    match &model.schema {
        Ok(_) if request.body.is_base64_encoded => {
            let mistake = "[Could not parse request body into json: the message is binary]";
            Ok(Some(mistake.to_owned()))
        }
        Ok(schema) => Ok(schema.validate(&request.body.text).err()),
        Err(error) => {
            let detail = format!("the model {} has no valid schema: {error}", model.name);
            Err(Fault::new(FaultKind::ApiConfiguration, detail))
        }
    }
}

fn selected_key(validation: &RequestValidation, request: &RoutedRequest) -> String {
    let mut body: Option<Option<Value>> = None;
    let context = &request.context;
    let expression = &validation.model_selection_expression;
    expression.evaluate(&mut |variable| match variable {
        Variable::RequestBody(path) => {
            path.text(body.get_or_insert_with(|| request.body.json()).as_ref()?)
        }
        Variable::Context(name) => context.variable(name),
        Variable::StageVariable(name) => context.stage_variables.get(name).cloned(),
        _ => None,
    })
}
