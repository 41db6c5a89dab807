//! What is known of AWS's services: how each is spoken to, from AWS's own models
//! (control-and-observability spec G.5). A service that is not here speaks the query protocol in
//! its `action/` form, as API Gateway has it for any.

/// How a service takes the name of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// In `X-Amz-Target`, before it this prefix; the body is JSON of this version.
    Json {
        /// The content type.
        content_type: &'static str,
        /// E.g. `DynamoDB_20120810`.
        target: &'static str,
    },
    /// As the parameter `Action`, beside `Version`.
    Query {
        /// The API's version, when it is known.
        version: Option<&'static str>,
    },
    /// Not at all: method and path say what to do.
    Rest,
}

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Service {
    /// Its name in a URI, with the subdomain when that makes another service of it.
    name: &'static str,
    /// How it is spoken to.
    pub(super) protocol: Protocol,
    /// The name that signatures are for; `name` when empty.
    signing_name: &'static str,
    /// Behind `AWS_ENDPOINT_URL_`; `name` in capitals when empty.
    variable: &'static str,
}

const fn json_1_0(name: &'static str, target: &'static str) -> Service {
    let content_type = "application/x-amz-json-1.0";
    service(
        name,
        Protocol::Json {
            content_type,
            target,
        },
    )
}

const fn json_1_1(name: &'static str, target: &'static str) -> Service {
    let content_type = "application/x-amz-json-1.1";
    service(
        name,
        Protocol::Json {
            content_type,
            target,
        },
    )
}

const fn query(name: &'static str, version: &'static str) -> Service {
    let version = Some(version);
    service(name, Protocol::Query { version })
}

const fn rest(name: &'static str) -> Service {
    service(name, Protocol::Rest)
}

const fn service(name: &'static str, protocol: Protocol) -> Service {
    Service {
        name,
        protocol,
        signing_name: "",
        variable: "",
    }
}

impl Service {
    const fn signed_as(mut self, signing_name: &'static str) -> Self {
        self.signing_name = signing_name;
        self
    }

    const fn at(mut self, variable: &'static str) -> Self {
        self.variable = variable;
        self
    }
}

/// The services, by the name of their host. Those beside it that differ in nothing are found by
/// their name alone.
const SERVICES: [Service; 37] = [
    json_1_0("dynamodb", "DynamoDB_20120810"),
    json_1_0("streams.dynamodb", "DynamoDBStreams_20120810")
        .signed_as("dynamodb")
        .at("DYNAMODB_STREAMS"),
    json_1_0("states", "AWSStepFunctions").at("SFN"),
    json_1_0("swf", "SimpleWorkflowService"),
    json_1_0("ingest.timestream", "Timestream_20181101")
        .signed_as("timestream")
        .at("TIMESTREAM_WRITE"),
    json_1_1("kinesis", "Kinesis_20131202"),
    json_1_1("firehose", "Firehose_20150804"),
    json_1_1("events", "AWSEvents").at("EVENTBRIDGE"),
    json_1_1("logs", "Logs_20140328").at("CLOUDWATCH_LOGS"),
    json_1_1("ssm", "AmazonSSM"),
    json_1_1("secretsmanager", "secretsmanager").at("SECRETS_MANAGER"),
    json_1_1("kms", "TrentService"),
    json_1_1("cognito-idp", "AWSCognitoIdentityProviderService").at("COGNITO_IDENTITY_PROVIDER"),
    json_1_1("cognito-identity", "AWSCognitoIdentityService").at("COGNITO_IDENTITY"),
    json_1_1("athena", "AmazonAthena"),
    json_1_1("codebuild", "CodeBuild_20161006"),
    json_1_1("codepipeline", "CodePipeline_20150709"),
    json_1_1("comprehend", "Comprehend_20171127"),
    json_1_1("ecs", "AmazonEC2ContainerServiceV20141113"),
    json_1_1("glue", "AWSGlue"),
    json_1_1("rekognition", "RekognitionService"),
    json_1_1("textract", "Textract"),
    json_1_1("transcribe", "Transcribe"),
    json_1_1("translate", "AWSShineFrontendService_20170701"),
    query("sqs", "2012-11-05"),
    query("sns", "2010-03-31"),
    query("sts", "2011-06-15"),
    query("iam", "2010-05-08"),
    query("ec2", "2016-11-15"),
    query("email", "2010-12-01").signed_as("ses").at("SES"),
    query("monitoring", "2010-08-01").at("CLOUDWATCH"),
    query("cloudformation", "2010-05-15"),
    query("autoscaling", "2011-01-01").at("AUTO_SCALING"),
    rest("s3"),
    rest("lambda"),
    rest("iotdata").at("IOT_DATA_PLANE"),
    rest("runtime.sagemaker")
        .signed_as("sagemaker")
        .at("SAGEMAKER_RUNTIME"),
];

/// What is known of a service; of one that is unknown, what holds for any.
pub(super) fn service_named(subdomain: Option<&str>, name: &str) -> Service {
    let of = |wanted: &str| SERVICES.iter().find(|service| service.name == wanted);
    subdomain
        .and_then(|subdomain| of(&format!("{subdomain}.{name}")))
        .or_else(|| of(name))
        .copied()
        .unwrap_or(service("", Protocol::Query { version: None }))
}

impl Service {
    /// The name that a signature for `name` is for.
    pub(super) fn signing_name<'n>(&self, name: &'n str) -> &'n str
    where
        'static: 'n,
    {
        if self.signing_name.is_empty() {
            name
        } else {
            self.signing_name
        }
    }

    /// The variable that names another endpoint for `name`, as the SDKs read it.
    pub(super) fn endpoint_variable(&self, name: &str) -> String {
        let suffix = if self.variable.is_empty() {
            name.to_ascii_uppercase().replace('-', "_")
        } else {
            self.variable.to_owned()
        };
        format!("AWS_ENDPOINT_URL_{suffix}")
    }
}
