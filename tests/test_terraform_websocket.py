"""The calls that Terraform's AWS provider makes for its `aws_apigatewayv2_*` resources of WebSocket
APIs, with their bodies as its create, read, update and destroy send them, and that every read-back is
what it would store, so that the next plan is empty. The configurations are those of its acceptance
tests, which pass on AWS."""

import pytest
from botocore.exceptions import ClientError
from support.aws import plain, refused
from support.calls import BARE
from support.poll import until

ARN = "arn:aws:apigateway:us-east-1::"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:tf"
INVOKE_ARN = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
ROLE = "arn:aws:iam::000000000000:role/tf"


@pytest.fixture(scope="module")
def v2(module_dev):
    return module_dev(BARE).aws("apigatewayv2")


@pytest.fixture
def api(v2):
    """`aws_apigatewayv2_api` as the other resources' tests have it; the members of its path."""
    made = v2.create_api(
        Name="tf",
        ProtocolType="WEBSOCKET",
        ApiKeySelectionExpression="$request.header.x-api-key",
        RouteSelectionExpression="$request.body.action",
        Tags={},
    )
    yield {"ApiId": made["ApiId"]}
    v2.delete_api(ApiId=made["ApiId"])


class Resource:
    """A resource of the provider: what it keeps of an answer, and the calls of its life."""

    def __init__(self, v2, kind, id_member, kept, path):
        self._v2 = v2
        self._kind = kind
        self._id_member = id_member
        self._kept = kept
        self.path = dict(path)

    def _call(self, verb, **members):
        return getattr(self._v2, f"{verb}_{self._kind}")(**self.path, **members)

    def create(self, **members):
        """`Create…`; what the state has then."""
        self.id = self._call("create", **members)[self._id_member]
        self.path[self._id_member] = self.id
        return self.read()

    def read(self):
        """`Get…`: what the state has of it, without what is not set."""
        answer = self._call("get")
        return {name: answer[name] for name in self._kept if answer.get(name) not in (None, {}, [])}

    def update(self, **members):
        """`Update…`; what the state has then."""
        self._call("update", **members)
        return self.read()

    def destroy(self):
        """`Delete…`, after which nothing is there to read."""
        self._call("delete")
        with pytest.raises(ClientError) as gone:
            self._call("get")
        assert gone.value.response["Error"]["Code"] == "NotFoundException"


def test_api(v2):
    resource = Resource(
        v2,
        "api",
        "ApiId",
        (
            "ApiKeySelectionExpression",
            "CorsConfiguration",
            "Description",
            "DisableExecuteApiEndpoint",
            "IpAddressType",
            "Name",
            "ProtocolType",
            "RouteSelectionExpression",
            "Version",
            "Tags",
        ),
        {},
    )
    basic = {
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4",
        "Name": "tf",
        "ProtocolType": "WEBSOCKET",
        "RouteSelectionExpression": "$request.body.action",
    }
    state = resource.create(
        Name="tf",
        ProtocolType="WEBSOCKET",
        Tags={},
        ApiKeySelectionExpression="$request.header.x-api-key",
        RouteSelectionExpression="$request.body.action",
    )
    assert state == basic
    endpoint = v2.get_api(ApiId=resource.id)["ApiEndpoint"]
    assert endpoint.startswith("ws://")
    changed = {
        "ApiKeySelectionExpression": "$context.authorizer.usageIdentifierKey",
        "Description": "test description",
        "DisableExecuteApiEndpoint": True,
        "Name": "tf2",
        "RouteSelectionExpression": "$request.body.service",
        "Version": "v1",
    }
    assert resource.update(**changed) == {**basic, **changed}
    arn = f"{ARN}/apis/{resource.id}"
    v2.tag_resource(ResourceArn=arn, Tags={"Key1": "Value1", "Key2": "Value2"})
    v2.untag_resource(ResourceArn=arn, TagKeys=["Key1"])
    assert resource.read()["Tags"] == {"Key2": "Value2"}
    v2.untag_resource(ResourceArn=arn, TagKeys=["Key2"])
    # Back to the first configuration: what is no longer set is sent empty.
    given = {name: basic[name] for name in changed if name in basic}
    assert resource.update(**given, Description="", Version="") == basic
    resource.destroy()


def integration(v2, path):
    kept = (
        "ConnectionId",
        "ConnectionType",
        "ContentHandlingStrategy",
        "CredentialsArn",
        "Description",
        "IntegrationMethod",
        "IntegrationResponseSelectionExpression",
        "IntegrationSubtype",
        "IntegrationType",
        "IntegrationUri",
        "PassthroughBehavior",
        "PayloadFormatVersion",
        "RequestParameters",
        "RequestTemplates",
        "ResponseParameters",
        "TemplateSelectionExpression",
        "TimeoutInMillis",
        "TlsConfig",
    )
    return Resource(v2, "integration", "IntegrationId", kept, path)


#: What the provider sends for every new integration, since its schema has defaults.
INTEGRATION = {
    "ConnectionType": "INTERNET",
    "PassthroughBehavior": "WHEN_NO_MATCH",
    "PayloadFormatVersion": "1.0",
}


def test_integration_mock(v2, api):
    resource = integration(v2, api)
    assert resource.create(IntegrationType="MOCK", **INTEGRATION) == {
        "ConnectionType": "INTERNET",
        "IntegrationResponseSelectionExpression": "${integration.response.statuscode}",
        "IntegrationType": "MOCK",
        "PassthroughBehavior": "WHEN_NO_MATCH",
        "PayloadFormatVersion": "1.0",
        "TimeoutInMillis": 29000,
    }
    resource.destroy()


def test_integration_http(v2, api):
    resource = integration(v2, api)
    given = {
        "ConnectionType": "INTERNET",
        "ContentHandlingStrategy": "CONVERT_TO_TEXT",
        "Description": "Test HTTP",
        "IntegrationMethod": "GET",
        "IntegrationType": "HTTP",
        "IntegrationUri": "http://www.example.com",
        "PassthroughBehavior": "WHEN_NO_MATCH",
        "PayloadFormatVersion": "1.0",
        "RequestParameters": {"integration.request.querystring.stage": "'value1'"},
        "RequestTemplates": {"application/json": ""},
        "TemplateSelectionExpression": "$request.body.name",
        "TimeoutInMillis": 28999,
    }
    computed = {"IntegrationResponseSelectionExpression": "${integration.response.statuscode}"}
    assert resource.create(**given) == {**given, **computed}
    changed = {
        "ContentHandlingStrategy": "CONVERT_TO_BINARY",
        "Description": "Test HTTP updated",
        "IntegrationMethod": "POST",
        "IntegrationUri": "http://www.example.org",
        "PassthroughBehavior": "WHEN_NO_TEMPLATES",
        "RequestTemplates": {
            "application/json": "#set($number=42)",
            "application/xml": "#set($percent=$number/100)",
        },
        "TemplateSelectionExpression": "$request.body.id",
        "TimeoutInMillis": 51,
    }
    parameters = {
        "integration.request.header.x-userid": "'value2'",
        "integration.request.path.op": "'value3'",
    }
    state = resource.update(
        IntegrationType="HTTP",
        # A parameter is removed by an empty value.
        RequestParameters={"integration.request.querystring.stage": "", **parameters},
        **changed,
    )
    assert state == {**given, **computed, **changed, "RequestParameters": parameters}
    # Texts and maps that are taken out of the configuration.
    state = resource.update(
        IntegrationType="HTTP",
        Description="",
        TemplateSelectionExpression="",
        RequestTemplates={},
        RequestParameters=dict.fromkeys(parameters, ""),
    )
    gone = ("Description", "TemplateSelectionExpression", "RequestTemplates", "RequestParameters")
    expected = {**given, **computed, **changed}
    assert state == {name: value for name, value in expected.items() if name not in gone}
    resource.destroy()


def test_integration_lambda(v2, api):
    resource = integration(v2, api)
    given = {
        **INTEGRATION,
        "ContentHandlingStrategy": "CONVERT_TO_TEXT",
        "Description": "Test Lambda",
        "IntegrationType": "AWS",
        "IntegrationUri": INVOKE_ARN,
    }
    state = {
        **given,
        "IntegrationMethod": "POST",
        "IntegrationResponseSelectionExpression": "${integration.response.body.errorMessage}",
        "TimeoutInMillis": 29000,
    }
    assert resource.create(**given) == state
    role = {"IntegrationType": "AWS", "CredentialsArn": ROLE}
    assert resource.update(**role) == {**state, "CredentialsArn": ROLE}
    assert resource.update(**role | {"CredentialsArn": ""}) == state
    resource.destroy()


def test_integration_vpc_link(v2, api):
    resource = integration(v2, api)
    given = {
        "ConnectionId": "abc123",
        "ConnectionType": "VPC_LINK",
        "ContentHandlingStrategy": "CONVERT_TO_TEXT",
        "Description": "Test VPC Link",
        "IntegrationMethod": "PUT",
        "IntegrationType": "HTTP_PROXY",
        "IntegrationUri": "http://www.example.net",
        "PassthroughBehavior": "NEVER",
        "PayloadFormatVersion": "1.0",
        "TimeoutInMillis": 12345,
    }
    assert resource.create(**given) == given
    internet = {"ConnectionId": "", "ConnectionType": "INTERNET"}
    state = resource.update(IntegrationType="HTTP_PROXY", **internet)
    del given["ConnectionId"]
    assert state == {**given, "ConnectionType": "INTERNET"}
    resource.destroy()


def mock(v2, api):
    """The members of the path of a MOCK integration."""
    made = v2.create_integration(**api, IntegrationType="MOCK", **INTEGRATION)
    return {**api, "IntegrationId": made["IntegrationId"]}


def test_integration_response(v2, api):
    kept = (
        "ContentHandlingStrategy",
        "IntegrationResponseKey",
        "ResponseTemplates",
        "TemplateSelectionExpression",
    )
    kind = "integration_response"
    basic = Resource(v2, kind, "IntegrationResponseId", kept, mock(v2, api))
    assert basic.create(IntegrationResponseKey="/200/") == {"IntegrationResponseKey": "/200/"}
    basic.destroy()
    resource = Resource(v2, kind, "IntegrationResponseId", kept, mock(v2, api))
    given = {
        "ContentHandlingStrategy": "CONVERT_TO_TEXT",
        "IntegrationResponseKey": "$default",
        "ResponseTemplates": {"application/json": ""},
        "TemplateSelectionExpression": "$request.body.name",
    }
    assert resource.create(**given) == given
    changed = {
        "ContentHandlingStrategy": "CONVERT_TO_BINARY",
        "IntegrationResponseKey": "/404/",
        "ResponseTemplates": {
            "application/json": "#set($number=42)",
            "application/xml": "#set($percent=$number/100)",
        },
        "TemplateSelectionExpression": "$request.body.id",
    }
    assert resource.update(**changed) == changed
    state = resource.update(ResponseTemplates={}, TemplateSelectionExpression="")
    assert state == {name: changed[name] for name in kept[:2]}
    resource.destroy()


ROUTE = (
    "ApiKeyRequired",
    "AuthorizationScopes",
    "AuthorizationType",
    "AuthorizerId",
    "ModelSelectionExpression",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RouteKey",
    "RouteResponseSelectionExpression",
    "Target",
)


def route(v2, path):
    return Resource(v2, "route", "RouteId", ROUTE, path)


def basic_route(key):
    """What the provider sends for every new route, and has of it."""
    return {"ApiKeyRequired": False, "AuthorizationType": "NONE", "RouteKey": key}


def test_route(v2, api):
    resource = route(v2, api)
    basic = basic_route("$default")
    assert resource.create(**basic) == basic
    changed = {
        "ApiKeyRequired": True,
        "OperationName": "GET",
        "RouteResponseSelectionExpression": "$default",
    }
    assert resource.update(**changed) == {**basic, **changed}
    empty = {
        "ApiKeyRequired": False,
        "OperationName": "",
        "RouteResponseSelectionExpression": "",
    }
    assert resource.update(**empty) == basic
    assert resource.update(**changed) == {**basic, **changed}
    resource.destroy()


def test_route_target(v2, api):
    resource = route(v2, api)
    basic = basic_route("$default")
    integration_id = mock(v2, api)["IntegrationId"]
    target = {"Target": f"integrations/{integration_id}"}
    assert resource.create(**basic, **target) == {**basic, **target}
    # In use, it is not deleted, as when a configuration forgets the dependency.
    assert refused(v2.delete_integration, **api, IntegrationId=integration_id) == (
        409,
        "ConflictException",
        "Cannot delete Integration because it is referenced by the following Routes with Ids: "
        f"[{resource.id}]",
    )
    assert resource.update(Target="") == basic
    v2.delete_integration(**api, IntegrationId=integration_id)
    assert resource.update(RouteKey="other") == {**basic, "RouteKey": "other"}
    resource.destroy()


def test_route_authorizer(v2, api):
    """From CUSTOM to AWS_IAM, which takes the authorizer away."""
    made = v2.create_authorizer(
        **api, AuthorizerType="REQUEST", AuthorizerUri=INVOKE_ARN, IdentitySource=[], Name="tf"
    )
    authorizer = {"AuthorizerId": made["AuthorizerId"]}
    resource = route(v2, api)
    given = {**basic_route("$connect"), "AuthorizationType": "CUSTOM", **authorizer}
    assert resource.create(**given) == given
    assert refused(v2.delete_authorizer, **api, **authorizer) == (
        409,
        "ConflictException",
        "Cannot delete authorizer 'tf', is referenced in route: $connect",
    )
    state = resource.update(AuthorizationType="AWS_IAM", AuthorizerId="")
    assert state == {**basic_route("$connect"), "AuthorizationType": "AWS_IAM"}
    v2.delete_authorizer(**api, **authorizer)
    resource.destroy()


def test_route_request_parameters(v2, api):
    header, query = "route.request.header.authorization", "route.request.querystring.authToken"
    resource = route(v2, api)
    basic = basic_route("$connect")
    parameters = {"RequestParameters": {header: {"Required": True}}}
    assert resource.create(**basic, **parameters) == {**basic, **parameters}
    # What changes is deleted first, then all are sent.
    v2.delete_route_request_parameter(**resource.path, RequestParameterKey=header)
    parameters = {
        "RequestParameters": {header: {"Required": False}, query: {"Required": True}}
    }
    assert resource.update(**parameters) == {**basic, **parameters}
    for key in (header, query):
        v2.delete_route_request_parameter(**resource.path, RequestParameterKey=key)
    assert resource.read() == basic
    # The provider goes on when it is gone already.
    again = refused(
        v2.delete_route_request_parameter, **resource.path, RequestParameterKey=query
    )
    assert again[:2] == (404, "NotFoundException")
    resource.destroy()


SCHEMA = """
{
  "$schema": "http://json-schema.org/draft-04/schema#",
  "title": "ExampleModel",
  "type": "object",
  "properties": {
    "id": {
      "type": "string"
    }
  }
}
"""


def model(v2, path):
    kept = ("ContentType", "Description", "Name", "Schema")
    return Resource(v2, "model", "ModelId", kept, path)


def test_model(v2, api):
    resource = model(v2, api)
    given = {"ContentType": "text/x-json", "Description": "test", "Name": "tf", "Schema": SCHEMA}
    assert resource.create(**given) == given
    schema = SCHEMA.replace('"string"', '"integer"')
    state = resource.update(ContentType="application/json", Description="", Schema=schema)
    basic = {"ContentType": "application/json", "Name": "tf", "Schema": schema}
    assert state == basic
    assert resource.update(Name="renamed") == {**basic, "Name": "renamed"}
    resource.destroy()


def test_route_and_route_response_with_a_model(v2, api):
    messages = model(v2, api)
    messages.create(ContentType="application/json", Name="tf", Schema=SCHEMA)
    resource = route(v2, api)
    models = {"ModelSelectionExpression": "action", "RequestModels": {"test": "tf"}}
    basic = basic_route("$default")
    assert resource.create(**basic, **models) == {**basic, **models}
    response = Resource(
        v2,
        "route_response",
        "RouteResponseId",
        ("ModelSelectionExpression", "ResponseModels", "RouteResponseKey"),
        resource.path,
    )
    key = {"RouteResponseKey": "$default"}
    assert response.create(**key) == key
    given = {"ModelSelectionExpression": "action", "ResponseModels": {"test": "tf"}}
    assert response.update(**given) == {**key, **given}
    # A new name of the model comes before the routes that have it: they hold on to it meanwhile.
    messages.update(Name="other")
    renamed = {**models, "RequestModels": {"test": "other"}}
    assert resource.update(RequestModels={"test": "other"}) == {**basic, **renamed}
    assert response.update(ModelSelectionExpression="", ResponseModels={}) == key
    response.destroy()
    assert resource.update(ModelSelectionExpression="", RequestModels={}) == basic
    messages.destroy()
    resource.destroy()


def test_authorizer(v2, api):
    kept = (
        "AuthorizerCredentialsArn",
        "AuthorizerPayloadFormatVersion",
        "AuthorizerResultTtlInSeconds",
        "AuthorizerType",
        "AuthorizerUri",
        "EnableSimpleResponses",
        "IdentitySource",
        "JwtConfiguration",
        "Name",
    )
    resource = Resource(v2, "authorizer", "AuthorizerId", kept, api)
    # The provider asks first which protocol the API has.
    assert v2.get_api(**api)["ProtocolType"] == "WEBSOCKET"
    basic = {"AuthorizerType": "REQUEST", "AuthorizerUri": INVOKE_ARN, "Name": "tf"}
    given = {
        **basic,
        "AuthorizerCredentialsArn": ROLE,
        "IdentitySource": ["route.request.header.Auth"],
    }
    assert resource.create(**given) == given
    sources = {"IdentitySource": ["route.request.header.Auth", "route.request.querystring.Name"]}
    state = resource.update(**sources, Name="tf-updated")
    assert state == {**given, **sources, "Name": "tf-updated"}
    state = resource.update(AuthorizerCredentialsArn="", IdentitySource=[], Name="tf")
    assert state == basic
    resource.destroy()
    assert resource_without_sources(v2, api, kept) == basic


def resource_without_sources(v2, api, kept):
    resource = Resource(v2, "authorizer", "AuthorizerId", kept, api)
    return resource.create(
        AuthorizerType="REQUEST", AuthorizerUri=INVOKE_ARN, IdentitySource=[], Name="tf"
    )


def deployment(v2, path):
    return Resource(v2, "deployment", "DeploymentId", ("AutoDeployed", "Description"), path)


def await_deployed(v2, resource):
    """The provider waits for this."""
    until(
        lambda: v2.get_deployment(**resource.path)["DeploymentStatus"] == "DEPLOYED",
        what="the deployment",
    )


def test_deployment(v2, api):
    route(v2, api).create(**basic_route("$default"))
    resource = deployment(v2, api)
    state = resource.create(Description="Terraform")
    await_deployed(v2, resource)
    assert state == {"AutoDeployed": False, "Description": "Terraform"}
    state = resource.update(Description="updated")
    await_deployed(v2, resource)
    assert state == {"AutoDeployed": False, "Description": "updated"}
    # Another value of `triggers` makes another, and then destroys the first.
    another = deployment(v2, api)
    assert another.create() == {"AutoDeployed": False}
    resource.destroy()
    another.destroy()


STAGE = (
    "AccessLogSettings",
    "AutoDeploy",
    "ClientCertificateId",
    "DefaultRouteSettings",
    "DeploymentId",
    "Description",
    "RouteSettings",
    "StageName",
    "StageVariables",
    "Tags",
)
DEFAULT_SETTINGS = {
    "DataTraceEnabled": False,
    "DetailedMetricsEnabled": False,
    "LoggingLevel": "OFF",
}


def settings(**changed):
    """What the provider sends for a block of route settings: zeros where it sets no throttling."""
    return {
        "DataTraceEnabled": False,
        "DetailedMetricsEnabled": False,
        "ThrottlingBurstLimit": 0,
        "ThrottlingRateLimit": 0.0,
        **changed,
    }


class Stage(Resource):
    """A stage is named by its creator."""

    def __init__(self, v2, path):
        super().__init__(v2, "stage", "StageName", STAGE, path)


def test_stage(v2, api):
    resource = Stage(v2, api)
    basic = {
        "AutoDeploy": False,
        "DefaultRouteSettings": DEFAULT_SETTINGS,
        "StageName": "tf",
    }
    assert resource.create(AutoDeploy=False, StageName="tf", Tags={}) == basic
    arn = f"{ARN}/apis/{api['ApiId']}/stages/tf"
    v2.tag_resource(ResourceArn=arn, Tags={"Key1": "Value1"})
    assert resource.read()["Tags"] == {"Key1": "Value1"}
    v2.untag_resource(ResourceArn=arn, TagKeys=["Key1"])
    assert resource.update(Description="described") == {**basic, "Description": "described"}
    assert resource.update(Description="") == basic
    variables = {"StageVariables": {"var1": "t1", "var2": "t2"}}
    assert resource.update(**variables) == {**basic, **variables}
    # A variable is removed by an empty value; what did not change is not sent.
    changed = {"StageVariables": {"var1": "", "var3": "t3"}}
    state = resource.update(**changed)
    assert state == {**basic, "StageVariables": {"var2": "t2", "var3": "t3"}}
    assert resource.update(StageVariables={"var2": "", "var3": ""}) == basic
    resource.destroy()


def test_stage_settings(v2, api):
    for key in ("$connect", "$default"):
        route(v2, api).create(**basic_route(key))
    resource = Stage(v2, api)
    basic = {"AutoDeploy": False, "StageName": "tf"}
    default = settings(
        DataTraceEnabled=True,
        DetailedMetricsEnabled=True,
        LoggingLevel="INFO",
        ThrottlingBurstLimit=2222,
        ThrottlingRateLimit=8888.8,
    )
    of_routes = {
        "$connect": settings(DataTraceEnabled=True, LoggingLevel="ERROR"),
        "$default": settings(DetailedMetricsEnabled=True, ThrottlingBurstLimit=1, ThrottlingRateLimit=2.5),
    }
    state = resource.create(
        AutoDeploy=False,
        StageName="tf",
        DefaultRouteSettings=default,
        RouteSettings=of_routes,
        Tags={},
    )
    assert state == {**basic, "DefaultRouteSettings": default, "RouteSettings": of_routes}
    # The settings of a route that change are deleted first, then all are sent.
    v2.delete_route_settings(**resource.path, RouteKey="$default")
    less = {"$connect": of_routes["$connect"]}
    state = resource.update(RouteSettings=less)
    assert state == {**basic, "DefaultRouteSettings": default, "RouteSettings": less}
    v2.delete_route_settings(**resource.path, RouteKey="$connect")
    state = resource.update(RouteSettings={})
    assert state == {**basic, "DefaultRouteSettings": default}
    again = refused(v2.delete_route_settings, **resource.path, RouteKey="$connect")
    assert again[:2] == (404, "NotFoundException")
    resource.destroy()


def test_stage_access_logs(v2, api):
    resource = Stage(v2, api)
    resource.create(AutoDeploy=False, StageName="tf", Tags={})
    for form in ("$context.identity.sourceIp $context.requestId", "$context.requestId"):
        logs = {
            "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:tf",
            "Format": form,
        }
        assert resource.update(AccessLogSettings=logs)["AccessLogSettings"] == logs
    # Without the block the provider sends an empty one.
    assert "AccessLogSettings" not in resource.update(AccessLogSettings={})
    resource.destroy()


def test_a_whole_configuration_goes_in_reverse(v2):
    """A deployment that a stage serves stays, and so does what a route uses; an API takes all with
    it."""
    made = v2.create_api(
        Name="tf", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    api = {"ApiId": made["ApiId"]}
    target = f"integrations/{mock(v2, api)['IntegrationId']}"
    default = route(v2, api)
    default.create(**basic_route("$default"), Target=target)
    first = deployment(v2, api)
    first.create()
    stage = Stage(v2, api)
    state = stage.create(AutoDeploy=False, StageName="tf", DeploymentId=first.id, Tags={})
    assert state["DeploymentId"] == first.id
    assert refused(v2.delete_deployment, **first.path)[:2] == (400, "BadRequestException")
    second = deployment(v2, api)
    second.create()
    assert stage.update(DeploymentId=second.id)["DeploymentId"] == second.id
    first.destroy()
    stage.destroy()
    second.destroy()
    default.destroy()
    v2.delete_api(**api)
    assert plain(v2.get_apis())["Items"] == []
    assert refused(v2.get_routes, **api)[:2] == (404, "NotFoundException")
