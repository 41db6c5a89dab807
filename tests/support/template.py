"""Little apps: a template from a dict of route key → what answers it."""

import subprocess
import sys
from dataclasses import dataclass, field

#: The runtimes that are surely on this machine: those the tests themselves use.
PYTHON = f"python3.{sys.version_info.minor}"
NODE = "nodejs{}.x".format(
    subprocess.check_output(["node", "-p", "parseInt(process.versions.node)"], text=True).strip()
)


@dataclass
class Function:
    """An `AWS_PROXY` integration with a function of the template, by logical id."""

    function: str
    two_way: bool = False
    route: dict = field(default_factory=dict)
    integration: dict = field(default_factory=dict)

    def properties(self):
        uri = (
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
            f"${{{self.function}.Arn}}/invocations"
        )
        return {
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": {"Fn::Sub": uri},
            **self.integration,
        }

    responses = {}


@dataclass
class Custom:
    """An integration that transforms: `AWS` with a function of the template, by logical id."""

    function: str
    two_way: bool = False
    #: Integration response key to its properties.
    responses: dict = field(default_factory=lambda: {"$default": {}})
    route: dict = field(default_factory=dict)
    integration: dict = field(default_factory=dict)

    def properties(self):
        function = Function(self.function).properties()
        return {**function, "IntegrationType": "AWS", **self.integration}


@dataclass
class Mock:
    """A `MOCK` integration; two-way when a reply is given."""

    reply: str | None = None
    request: str = '{"statusCode":200}'
    responses: dict | None = None
    route: dict = field(default_factory=dict)
    integration: dict = field(default_factory=dict)

    @property
    def two_way(self):
        return self.reply is not None

    def __post_init__(self):
        if self.responses is None:
            template = {"ResponseTemplates": {"$default": self.reply}} if self.two_way else {}
            self.responses = {"$default": template}

    def properties(self):
        templates = {"application/json": self.request}
        return {"IntegrationType": "MOCK", "RequestTemplates": templates, **self.integration}


@dataclass
class Http:
    """An `HTTP_PROXY` integration."""

    uri: str
    parameters: dict = field(default_factory=dict)
    two_way: bool = False
    method: str = "POST"
    route: dict = field(default_factory=dict)
    integration: dict = field(default_factory=dict)

    def properties(self):
        return {
            "IntegrationType": "HTTP_PROXY",
            "IntegrationUri": self.uri,
            "IntegrationMethod": self.method,
            "RequestParameters": self.parameters,
            **self.integration,
        }

    responses = {}


@dataclass
class HttpCustom(Http):
    """An `HTTP` integration."""

    #: Integration response key to its properties.
    responses: dict = field(default_factory=lambda: {"$default": {}})

    def properties(self):
        return {**super().properties(), "IntegrationType": "HTTP", **self.integration}


@dataclass
class Service:
    """An `AWS` integration with a service, two-way: its part of the URI, and the request template."""

    #: E.g. `sns:action/Publish`.
    uri: str
    #: None passes the message on as it is.
    template: str | None
    content_type: str | None = None
    method: str = "POST"
    #: Integration response key to its properties.
    responses: dict = field(default_factory=lambda: {"$default": {}})
    two_way: bool = True
    route: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)

    def properties(self):
        mapped = {"integration.request.header.Content-Type": f"'{self.content_type}'"}
        return {
            "IntegrationType": "AWS",
            "IntegrationUri": f"arn:aws:apigateway:us-east-1:{self.uri}",
            "IntegrationMethod": self.method,
            "CredentialsArn": "arn:aws:iam::123456789012:role/api",
            "RequestTemplates": {} if self.template is None else {"$default": self.template},
            "RequestParameters": (mapped if self.content_type else {}) | self.parameters,
        }


@dataclass
class Authorizer:
    """A Lambda `REQUEST` authorizer on `$connect`, by the function's logical id."""

    function: str
    identity_source: list = field(default_factory=list)


def python(source, **properties):
    """An inline Python function with `def handler(event, context)`."""
    return function(PYTHON, source, **properties)


def node(source, **properties):
    """An inline Node function with `exports.handler`."""
    return function(NODE, source, **properties)


def function(runtime, source, **properties):
    """An inline function."""
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": runtime,
            "Handler": "index.handler",
            "InlineCode": source,
            "Timeout": 10,
            **properties,
        },
    }


def code(runtime, handler, uri, **properties):
    """A function whose code is a folder or zip beside the template."""
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": runtime,
            "Handler": handler,
            "CodeUri": uri,
            "Timeout": 10,
            **properties,
        },
    }


def permission(function):
    """What lets API Gateway invoke a function of the template, by logical id."""
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": function},
            "Principal": "apigateway.amazonaws.com",
        },
    }


def websocket_app(
    routes,
    functions=None,
    *,
    selection="$request.body.action",
    stage="prod",
    stage_properties=None,
    api="Api",
    api_properties=None,
    authorizer=None,
    resources=None,
):
    """A template with one WebSocket API in the way of the AWS samples."""
    made = {
        api: {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": api.lower(),
                "ProtocolType": "WEBSOCKET",
                "RouteSelectionExpression": selection,
                **(api_properties or {}),
            },
        }
    }
    for name, definition in (functions or {}).items():
        made[name] = python(definition) if isinstance(definition, str) else definition
        made[f"{name}{api}Permission"] = permission(name)
    if authorizer:
        made[f"{api}Authorizer"] = _authorizer(api, authorizer)
    made_before = []
    for number, (key, target) in enumerate(routes.items()):
        target = Function(target) if isinstance(target, str) else target
        name = f"{api}{number}"
        route = _route(api, name, key, target)
        made_before += [made_id for made_id in route if not made_id.endswith("Integration")]
        made |= route
        if authorizer and key == "$connect":
            made[f"{name}Route"]["Properties"] |= {
                "AuthorizationType": "CUSTOM",
                "AuthorizerId": {"Ref": f"{api}Authorizer"},
            }
    made[f"{api}Deployment"] = {
        "Type": "AWS::ApiGatewayV2::Deployment",
        "DependsOn": made_before,
        "Properties": {"ApiId": {"Ref": api}},
    }
    made[f"{api}Stage"] = {
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {
            "ApiId": {"Ref": api},
            "StageName": stage,
            "DeploymentId": {"Ref": f"{api}Deployment"},
            **(stage_properties or {}),
        },
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": made | (resources or {}),
    }


def stage(api, name, **properties):
    """Another stage of an API made by `websocket_app`, of the same deployment unless it says so."""
    return {
        f"{api}{name.capitalize()}Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {
                "ApiId": {"Ref": api},
                "StageName": name,
                "DeploymentId": {"Ref": f"{api}Deployment"},
                **properties,
            },
        }
    }


def custom_domain(name, domain, **mappings):
    """A custom domain with mappings of a key (`root`: none) to the logical ids of API and stage."""
    made = {
        f"{name}Domain": {
            "Type": "AWS::ApiGatewayV2::DomainName",
            "Properties": {"DomainName": domain},
        }
    }
    for key, (api, stage_id) in mappings.items():
        made[f"{name}{key.capitalize()}Mapping"] = {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {
                "DomainName": {"Ref": f"{name}Domain"},
                "ApiId": {"Ref": api},
                "Stage": {"Ref": stage_id},
                **({} if key == "root" else {"ApiMappingKey": key}),
            },
        }
    return made


def together(*templates):
    """One template with the resources of several."""
    return templates[0] | {
        "Resources": {k: v for template in templates for k, v in template["Resources"].items()}
    }


def _route(api, name, key, target):
    made = {
        f"{name}Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": api},
                "RouteKey": key,
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": f"{name}Integration"}]]},
                **({"RouteResponseSelectionExpression": "$default"} if target.two_way else {}),
                **target.route,
            },
        },
        f"{name}Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {"ApiId": {"Ref": api}, **target.properties()},
        },
    }
    if target.two_way:
        made[f"{name}RouteResponse"] = {
            "Type": "AWS::ApiGatewayV2::RouteResponse",
            "Properties": {
                "ApiId": {"Ref": api},
                "RouteId": {"Ref": f"{name}Route"},
                "RouteResponseKey": "$default",
            },
        }
    for number, (response_key, properties) in enumerate(target.responses.items()):
        made[f"{name}Response{number}"] = {
            "Type": "AWS::ApiGatewayV2::IntegrationResponse",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationId": {"Ref": f"{name}Integration"},
                "IntegrationResponseKey": response_key,
                **properties,
            },
        }
    return made


def _authorizer(api, authorizer):
    uri = Function(authorizer.function).properties()["IntegrationUri"]
    return {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": {"Ref": api},
            "AuthorizerType": "REQUEST",
            "Name": "authorizer",
            "AuthorizerUri": uri,
            "IdentitySource": authorizer.identity_source,
        },
    }


#: Records its event, then does what the client asked for: in the query on `$connect`, in the JSON
#: body of a message. `sleep` seconds, `raise` a text, `exit` with a status, `post` to its own
#: connection and record status and reason (always, when the stage has a variable `post`),
#: `answer` with a JSON value.
RECORDER = r"""
import json, os, time, urllib.error, urllib.parse, urllib.request

def note(event):
    line = (json.dumps(event) + "\n").encode()
    log = os.open(os.environ["EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, line)
    os.close(log)

def post(connection_id, text):
    base = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    url = base + "/@connections/" + urllib.parse.quote(connection_id, safe="")
    try:
        return urllib.request.urlopen(urllib.request.Request(url, text.encode())).status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-gatepost-gone-reason")

def handler(event, context):
    asked = event.get("queryStringParameters") or {}
    try:
        asked = json.loads(event["body"])
    except (KeyError, ValueError):
        pass
    if not isinstance(asked, dict):
        asked = {}
    here = event["requestContext"]
    if "post" in asked or "post" in event.get("stageVariables", {}):
        event["posted"] = post(here["connectionId"], asked.get("post", "hello"))
    note(event)
    time.sleep(float(asked.get("sleep", 0)))
    if "raise" in asked:
        raise Exception(asked["raise"])
    if "exit" in asked:
        os._exit(int(asked["exit"]))
    answer = asked.get("answer", {"statusCode": 200})
    return json.loads(answer) if isinstance(answer, str) else answer
"""


#: Records its event, then decides by the query: `effect` Allow or Deny of the `resource` (the
#: method by default), a `context`, or as RECORDER: `raise`, `sleep`, `answer`.
AUTHORIZER = (
    RECORDER[: RECORDER.index("def handler")]
    + r"""
def handler(event, context):
    note(event)
    asked = event["queryStringParameters"]
    time.sleep(float(asked.get("sleep", 0)))
    if "raise" in asked:
        raise Exception(asked["raise"])
    if "answer" in asked:
        # A URL cannot carry what an answer may be too large with.
        return json.loads(asked["answer"].replace("9000 characters", "x" * 9000))
    statement = {
        "Action": asked.get("policyAction", "execute-api:Invoke"),
        "Effect": asked.get("effect", "Allow"),
        "Resource": asked.get("resource", event["methodArn"]),
    }
    return {
        "principalId": asked.get("principal", "ann"),
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        **({"context": json.loads(asked["context"])} if "context" in asked else {}),
    }
"""
)
