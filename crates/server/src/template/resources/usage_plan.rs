//! `AWS::ApiGateway::ApiKey`, `UsagePlan` and `UsagePlanKey`. They are read when all APIs are, whose
//! stages the plans name.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_model::{
    api::{Api, ApiKeySource},
    route::RouteKey,
    secret::Secret,
    throttle::ThrottleSettings,
    usage_plan::{
        API_KEY_VALUE_LENGTH, ApiKey, ApiStage, QuotaPeriod, QuotaSettings, UsagePlan, UsagePlans,
    },
};

use super::{API_KEY, Declared, Reading, USAGE_PLAN, USAGE_PLAN_KEY, throttle};
use crate::template::{
    document::{Position, Value},
    properties::Properties,
};

/// Reads all keys and plans; `apis` are the template's, each with its place.
pub(super) fn read(
    declared: &[Declared<'_>],
    reading: &Reading<'_>,
    apis: &[(Api, Position)],
) -> UsagePlans {
    let of_type = |type_name: &'static str| {
        declared
            .iter()
            .filter(move |declared| declared.resource.type_name == type_name)
    };
    let mut plans = UsagePlans::default();
    for declared in of_type(API_KEY) {
        match read_api_key(declared, reading, &plans.api_keys) {
            Some(key) => plans.api_keys.push(key),
            None => reading.mark_broken(declared),
        }
    }
    for declared in of_type(USAGE_PLAN) {
        match read_usage_plan(declared, reading, apis) {
            Some(plan) => plans.usage_plans.push(plan),
            None => reading.mark_broken(declared),
        }
    }
    for declared in of_type(USAGE_PLAN_KEY) {
        read_usage_plan_key(declared, reading, &mut plans);
    }
    for (api, at) in apis {
        warn_of_nobody_let_in(api, *at, &plans, reading);
    }
    plans
}

fn read_api_key(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    others: &[ApiKey],
) -> Option<ApiKey> {
    let properties = declared.properties(
        &[],
        &[
            "CustomerId",
            "Description",
            "Enabled",
            "GenerateDistinctId",
            "Name",
            "StageKeys",
            "Tags",
            "Value",
        ],
        reading,
    )?;
    let value = properties.string("Value").map(Secret::new);
    if let Some(value) = &value {
        let length = value.reveal().chars().count();
        let (least, most) = (API_KEY_VALUE_LENGTH.start(), API_KEY_VALUE_LENGTH.end());
        if length < *least {
            let message = format!("API Key value should be at least {least} characters");
            properties.error("Value", message, "make it longer");
        } else if length > *most {
            let message = format!("API Key value should be at most {most} characters");
            properties.error("Value", message, "make it shorter");
        }
        if others
            .iter()
            .any(|other| other.value.as_ref() == Some(value))
        {
            let mend = "another key has this value: give each its own";
            properties.error("Value", "API Key already exists", mend);
        }
    }
    if properties.node("StageKeys").is_some() {
        let message = "StageKeys lets the key into no stage";
        let mend = "name the stage in ApiStages of a usage plan, and the key in a UsagePlanKey";
        properties.warn_on_aws_too("StageKeys", message, mend);
    }
    let enabled = properties.boolean("Enabled").unwrap_or(false);
    if !enabled {
        let message = format!("the API key {} is disabled", declared.resource.logical_id);
        properties.warn_on_aws_too(
            "Enabled",
            message,
            "set `Enabled: true`, which is not the default",
        );
    }
    Some(ApiKey {
        api_key_id: declared.id.as_str().into(),
        name: name(&properties, "Name", declared),
        description: properties.string("Description"),
        customer_id: properties.string("CustomerId"),
        enabled,
        value,
        tags: tags(&properties),
        created_at_ms: reading.now_ms,
        last_updated_at_ms: reading.now_ms,
    })
}

fn read_usage_plan(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    apis: &[(Api, Position)],
) -> Option<UsagePlan> {
    let properties = declared.properties(
        &[],
        &[
            "ApiStages",
            "Description",
            "Quota",
            "Tags",
            "Throttle",
            "UsagePlanName",
        ],
        reading,
    )?;
    let throttle = properties.object("Throttle", &[], &["BurstLimit", "RateLimit"]);
    let quota = properties.object("Quota", &[], &["Limit", "Offset", "Period"]);
    Some(UsagePlan {
        usage_plan_id: declared.id.as_str().into(),
        name: name(&properties, "UsagePlanName", declared),
        description: properties.string("Description"),
        api_stages: api_stages(&properties, reading, apis),
        throttle: throttle.map(|throttle| throttle::read(&throttle, "RateLimit", "BurstLimit")),
        quota: quota.and_then(|quota| read_quota(&quota)),
        tags: tags(&properties),
        api_key_ids: Vec::new(),
    })
}

/// AWS gives what has no name one of the stack's; a stable one reads better.
fn name(properties: &Properties<'_>, property: &str, declared: &Declared<'_>) -> String {
    let given = properties.string(property);
    given.unwrap_or_else(|| declared.resource.logical_id.clone())
}

/// Of these types `Tags` is a list of keys and values.
fn tags(properties: &Properties<'_>) -> BTreeMap<String, String> {
    let Some(list) = properties.node("Tags").and_then(|tags| tags.as_list()) else {
        return properties.string_map("Tags");
    };
    let tag = |node| {
        let tag = Properties::new(
            "Tags",
            node,
            node.position,
            &["Key", "Value"],
            &[],
            properties.diagnostics,
        )?;
        Some((tag.string("Key")?, tag.string("Value")?))
    };
    list.iter().filter_map(tag).collect()
}

fn read_quota(quota: &Properties<'_>) -> Option<QuotaSettings> {
    let period = match quota.string("Period").as_deref() {
        Some("DAY") => QuotaPeriod::Day,
        Some("WEEK") => QuotaPeriod::Week,
        Some("MONTH") => QuotaPeriod::Month,
        _ => {
            let message = "Invalid Usage Plan quota period specified. Must be one of [DAY, WEEK, \
                           MONTH]";
            quota.error("Period", message, "add it or correct it");
            return None;
        }
    };
    let limit = quota.integer("Limit", 0..=u32::MAX);
    if quota.node("Limit").is_none() {
        quota.error("Limit", "Quota needs the property Limit", "add it");
    }
    let offset = quota.integer("Offset", 0..=u32::MAX).unwrap_or(0);
    if offset > period.max_offset() {
        let range = match period {
            QuotaPeriod::Day => "zero".to_owned(),
            _ => format!("between 0 and {} inclusive", period.max_offset()),
        };
        let period = period.as_str();
        let message = format!("Usage Plan quota offset must be {range} in the {period} period");
        quota.error("Offset", message, "it is the day on which a period begins");
    }
    Some(QuotaSettings {
        limit: limit?,
        offset,
        period,
    })
}

fn api_stages(
    properties: &Properties<'_>,
    reading: &Reading<'_>,
    apis: &[(Api, Position)],
) -> Vec<ApiStage> {
    let list = properties.node("ApiStages").map(|node| {
        node.as_list().unwrap_or_else(|| {
            if node.value != Value::Unknown {
                let message = format!("ApiStages must be a list, this is {}", node.kind());
                properties.error("ApiStages", message, "");
            }
            &[]
        })
    });
    let nodes = list.unwrap_or_default().iter();
    nodes
        .filter_map(|node| {
            let stage = Properties::new(
                "ApiStages",
                node,
                node.position,
                &["ApiId", "Stage"],
                &["Throttle"],
                properties.diagnostics,
            )?;
            let (api_id, name) = (stage.string("ApiId")?, stage.string("Stage")?);
            let api = apis.iter().find(|(api, _)| api.api_id.as_str() == api_id);
            let api = api.map(|(api, _)| api);
            if let Some(api) = api
                && !api
                    .stages
                    .iter()
                    .any(|of_api| of_api.stage_name.as_str() == name)
            {
                reading.unless_anything_broken(|| {
                    let message = format!("API Stage not found: {api_id}:{name}");
                    stage.error("Stage", message, "name a stage of the API");
                });
            }
            Some(ApiStage {
                throttle: throttle_by_route(&stage, api),
                api_id: api_id.into(),
                stage: name.into(),
            })
        })
        .collect()
}

/// `Throttle` of an `ApiStage`: route key to rate and burst.
fn throttle_by_route(
    stage: &Properties<'_>,
    api: Option<&Api>,
) -> BTreeMap<String, ThrottleSettings> {
    let mut by_route = BTreeMap::new();
    for entry in stage.entries_of("Throttle") {
        let key = &entry.key;
        let required = |api: &Api| {
            let mut routes = api.definition.routes.iter();
            routes.any(|route| route.route_key.as_str() == key && route.api_key_required)
        };
        if api.is_some_and(|api| !required(api)) {
            let message = format!("Throttle of `{key}` throttles nothing");
            let mend = "name the key of a route that has `ApiKeyRequired: true`";
            stage.diagnostics.warn(entry.position, message, mend);
        }
        let settings = Properties::new(
            "Throttle",
            &entry.value,
            entry.position,
            &[],
            &["BurstLimit", "RateLimit"],
            stage.diagnostics,
        );
        if let Some(settings) = settings {
            let settings = throttle::read(&settings, "RateLimit", "BurstLimit");
            by_route.insert(key.clone(), settings);
        }
    }
    by_route
}

fn read_usage_plan_key(declared: &Declared<'_>, reading: &Reading<'_>, plans: &mut UsagePlans) {
    let required = ["KeyId", "KeyType", "UsagePlanId"];
    let Some(properties) = declared.properties(&required, &[], reading) else {
        return;
    };
    if properties.string("KeyType").as_deref() != Some("API_KEY") {
        let message = "Invalid Key Type specified";
        properties.error("KeyType", message, "AWS has API_KEY only");
    }
    let (Some(key), Some(plan)) = (properties.string("KeyId"), properties.string("UsagePlanId"))
    else {
        return;
    };
    let Some(at) = plans
        .usage_plans
        .iter()
        .position(|other| other.usage_plan_id.as_str() == plan)
    else {
        reading.unless_broken(&plan, || {
            let message = format!("the usage plan {plan} is not of this template");
            let mend = "name an AWS::ApiGateway::UsagePlan of it: others do not exist here";
            properties.warn("UsagePlanId", message, mend);
        });
        return;
    };
    if plans.api_key(&key).is_none() {
        reading.unless_broken(&key, || {
            let message = format!("the API key {key} is not of this template");
            let mend = "name an AWS::ApiGateway::ApiKey of it: others do not exist here";
            properties.warn("KeyId", message, mend);
        });
        return;
    }
    let stages = |plan: &UsagePlan| {
        let stages = plan.api_stages.iter();
        stages
            .map(|stage| format!("{}:{}", stage.api_id, stage.stage))
            .collect::<BTreeSet<_>>()
    };
    let own = stages(&plans.usage_plans[at]);
    let has_key = |plan: &&UsagePlan| plan.api_key_ids.iter().any(|id| id.as_str() == key);
    for other in plans.usage_plans.iter().filter(has_key) {
        if let Some(stage) = own.intersection(&stages(other)).next() {
            let message = format!("the API key belongs to another usage plan of the stage {stage}");
            let mend = "AWS allows one plan for a key and stage: remove one";
            properties.error("KeyId", message, mend);
        }
    }
    plans.usage_plans[at].api_key_ids.push(key.into());
}

/// A stage whose routes require a key that nobody can have.
fn warn_of_nobody_let_in(api: &Api, at: Position, plans: &UsagePlans, reading: &Reading<'_>) {
    let routes = &api.definition.routes;
    let required: Vec<&str> = routes
        .iter()
        .filter(|route| route.api_key_required && route.route_key != RouteKey::Disconnect)
        .map(|route| route.route_key.as_str())
        .collect();
    if required.is_empty() {
        return;
    }
    let required = required.join(", ");
    for stage in &api.stages {
        let has_stage = |plan: &&UsagePlan| {
            let mut stages = plan.api_stages.iter();
            stages.any(|of| of.api_id == api.api_id && of.stage == stage.stage_name)
        };
        let mut keys = plans.usage_plans.iter().filter(has_stage);
        if !keys.any(|plan| !plan.api_key_ids.is_empty()) {
            let name = &stage.stage_name;
            let message = format!(
                "{required} of stage {name} answers 403 Forbidden to everybody: no usage plan with \
                 an API key names the stage"
            );
            let mend = "add an AWS::ApiGateway::UsagePlan with this stage in ApiStages, and a \
                        UsagePlanKey";
            reading.diagnostics().warn_on_aws_too(at, message, mend);
        }
    }
    let source = ApiKeySource::parse(&api.definition.api_key_selection_expression);
    let has_authorizer = routes.iter().any(|route| {
        let authorization = &route.authorization;
        matches!(
            authorization,
            gatepost_model::route::RouteAuthorization::Custom(_)
        )
    });
    if source == Some(ApiKeySource::UsageIdentifierKey) && !has_authorizer {
        let message = format!(
            "{required} answers 403 Forbidden to everybody: $connect has no authorizer that \
             returns a usageIdentifierKey"
        );
        let mend = "add one, or leave ApiKeySelectionExpression out and let clients send x-api-key";
        reading.diagnostics().warn(at, message, mend);
    }
}
