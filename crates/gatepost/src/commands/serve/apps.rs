//! The templates that the configuration names, loaded as one.

use std::{collections::BTreeSet, path::PathBuf};

use gatepost_gateway::integration::aws_service::AwsServices;
use gatepost_server::template::{self, App, LoadOptions};

use super::super::dev::real_calls;

use crate::node::StartError;

/// Loads the templates. What two of them make under the same name is refused.
///
/// # Errors
/// [`StartError`], with every place.
pub fn load(templates: &[PathBuf], options: &LoadOptions) -> Result<App, StartError> {
    let mut all = App::default();
    let mut names = BTreeSet::new();
    for path in templates {
        if !path.is_file() {
            let text = format!(
                "[server] templates: there is no template {}",
                path.display()
            );
            return Err(StartError::NoFile(text));
        }
        let app = template::load(path, options).map_err(StartError::Template)?;
        let made = app.apis.iter().map(|api| format!("the API {}", api.api_id));
        let functions = app.functions.iter();
        let made = made.chain(functions.map(|function| format!("the function {}", function.name)));
        let domains = app.domain_names.iter();
        let made = made.chain(domains.map(|domain| format!("the domain {}", domain.domain_name)));
        let keys = app.usage_plans.api_keys.iter();
        let made = made.chain(keys.map(|key| format!("the API key {}", key.api_key_id)));
        let plans = app.usage_plans.usage_plans.iter();
        let made = made.chain(plans.map(|plan| format!("the usage plan {}", plan.usage_plan_id)));
        for name in made {
            if !names.insert(name.clone()) {
                return Err(StartError::Templates(format!(
                    "{}: {name} is another template's too: names begin with that of the template's \
                     folder, so give the folders different names",
                    path.display()
                )));
            }
        }
        all.apis.extend(app.apis);
        all.api_logical_ids.extend(app.api_logical_ids);
        all.functions.extend(app.functions);
        // A template may let its API invoke another template's function.
        for (name, policy) in app.function_policies {
            let policy_of_all = all.function_policies.entry(name).or_default();
            policy_of_all.statements.extend(policy.statements);
        }
        all.tables.extend(app.tables);
        all.log_groups.extend(app.log_groups);
        all.domain_names.extend(app.domain_names);
        all.usage_plans.api_keys.extend(app.usage_plans.api_keys);
        all.usage_plans
            .usage_plans
            .extend(app.usage_plans.usage_plans);
        for (kind, ids) in app.not_acted_on {
            let mut known = all.not_acted_on.iter_mut();
            match known.find(|(known, _)| *known == kind) {
                Some((_, known)) => known.extend(ids),
                None => all.not_acted_on.push((kind, ids)),
            }
        }
        all.rewritten_urls.extend(app.rewritten_urls);
        all.parameters_used.extend(app.parameters_used);
        all.warnings.extend(app.warnings);
        all.sources.extend(app.sources);
    }
    let mut given = options.parameters.keys();
    if let Some(name) = given.find(|name| !all.parameters_used.contains(*name)) {
        return Err(StartError::Templates(format!(
            "[server.parameters] {name}: no template has such a parameter; correct or remove it"
        )));
    }
    Ok(all)
}

/// What may not do what its author expects; `services` are those that integrations call.
pub fn warnings(app: &App, services: &AwsServices) -> Vec<String> {
    let tables = app.tables.iter().map(|table| {
        format!(
            "the table {} is not made: make it where functions look for it",
            table.name
        )
    });
    let others = app.warnings.iter().map(ToString::to_string);
    let calls = real_calls(&app.apis, services);
    others.chain(tables).chain(calls).collect()
}
