//! Lambda's operations that are not there yet, by method and path, so that a refusal has the
//! operation's name. Source: the service's API model, 2015-03-31.

use http::Method;

/// Method, path behind the API version (`*` is any one segment), name.
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("GET", "account-settings", "GetAccountSettings"),
    ("GET", "capacity-providers", "ListCapacityProviders"),
    ("POST", "capacity-providers", "CreateCapacityProvider"),
    ("DELETE", "capacity-providers/*", "DeleteCapacityProvider"),
    ("GET", "capacity-providers/*", "GetCapacityProvider"),
    ("PUT", "capacity-providers/*", "UpdateCapacityProvider"),
    (
        "GET",
        "capacity-providers/*/function-versions",
        "ListFunctionVersionsByCapacityProvider",
    ),
    ("GET", "code-signing-configs", "ListCodeSigningConfigs"),
    ("POST", "code-signing-configs", "CreateCodeSigningConfig"),
    (
        "DELETE",
        "code-signing-configs/*",
        "DeleteCodeSigningConfig",
    ),
    ("GET", "code-signing-configs/*", "GetCodeSigningConfig"),
    ("PUT", "code-signing-configs/*", "UpdateCodeSigningConfig"),
    (
        "GET",
        "code-signing-configs/*/functions",
        "ListFunctionsByCodeSigningConfig",
    ),
    (
        "POST",
        "durable-execution-callbacks/*/fail",
        "SendDurableExecutionCallbackFailure",
    ),
    (
        "POST",
        "durable-execution-callbacks/*/heartbeat",
        "SendDurableExecutionCallbackHeartbeat",
    ),
    (
        "POST",
        "durable-execution-callbacks/*/succeed",
        "SendDurableExecutionCallbackSuccess",
    ),
    ("DELETE", "durable-executions/*", "DeleteDurableExecution"),
    ("GET", "durable-executions/*", "GetDurableExecution"),
    (
        "POST",
        "durable-executions/*/checkpoint",
        "CheckpointDurableExecution",
    ),
    (
        "GET",
        "durable-executions/*/history",
        "GetDurableExecutionHistory",
    ),
    (
        "POST",
        "durable-executions/*/pause",
        "PauseDurableExecution",
    ),
    (
        "POST",
        "durable-executions/*/resume",
        "ResumeDurableExecution",
    ),
    (
        "GET",
        "durable-executions/*/state",
        "GetDurableExecutionState",
    ),
    ("POST", "durable-executions/*/stop", "StopDurableExecution"),
    ("GET", "event-source-mappings", "ListEventSourceMappings"),
    ("POST", "event-source-mappings", "CreateEventSourceMapping"),
    (
        "DELETE",
        "event-source-mappings/*",
        "DeleteEventSourceMapping",
    ),
    ("GET", "event-source-mappings/*", "GetEventSourceMapping"),
    ("PUT", "event-source-mappings/*", "UpdateEventSourceMapping"),
    ("POST", "functions", "CreateFunction"),
    ("DELETE", "functions/*", "DeleteFunction"),
    ("GET", "functions/*/aliases", "ListAliases"),
    ("POST", "functions/*/aliases", "CreateAlias"),
    ("DELETE", "functions/*/aliases/*", "DeleteAlias"),
    ("GET", "functions/*/aliases/*", "GetAlias"),
    ("PUT", "functions/*/aliases/*", "UpdateAlias"),
    ("PUT", "functions/*/code", "UpdateFunctionCode"),
    (
        "DELETE",
        "functions/*/code-signing-config",
        "DeleteFunctionCodeSigningConfig",
    ),
    (
        "GET",
        "functions/*/code-signing-config",
        "GetFunctionCodeSigningConfig",
    ),
    (
        "PUT",
        "functions/*/code-signing-config",
        "PutFunctionCodeSigningConfig",
    ),
    (
        "DELETE",
        "functions/*/concurrency",
        "DeleteFunctionConcurrency",
    ),
    ("GET", "functions/*/concurrency", "GetFunctionConcurrency"),
    ("PUT", "functions/*/concurrency", "PutFunctionConcurrency"),
    (
        "PUT",
        "functions/*/configuration",
        "UpdateFunctionConfiguration",
    ),
    (
        "GET",
        "functions/*/durable-executions",
        "ListDurableExecutionsByFunction",
    ),
    (
        "DELETE",
        "functions/*/event-invoke-config",
        "DeleteFunctionEventInvokeConfig",
    ),
    (
        "GET",
        "functions/*/event-invoke-config",
        "GetFunctionEventInvokeConfig",
    ),
    (
        "POST",
        "functions/*/event-invoke-config",
        "UpdateFunctionEventInvokeConfig",
    ),
    (
        "PUT",
        "functions/*/event-invoke-config",
        "PutFunctionEventInvokeConfig",
    ),
    (
        "GET",
        "functions/*/event-invoke-config/list",
        "ListFunctionEventInvokeConfigs",
    ),
    (
        "GET",
        "functions/*/function-scaling-config",
        "GetFunctionScalingConfig",
    ),
    (
        "PUT",
        "functions/*/function-scaling-config",
        "PutFunctionScalingConfig",
    ),
    ("GET", "functions/*/policy", "GetPolicy"),
    ("POST", "functions/*/policy", "AddPermission"),
    ("DELETE", "functions/*/policy/*", "RemovePermission"),
    (
        "DELETE",
        "functions/*/provisioned-concurrency",
        "DeleteProvisionedConcurrencyConfig",
    ),
    (
        "GET",
        "functions/*/provisioned-concurrency",
        "GetProvisionedConcurrencyConfig",
    ),
    (
        "PUT",
        "functions/*/provisioned-concurrency",
        "PutProvisionedConcurrencyConfig",
    ),
    (
        "GET",
        "functions/*/recursion-config",
        "GetFunctionRecursionConfig",
    ),
    (
        "PUT",
        "functions/*/recursion-config",
        "PutFunctionRecursionConfig",
    ),
    (
        "POST",
        "functions/*/response-streaming-invocations",
        "InvokeWithResponseStream",
    ),
    (
        "GET",
        "functions/*/runtime-management-config",
        "GetRuntimeManagementConfig",
    ),
    (
        "PUT",
        "functions/*/runtime-management-config",
        "PutRuntimeManagementConfig",
    ),
    ("DELETE", "functions/*/url", "DeleteFunctionUrlConfig"),
    ("GET", "functions/*/url", "GetFunctionUrlConfig"),
    ("POST", "functions/*/url", "CreateFunctionUrlConfig"),
    ("PUT", "functions/*/url", "UpdateFunctionUrlConfig"),
    ("GET", "functions/*/urls", "ListFunctionUrlConfigs"),
    ("GET", "functions/*/versions", "ListVersionsByFunction"),
    ("POST", "functions/*/versions", "PublishVersion"),
    ("GET", "layers", "ListLayers"),
    ("GET", "layers/*/versions", "ListLayerVersions"),
    ("POST", "layers/*/versions", "PublishLayerVersion"),
    ("DELETE", "layers/*/versions/*", "DeleteLayerVersion"),
    ("GET", "layers/*/versions/*", "GetLayerVersion"),
    ("GET", "layers/*/versions/*/policy", "GetLayerVersionPolicy"),
    (
        "POST",
        "layers/*/versions/*/policy",
        "AddLayerVersionPermission",
    ),
    (
        "DELETE",
        "layers/*/versions/*/policy/*",
        "RemoveLayerVersionPermission",
    ),
    ("DELETE", "resource-policy/*", "DeleteResourcePolicy"),
    ("GET", "resource-policy/*", "GetResourcePolicy"),
    ("PUT", "resource-policy/*", "PutResourcePolicy"),
    ("DELETE", "tags/*", "UntagResource"),
    ("GET", "tags/*", "ListTags"),
    ("POST", "tags/*", "TagResource"),
];

/// The name of the operation that a request means; method and path where no operation is known.
/// `steps` are the path's segments, the API version first.
pub(super) fn name(method: &Method, steps: &[&str]) -> String {
    let steps_behind_version = match steps {
        // A trailing slash changes nothing.
        [_version, steps @ .., ""] | [_version, steps @ ..] => steps,
        [] => &[],
    };
    let matches = |pattern: &str| {
        let mut wanted = pattern.split('/');
        steps_behind_version.iter().all(|step| {
            wanted
                .next()
                .is_some_and(|wanted| wanted == "*" || wanted == *step)
        }) && wanted.next().is_none()
    };
    OPERATIONS
        .iter()
        .find(|(of_method, pattern, _)| *of_method == method.as_str() && matches(pattern))
        .map_or_else(
            || format!("{method} /{}", steps.join("/")),
            |(_, _, name)| (*name).to_owned(),
        )
}
