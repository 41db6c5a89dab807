"""APIs, deployments and stages, made and changed by calls to `apigatewayv2`."""

import re

import pytest
from support.aws import plain, refused, status
from support.talk import silent_app

EXPRESSION = "$request.body.action"


@pytest.fixture
def app(dev):
    return dev(silent_app())


@pytest.fixture
def api_gateway(app):
    return app.aws("apigatewayv2")


def create(api_gateway, **members):
    return api_gateway.create_api(
        **{
            "Name": "made",
            "ProtocolType": "WEBSOCKET",
            "RouteSelectionExpression": EXPRESSION,
            **members,
        }
    )


def arn(api_id, stage=None):
    of_stage = f"/stages/{stage}" if stage else ""
    return f"arn:aws:apigateway:us-east-1::/apis/{api_id}{of_stage}"


# --- APIs


def test_an_api_shows_what_it_was_given_and_the_defaults_of_aws(app, api_gateway):
    made = create(api_gateway)
    assert status(made) == 201
    api_id = made["ApiId"]
    assert re.fullmatch("[a-z0-9]{10}", api_id)
    created = made["CreatedDate"]
    assert created.microsecond == 0
    assert plain(made) == {
        "ApiEndpoint": f"ws://localhost:{app.port}/_aws/execute-api/{api_id}",
        "ApiId": api_id,
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "CreatedDate": created,
        "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4",
        "Name": "made",
        "ProtocolType": "WEBSOCKET",
        "RouteSelectionExpression": EXPRESSION,
    }
    assert plain(api_gateway.get_api(ApiId=api_id)) == plain(made)
    names = {api["Name"] for api in api_gateway.get_apis()["Items"]}
    assert names == {"made", app.api()["name"]}


def test_an_update_replaces_what_it_has_and_leaves_the_rest(api_gateway):
    made = create(
        api_gateway,
        ApiKeySelectionExpression="$context.authorizer.usageIdentifierKey",
        Description="first",
        DisableSchemaValidation=True,
        IpAddressType="dualstack",
        Tags={"team": "web"},
        Version="1",
    )
    updated = api_gateway.update_api(
        ApiId=made["ApiId"],
        Description="second",
        DisableExecuteApiEndpoint=True,
        Name="renamed",
        RouteSelectionExpression="${request.body.kind}",
    )
    assert status(updated) == 200
    assert plain(updated) == plain(made) | {
        "Description": "second",
        "DisableExecuteApiEndpoint": True,
        "Name": "renamed",
        "RouteSelectionExpression": "${request.body.kind}",
    }
    # As Terraform's provider takes members away.
    emptied = api_gateway.update_api(ApiId=made["ApiId"], Description="", Version="")
    assert "Description" not in emptied
    assert "Version" not in emptied
    assert plain(api_gateway.get_api(ApiId=made["ApiId"])) == plain(emptied)


def test_what_aws_refuses_of_an_api_is_refused_and_changes_nothing(api_gateway):
    def bad_request(message, **members):
        assert refused(create, api_gateway=api_gateway, **members) == (
            400,
            "BadRequestException",
            message,
        )

    bad_request(
        "Gatepost serves WebSocket APIs only: set ProtocolType to WEBSOCKET", ProtocolType="HTTP"
    )
    bad_request(
        "RouteSelectionExpression is required for WEBSOCKET protocol Apis.",
        RouteSelectionExpression="",
    )
    bad_request(
        "CorsConfiguration cannot be set for WEBSOCKET protocol Apis.",
        CorsConfiguration={"AllowOrigins": ["*"]},
    )
    bad_request(
        "Target cannot be set for WEBSOCKET protocol Apis.", Target="https://example.com"
    )
    for members in [
        {"RouteSelectionExpression": "${request.body.action"},
        {"ApiKeySelectionExpression": "$request.body.key"},
    ]:
        assert refused(create, api_gateway=api_gateway, **members)[:2] == (
            400,
            "BadRequestException",
        )
    assert len(api_gateway.get_apis()["Items"]) == 1
    made = create(api_gateway)
    assert refused(
        api_gateway.update_api,
        ApiId=made["ApiId"],
        Name="other",
        ApiKeySelectionExpression="$request.body.key",
    )[:2] == (400, "BadRequestException")
    assert plain(api_gateway.get_api(ApiId=made["ApiId"])) == plain(made)


def test_a_deleted_api_is_gone(api_gateway):
    api_id = create(api_gateway)["ApiId"]
    deleted = api_gateway.delete_api(ApiId=api_id)
    assert status(deleted) == 204
    gone = (404, "NotFoundException", f"Invalid API identifier specified {api_id}")
    assert refused(api_gateway.get_api, ApiId=api_id) == gone
    assert refused(api_gateway.update_api, ApiId=api_id, Name="x") == gone
    assert refused(api_gateway.delete_api, ApiId=api_id) == gone


def test_an_api_of_the_template_is_changed_in_the_template(app, api_gateway):
    api_id = app.api()["apiId"]
    before = plain(api_gateway.get_api(ApiId=api_id))
    of_template = (
        409,
        "ConflictException",
        f"the API {api_id} is the template's: change it there, and it is served at once",
    )
    for call, arguments in [
        (api_gateway.update_api, {"Name": "other"}),
        (api_gateway.delete_api, {}),
        (api_gateway.create_stage, {"StageName": "other"}),
        (api_gateway.update_stage, {"StageName": app.stage()["stage"], "Description": "other"}),
        (api_gateway.create_deployment, {}),
    ]:
        assert refused(call, ApiId=api_id, **arguments) == of_template
    assert refused(api_gateway.tag_resource, ResourceArn=arn(api_id), Tags={"a": "b"}) == of_template
    assert plain(api_gateway.get_api(ApiId=api_id)) == before


# --- stages and deployments without routes


def test_a_stage_shows_what_it_was_given_and_the_defaults_of_aws(api_gateway):
    api_id = create(api_gateway)["ApiId"]
    made = api_gateway.create_stage(ApiId=api_id, StageName="prod")
    assert status(made) == 201
    assert plain(made) == {
        "AutoDeploy": False,
        "CreatedDate": made["CreatedDate"],
        "DefaultRouteSettings": {
            "DataTraceEnabled": False,
            "DetailedMetricsEnabled": False,
            "LoggingLevel": "OFF",
        },
        "LastUpdatedDate": made["CreatedDate"],
        "RouteSettings": {},
        "StageName": "prod",
        "StageVariables": {},
        "Tags": {},
    }
    assert plain(api_gateway.get_stage(ApiId=api_id, StageName="prod")) == plain(made)


def test_stage_variables_are_merged_and_empty_ones_taken_away(api_gateway):
    api_id = create(api_gateway)["ApiId"]
    api_gateway.create_stage(
        ApiId=api_id, StageName="prod", StageVariables={"a": "1", "b": "2", "c": "3"}
    )
    updated = api_gateway.update_stage(
        ApiId=api_id, StageName="prod", StageVariables={"a": "", "b": "4", "d": "5"}
    )
    assert status(updated) == 200
    assert updated["StageVariables"] == {"b": "4", "c": "3", "d": "5"}


def test_settings_of_a_stage_are_set_one_by_one(api_gateway):
    api_id = create(api_gateway)["ApiId"]
    format = "$context.requestId"
    group = "arn:aws:logs:us-east-1:000000000000:log-group:access"
    api_gateway.create_stage(
        ApiId=api_id,
        StageName="prod",
        AccessLogSettings={"DestinationArn": group, "Format": format},
        DefaultRouteSettings={"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 6.5},
        Description="first",
    )
    updated = api_gateway.update_stage(
        ApiId=api_id, StageName="prod", DefaultRouteSettings={"LoggingLevel": "INFO"}
    )
    assert updated["DefaultRouteSettings"] == {
        "DataTraceEnabled": False,
        "DetailedMetricsEnabled": False,
        "LoggingLevel": "INFO",
        "ThrottlingBurstLimit": 3,
        "ThrottlingRateLimit": 6.5,
    }
    assert updated["AccessLogSettings"] == {"DestinationArn": group, "Format": format}
    assert updated["Description"] == "first"
    deleted = api_gateway.delete_access_log_settings(ApiId=api_id, StageName="prod")
    assert status(deleted) == 204
    assert "AccessLogSettings" not in api_gateway.get_stage(ApiId=api_id, StageName="prod")
    # As captured from AWS.
    debug = api_gateway.update_stage(
        ApiId=api_id, StageName="prod", DefaultRouteSettings={"LoggingLevel": "DEBUG"}
    )
    assert debug["DefaultRouteSettings"]["LoggingLevel"] == "OFF"


@pytest.mark.parametrize(
    "members, message",
    [
        (
            {"AccessLogSettings": {"DestinationArn": "not-an-arn", "Format": "$context.requestId"}},
            "Invalid ARN specified in the request. ARNs must start with 'arn:': not-an-arn",
        ),
        (
            {
                "AccessLogSettings": {
                    "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:a",
                    "Format": "literal-only",
                }
            },
            "The following errors are found in Access Log Format: Access Log format must include "
            "either $context.requestId or $context.extendedRequestId : 'literal-only'",
        ),
        (
            {"AccessLogSettings": {"Format": "$context.requestId"}},
            "Access Log value missing. Expected destinationArn and format.",
        ),
        (
            {"RouteSettings": {"nothing": {"LoggingLevel": "INFO"}}},
            "Unable to find Route by key nothing within the provided RouteSettings",
        ),
        (
            {"StageVariables": {"a-b": "1"}},
            "Invalid stage variable name a-b: use at most 64 letters, digits and _",
        ),
        (
            {"StageVariables": {"a": "{}"}},
            "Invalid value of the stage variable a: use at most 512 letters, digits and "
            "-._~:/?#&=,",
        ),
        (
            {"DefaultRouteSettings": {"ThrottlingBurstLimit": -1}},
            "Invalid throttlingBurstLimit: it must be 0 or more",
        ),
    ],
)
def test_what_aws_refuses_of_a_stage_is_refused_and_changes_nothing(api_gateway, members, message):
    api_id = create(api_gateway)["ApiId"]
    bad_request = (400, "BadRequestException", message)
    assert refused(api_gateway.create_stage, ApiId=api_id, StageName="a", **members) == bad_request
    made = plain(api_gateway.create_stage(ApiId=api_id, StageName="b"))
    changes = {**members, "Description": "changed"}
    assert refused(api_gateway.update_stage, ApiId=api_id, StageName="b", **changes) == bad_request
    [stage] = api_gateway.get_stages(ApiId=api_id)["Items"]
    assert stage == made


def test_names_and_ids_of_stages_and_deployments_must_be_known(api_gateway):
    api_id = create(api_gateway)["ApiId"]
    assert refused(api_gateway.create_stage, ApiId=api_id, StageName="a/b") == (
        400,
        "BadRequestException",
        "Invalid stage name a/b: use 1 to 128 letters, digits, - and _",
    )
    api_gateway.create_stage(ApiId=api_id, StageName="prod")
    assert refused(api_gateway.create_stage, ApiId=api_id, StageName="prod") == (
        409,
        "ConflictException",
        "Stage with name prod already exists for this API",
    )
    assert refused(
        api_gateway.create_stage, ApiId=api_id, StageName="x", DeploymentId="nothing"
    ) == (404, "NotFoundException", "Invalid Deployment identifier specified nothing")
    no_stage = (404, "NotFoundException", "Invalid stage identifier specified")
    for call in (
        api_gateway.update_stage,
        api_gateway.delete_stage,
        api_gateway.delete_access_log_settings,
    ):
        assert refused(call, ApiId=api_id, StageName="other") == no_stage
    assert refused(
        api_gateway.delete_route_settings, ApiId=api_id, StageName="prod", RouteKey="nothing"
    ) == (404, "NotFoundException", "Invalid Route identifier specified nothing")
    assert refused(
        api_gateway.create_stage, ApiId="nothing", StageName="prod"
    ) == (404, "NotFoundException", "Invalid API identifier specified nothing")
    assert status(api_gateway.delete_stage(ApiId=api_id, StageName="prod")) == 204
    assert api_gateway.get_stages(ApiId=api_id)["Items"] == []


def test_an_api_without_routes_is_not_deployed(api_gateway):
    api_id = create(api_gateway)["ApiId"]
    assert refused(api_gateway.create_deployment, ApiId=api_id) == (
        400,
        "BadRequestException",
        "At least one route is required before deploying the Api.",
    )
    stage = api_gateway.create_stage(ApiId=api_id, StageName="prod", AutoDeploy=True)
    assert "DeploymentId" not in stage
    assert stage["LastDeploymentStatusMessage"] == (
        "Deployment attempt failed: Unable to deploy API because no routes exist in this API"
    )
    assert api_gateway.get_deployments(ApiId=api_id)["Items"] == []


def test_a_resource_has_fifty_tags_at_most(app, api_gateway):
    tags = {f"key{number}": "1" for number in range(50)}
    more = {**tags, "key50": "1"}
    text = "Maximum number of Tags for this resource has been reached: there may be 50"
    too_many = (400, "BadRequestException", text)
    api_id = create(api_gateway, Tags=tags)["ApiId"]
    api_gateway.create_stage(ApiId=api_id, StageName="prod", Tags=tags)
    v1 = app.aws("apigateway")
    own = [
        arn(api_id),
        arn(api_id, "prod"),
        f"{arn('x').removesuffix('/apis/x')}/domainnames/ws.example.com",
        f"{arn('x').removesuffix('/apis/x')}/vpclinks/"
        + api_gateway.create_vpc_link(Name="x", SubnetIds=["s"], Tags=tags)["VpcLinkId"],
    ]
    api_gateway.create_domain_name(DomainName="ws.example.com", Tags=tags)
    for resource in own:
        assert refused(api_gateway.tag_resource, ResourceArn=resource, Tags={"key50": "1"}) == too_many
        api_gateway.tag_resource(ResourceArn=resource, Tags={"key0": "2"})
        assert api_gateway.get_tags(ResourceArn=resource)["Tags"] == {**tags, "key0": "2"}
    key = v1.create_api_key(name="x", tags=tags)["id"]
    of_key = f"{arn('x').removesuffix('/apis/x')}/apikeys/{key}"
    assert refused(v1.tag_resource, resourceArn=of_key, tags={"key50": "1"}) == too_many
    for call, arguments in [
        (api_gateway.create_api, {"Name": "x", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": EXPRESSION}),
        (api_gateway.create_stage, {"ApiId": api_id, "StageName": "other"}),
        (api_gateway.create_vpc_link, {"Name": "x", "SubnetIds": ["s"]}),
        (api_gateway.create_domain_name, {"DomainName": "other.example.com"}),
    ]:
        assert refused(call, **arguments, Tags=more) == too_many
    for call, arguments in [
        (v1.create_api_key, {"name": "y"}),
        (v1.create_usage_plan, {"name": "y"}),
        (v1.generate_client_certificate, {}),
        (v1.create_vpc_link, {"name": "y", "targetArns": ["arn:aws:x"]}),
    ]:
        assert refused(call, **arguments, tags=more) == too_many


def test_tags_of_apis_and_stages_are_added_and_removed(api_gateway):
    api_id = create(api_gateway, Tags={"team": "web"})["ApiId"]
    api_gateway.create_stage(ApiId=api_id, StageName="prod", Tags={"team": "web"})
    for resource in (arn(api_id), arn(api_id, "prod")):
        tagged = api_gateway.tag_resource(ResourceArn=resource, Tags={"tier": "1"})
        assert status(tagged) == 201
        assert api_gateway.get_tags(ResourceArn=resource)["Tags"] == {"team": "web", "tier": "1"}
        untagged = api_gateway.untag_resource(ResourceArn=resource, TagKeys=["team"])
        assert status(untagged) == 204
        assert api_gateway.get_tags(ResourceArn=resource)["Tags"] == {"tier": "1"}


def test_what_calls_made_survives_a_restart(app, api_gateway):
    api_id = create(api_gateway, Tags={"team": "web"}, Version="1")["ApiId"]
    api_gateway.create_stage(
        ApiId=api_id,
        StageName="prod",
        AutoDeploy=True,
        DefaultRouteSettings={"LoggingLevel": "ERROR", "ThrottlingRateLimit": 0.5},
        StageVariables={"a": "1"},
    )
    deleted = create(api_gateway)["ApiId"]
    api_gateway.delete_api(ApiId=deleted)
    kept = [api_gateway.get_apis()["Items"], api_gateway.get_stages(ApiId=api_id)["Items"]]
    app.stop(kill=True)
    app.restart()
    api_gateway = app.aws("apigatewayv2")
    moved = [api_gateway.get_apis()["Items"], api_gateway.get_stages(ApiId=api_id)["Items"]]
    for api in kept[0] + moved[0]:
        # The port is another, and the template's API counts as made at each start.
        del api["ApiEndpoint"], api["CreatedDate"]
    assert moved == kept
