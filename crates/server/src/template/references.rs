//! What `Ref` and `Fn::GetAtt` give for a resource. Resources that nothing here acts on give
//! plausible values, so that the environment of functions can be built.

use std::collections::BTreeSet;

use super::{
    diagnostic::did_you_mean,
    document::{MAX_DEPTH, Node, Position},
    ids,
    intrinsics::{Evaluator, unknown},
    sections::Resource,
};

impl<'a> Evaluator<'a> {
    /// The resource that a name stands for, unless its condition is false.
    pub(super) fn resource_named(&self, name: &str) -> Option<&'a Resource> {
        let referable = &self.template.referable;
        let logical_id = referable
            .iter()
            .find(|(property, _)| property == name)
            .map_or(name, |(_, logical_id)| logical_id);
        self.template
            .resource(logical_id)
            .filter(|resource| self.is_present(resource))
    }

    /// Whether the resource's condition, if any, is true. An unknown condition counts as true, so
    /// that its error is not followed by others.
    pub(super) fn is_present(&self, resource: &Resource) -> bool {
        resource
            .condition
            .as_ref()
            .is_none_or(|(name, at)| self.condition(name, *at).unwrap_or(true))
    }

    /// `Ref` of a resource.
    pub(super) fn resource_reference(&self, resource: &Resource, at: Position) -> Node {
        self.record_dependency(resource);
        let Some(name) = self.physical_name(resource) else {
            return unknown(at);
        };
        let stack = self.stack;
        let value = match resource.type_name.as_str() {
            "AWS::Lambda::Version" => match self.function_of(resource) {
                Some(function) => {
                    let number = self.version_number(resource);
                    stack.arn("lambda", &format!("function:{function}:{number}"))
                }
                None => return unknown(at),
            },
            "AWS::Lambda::Alias" => match self.function_of(resource) {
                Some(function) => stack.arn("lambda", &format!("function:{function}:{name}")),
                None => return unknown(at),
            },
            "AWS::Lambda::LayerVersion" => {
                let number = self.layer_version_number(resource, &name);
                stack.arn("lambda", &format!("layer:{name}:{number}"))
            }
            "AWS::SQS::Queue" => format!(
                "https://sqs.{}.{}/{}/{name}",
                stack.region,
                stack.url_suffix(),
                stack.account_id
            ),
            "AWS::SNS::Topic"
            | "AWS::SecretsManager::Secret"
            | "AWS::StepFunctions::StateMachine"
            | "AWS::Serverless::StateMachine"
            | "AWS::IAM::ManagedPolicy" => self.foreign_arn(resource, &name),
            _ => name,
        };
        Node::string(value, at)
    }

    /// `Fn::GetAtt` of a resource; `None` once an error was told.
    pub(super) fn resource_attribute(
        &self,
        resource: &Resource,
        attribute: &str,
        at: Position,
    ) -> Option<Node> {
        self.record_dependency(resource);
        let name = self.physical_name(resource)?;
        let stack = self.stack;
        let type_name = resource.type_name.as_str();
        let value = match (type_name, attribute) {
            ("AWS::ApiGatewayV2::Api", "ApiId")
            | ("AWS::ApiGatewayV2::Route", "RouteId")
            | ("AWS::ApiGatewayV2::Integration", "IntegrationId")
            | ("AWS::ApiGatewayV2::IntegrationResponse", "IntegrationResponseId")
            | ("AWS::ApiGatewayV2::RouteResponse", "RouteResponseId")
            | ("AWS::ApiGatewayV2::Authorizer", "AuthorizerId")
            | ("AWS::ApiGatewayV2::Model", "ModelId")
            | ("AWS::ApiGatewayV2::Deployment", "DeploymentId")
            | ("AWS::ApiGatewayV2::ApiMapping", "ApiMappingId")
            | ("AWS::ApiGatewayV2::VpcLink" | "AWS::ApiGateway::VpcLink", "VpcLinkId")
            | ("AWS::ApiGateway::ClientCertificate", "ClientCertificateId")
            | ("AWS::ApiGateway::ApiKey", "APIKeyId")
            | (
                "AWS::ApiGateway::Account"
                | "AWS::ApiGateway::UsagePlan"
                | "AWS::ApiGateway::UsagePlanKey"
                | "AWS::Lambda::EventInvokeConfig"
                | "AWS::Lambda::Permission",
                "Id",
            ) => name,
            ("AWS::ApiGatewayV2::Api", "ApiEndpoint") => {
                let suffix = stack.url_suffix();
                format!("wss://{name}.execute-api.{}.{suffix}", stack.region)
            }
            ("AWS::ApiGatewayV2::Api", "ExecuteApiArn") => stack.arn("execute-api", &name),
            ("AWS::ApiGatewayV2::DomainName", "RegionalDomainName") => {
                let id = ids::derived(&stack.name, &resource.logical_id, 10);
                let suffix = stack.url_suffix();
                format!("d-{id}.execute-api.{}.{suffix}", stack.region)
            }
            ("AWS::ApiGatewayV2::DomainName", "RegionalHostedZoneId") => "Z1UJRXOUMOOFQ8".into(),
            ("AWS::ApiGatewayV2::DomainName", "DomainNameArn") => {
                let (partition, region) = (stack.partition(), &stack.region);
                format!("arn:{partition}:apigateway:{region}::/domainnames/{name}")
            }
            ("AWS::Lambda::Function", "Arn") => stack.arn("lambda", &format!("function:{name}")),
            ("AWS::Lambda::Alias", "AliasArn") => {
                let function = self.function_of(resource)?;
                stack.arn("lambda", &format!("function:{function}:{name}"))
            }
            ("AWS::Lambda::Version", "Version") => self.version_number(resource).to_string(),
            ("AWS::Lambda::Version", "FunctionArn")
            | ("AWS::Lambda::LayerVersion", "LayerVersionArn") => {
                return Some(self.resource_reference(resource, at));
            }
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "Arn") => {
                stack.arn("dynamodb", &format!("table/{name}"))
            }
            ("AWS::DynamoDB::GlobalTable", "TableId") => {
                ids::derived_uuid(&format!("{}/{name}", stack.name))
            }
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "StreamArn") => stack.arn(
                "dynamodb",
                &format!("table/{name}/stream/2020-01-01T00:00:00.000"),
            ),
            ("AWS::Logs::LogGroup", "Arn") => stack.arn("logs", &format!("log-group:{name}:*")),
            _ => {
                let known = attributes_of(type_name);
                if known.is_empty() {
                    return Some(Node::string(
                        self.foreign_attribute(resource, &name, attribute),
                        at,
                    ));
                }
                self.diagnostics.error(
                    at,
                    format!(
                        "{} ({type_name}) has no attribute `{attribute}`",
                        resource.logical_id
                    ),
                    did_you_mean(attribute, known.iter().copied(), &known_list(known)),
                );
                return None;
            }
        };
        Some(Node::string(value, at))
    }

    /// The name or id by which `Ref` knows a resource, evaluated once.
    pub(super) fn physical_name(&self, resource: &Resource) -> Option<String> {
        let logical_id = &resource.logical_id;
        if let Some(name) = self.names.borrow().get(logical_id) {
            return name.clone();
        }
        if self.is_being_named(logical_id) {
            return None;
        }
        if self.evaluating.borrow().len() > MAX_DEPTH {
            let message = format!("names depend on each other over {MAX_DEPTH} levels");
            let mend = "shorten the chain";
            self.diagnostics.error(resource.position, message, mend);
            return None;
        }
        self.evaluating.borrow_mut().push(logical_id.clone());
        let name = self.evaluate_name(resource);
        self.evaluating.borrow_mut().pop();
        self.names
            .borrow_mut()
            .insert(logical_id.clone(), name.clone());
        name
    }

    /// Whether the resource's name is being evaluated: a name that needs itself has none, and is
    /// told of as a circular dependency. The outermost entry is the resource whose properties are
    /// read, which may well be named meanwhile.
    fn is_being_named(&self, logical_id: &str) -> bool {
        let evaluating = self.evaluating.borrow();
        evaluating.iter().skip(1).any(|id| id == logical_id)
    }

    fn evaluate_name(&self, resource: &Resource) -> Option<String> {
        let logical_id = &resource.logical_id;
        let derived = |length| Some(ids::derived(&self.stack.name, logical_id, length));
        let type_name = resource.type_name.as_str();
        match type_name {
            "AWS::ApiGatewayV2::Api" | "AWS::ApiGateway::ApiKey" => return derived(10),
            "AWS::ApiGatewayV2::Route" | "AWS::ApiGatewayV2::Integration" => return derived(7),
            "AWS::ApiGatewayV2::VpcLink" | "AWS::ApiGateway::VpcLink" => {
                let configured = &self.stack.configured.vpc_links;
                return self
                    .configured_name(resource, configured)
                    .or_else(|| derived(6));
            }
            "AWS::ApiGateway::ClientCertificate" => {
                let configured = &self.stack.configured.client_certificates;
                return self
                    .configured_name(resource, configured)
                    .or_else(|| derived(6));
            }
            "AWS::ApiGatewayV2::Stage" | "AWS::ApiGatewayV2::DomainName" => {}
            _ if type_name.starts_with("AWS::ApiGatewayV2::")
                || type_name.starts_with("AWS::ApiGateway::")
                || type_name == "AWS::Lambda::Permission"
                || type_name == "AWS::Lambda::EventInvokeConfig" =>
            {
                return derived(6);
            }
            _ => {}
        }
        // `QueueName` of a Queue, `FunctionName` of a Function; `Name` of an alias or a stream.
        let noun = type_name.rsplit("::").next().unwrap_or(type_name);
        let own = match type_name {
            "AWS::ApiGatewayV2::DomainName" => "DomainName".to_owned(),
            "AWS::Lambda::LayerVersion" => "LayerName".to_owned(),
            "AWS::DynamoDB::GlobalTable" => "TableName".to_owned(),
            "AWS::Lambda::Version" => return Some(self.stack.default_name(logical_id)),
            _ => format!("{noun}Name"),
        };
        let property = [own.as_str(), "Name"]
            .into_iter()
            .find_map(|property| resource.properties.get(property));
        let given = match property {
            Some(node) => match self.evaluate(node) {
                Some(value) => match value.as_text() {
                    Some(text) => Some(text.to_owned()),
                    // Reading the properties tells what is wrong with it.
                    None => return None,
                },
                None => None,
            },
            None => None,
        };
        Some(given.unwrap_or_else(|| {
            let name = self.stack.default_name(logical_id);
            match type_name {
                "AWS::S3::Bucket" => name.to_lowercase(),
                _ => name,
            }
        }))
    }

    /// The name by which the configuration has a resource: its logical id or its `Name`.
    fn configured_name(
        &self,
        resource: &Resource,
        configured: &BTreeSet<String>,
    ) -> Option<String> {
        if configured.contains(&resource.logical_id) {
            return Some(resource.logical_id.clone());
        }
        let name = self.evaluate(resource.properties.get("Name")?)?;
        let name = name.as_text()?;
        configured.contains(name).then(|| name.to_owned())
    }

    /// The name of the function that a version or an alias belongs to.
    fn function_of(&self, resource: &Resource) -> Option<String> {
        let node = resource.properties.get("FunctionName")?;
        if self.is_being_named(&resource.logical_id) {
            return None;
        }
        self.evaluating
            .borrow_mut()
            .push(resource.logical_id.clone());
        let text = self.text(node, "FunctionName");
        self.evaluating.borrow_mut().pop();
        let text = text?;
        let function = gatepost_model::arn::FunctionReference::parse(&text).ok()?;
        Some(function.name.as_str().to_owned())
    }

    /// Versions of a function are numbered in the order of the template.
    pub(super) fn version_number(&self, version: &Resource) -> usize {
        let function = self.function_of(version);
        self.template
            .resources
            .iter()
            .take_while(|resource| resource.logical_id != version.logical_id)
            .filter(|resource| {
                resource.type_name == "AWS::Lambda::Version"
                    && self.is_present(resource)
                    && self.function_of(resource) == function
            })
            .count()
            + 1
    }

    /// So are the versions of a layer, which are those of one name.
    pub(super) fn layer_version_number(&self, layer: &Resource, name: &str) -> usize {
        let resources = self.template.resources.iter();
        let earlier = resources
            .take_while(|resource| resource.logical_id != layer.logical_id)
            .filter(|resource| {
                resource.type_name == layer.type_name
                    && self.is_present(resource)
                    && self.physical_name(resource).as_deref() == Some(name)
            });
        earlier.count() + 1
    }

    fn record_dependency(&self, on: &Resource) {
        if let Some(from) = self.evaluating.borrow().last() {
            let edge = (from.clone(), on.logical_id.clone());
            self.dependencies.borrow_mut().insert(edge);
        }
    }

    fn foreign_attribute(&self, resource: &Resource, name: &str, attribute: &str) -> String {
        match attribute {
            "QueueUrl" => format!(
                "https://sqs.{}.{}/{}/{name}",
                self.stack.region,
                self.stack.url_suffix(),
                self.stack.account_id
            ),
            "QueueName" | "TopicName" | "Name" => name.to_owned(),
            _ if attribute.ends_with("Arn") => self.foreign_arn(resource, name),
            _ => format!("{name}-{attribute}"),
        }
    }

    fn foreign_arn(&self, resource: &Resource, name: &str) -> String {
        let stack = self.stack;
        let mut words = resource.type_name.split("::").skip(1);
        let service = words.next().unwrap_or("cloudformation").to_lowercase();
        let noun = words.next().unwrap_or("resource").to_lowercase();
        match service.as_str() {
            "s3" => format!("arn:{}:s3:::{name}", stack.partition()),
            "iam" => {
                let noun = if noun == "managedpolicy" {
                    "policy"
                } else {
                    &noun
                };
                let (partition, account) = (stack.partition(), &stack.account_id);
                format!("arn:{partition}:iam::{account}:{noun}/{name}")
            }
            "sqs" | "sns" => stack.arn(&service, name),
            "secretsmanager" => stack.arn(&service, &format!("secret:{name}")),
            "stepfunctions" | "serverless" => stack.arn("states", &format!("stateMachine:{name}")),
            _ => stack.arn(&service, &format!("{noun}/{name}")),
        }
    }
}

/// The attributes of the types that are acted on; none for the others.
fn attributes_of(type_name: &str) -> &'static [&'static str] {
    match type_name {
        "AWS::ApiGatewayV2::Api" => &["ApiEndpoint", "ApiId", "ExecuteApiArn"],
        "AWS::ApiGatewayV2::Route" => &["RouteId"],
        "AWS::ApiGatewayV2::Integration" => &["IntegrationId"],
        "AWS::ApiGatewayV2::Authorizer" => &["AuthorizerId"],
        "AWS::ApiGatewayV2::Model" => &["ModelId"],
        "AWS::ApiGatewayV2::Deployment" => &["DeploymentId"],
        "AWS::ApiGatewayV2::DomainName" => &[
            "DomainNameArn",
            "RegionalDomainName",
            "RegionalHostedZoneId",
        ],
        "AWS::Lambda::Function" | "AWS::Logs::LogGroup" => &["Arn"],
        "AWS::Lambda::Alias" => &["AliasArn"],
        "AWS::Lambda::Version" => &["FunctionArn", "Version"],
        "AWS::Lambda::LayerVersion" => &["LayerVersionArn"],
        "AWS::DynamoDB::Table" => &["Arn", "StreamArn"],
        "AWS::DynamoDB::GlobalTable" => &["Arn", "StreamArn", "TableId"],
        _ => &[],
    }
}

fn known_list(known: &[&str]) -> String {
    format!("it has {}", known.join(", "))
}
