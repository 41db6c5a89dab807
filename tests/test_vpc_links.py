"""VPC links made by calls, of `apigatewayv2` and of `apigateway`: what they are, and that integrations
reach backends through them where `gatepost.toml` says."""

from datetime import UTC, datetime

import pytest
from support.aws import plain, refused, status
from support.fixtures import write_app
from support.proxying_api import hear, proxying_api
from support.talk import say
from support.template import Http, Mock, websocket_app

ARN = "arn:aws:apigateway:us-east-1::/vpclinks/"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/nlb/0123456789abcdef"
URL = "http://nlb-0123.elb.us-east-1.amazonaws.com/in/rooms"


@pytest.fixture
def app(dev):
    config = '[integrations.vpc_links]\nready = "http://127.0.0.1:8080"\n'
    return dev(websocket_app({"$default": Mock()}), config=config)


def test_a_link_of_v2_is_read_renamed_tagged_and_deleted(app):
    apis = app.aws("apigatewayv2")
    before = datetime.now(UTC).replace(microsecond=0)
    made = apis.create_vpc_link(
        Name="ready",
        SubnetIds=["subnet-1", "subnet-2"],
        SecurityGroupIds=["sg-1"],
        Tags={"env": "test"},
    )
    assert status(made) == 201
    answer = plain(made)
    own = answer["VpcLinkId"]
    assert len(own) == 6 and own.isalnum() and own == own.lower()
    assert before <= answer.pop("CreatedDate") <= datetime.now(UTC)
    assert answer == {
        "Name": "ready",
        "SecurityGroupIds": ["sg-1"],
        "SubnetIds": ["subnet-1", "subnet-2"],
        "Tags": {"env": "test"},
        "VpcLinkId": own,
        "VpcLinkStatus": "AVAILABLE",
        "VpcLinkStatusMessage": "VPC link is ready to route traffic",
        "VpcLinkVersion": "V2",
    }
    assert plain(apis.get_vpc_link(VpcLinkId=own)) == plain(made)
    assert apis.get_vpc_links()["Items"] == [plain(made)]
    renamed = apis.update_vpc_link(VpcLinkId=own, Name="other")
    assert (status(renamed), renamed["Name"]) == (200, "other")
    apis.tag_resource(ResourceArn=ARN + own, Tags={"a": "1"})
    apis.untag_resource(ResourceArn=ARN + own, TagKeys=["env"])
    assert apis.get_tags(ResourceArn=ARN + own)["Tags"] == {"a": "1"}
    # The other API knows its own kind only.
    assert app.aws("apigateway").get_vpc_links()["items"] == []
    assert refused(app.aws("apigateway").get_vpc_link, vpcLinkId=own)[0] == 404
    assert status(apis.delete_vpc_link(VpcLinkId=own)) == 202
    gone = (404, "NotFoundException", f"Invalid VpcLink identifier specified {own}")
    assert refused(apis.get_vpc_link, VpcLinkId=own) == gone
    assert refused(apis.update_vpc_link, VpcLinkId=own, Name="x") == gone
    assert refused(apis.delete_vpc_link, VpcLinkId=own) == gone


def test_a_link_of_v1_leads_to_a_load_balancer(app):
    api_gateway = app.aws("apigateway")
    made = api_gateway.create_vpc_link(
        name="ready", description="mine", targetArns=[BALANCER], tags={"env": "test"}
    )
    assert status(made) == 202
    own = made["id"]
    assert plain(made) == {
        "id": own,
        "name": "ready",
        "description": "mine",
        "status": "AVAILABLE",
        "statusMessage": "Your vpc link is ready for use",
        "tags": {"env": "test"},
        "targetArns": [BALANCER],
    }
    assert plain(api_gateway.get_vpc_link(vpcLinkId=own)) == plain(made)
    assert api_gateway.get_vpc_links()["items"] == [plain(made)]
    changed = api_gateway.update_vpc_link(
        vpcLinkId=own,
        patchOperations=[
            {"op": "replace", "path": "/name", "value": "other"},
            {"op": "replace", "path": "/description", "value": ""},
        ],
    )
    assert changed["name"] == "other" and "description" not in changed
    api_gateway.tag_resource(resourceArn=ARN + own, tags={"a": "1"})
    assert api_gateway.get_tags(resourceArn=ARN + own)["tags"] == {"env": "test", "a": "1"}
    for arns, text in [
        (["x"], "Invalid ARN specified in the request. ARNs must start with 'arn:': x"),
        ([], "Invalid VPC link: targetArns must name one network load balancer"),
    ]:
        code = refused(api_gateway.create_vpc_link, name="x", targetArns=arns)
        assert code == (400, "BadRequestException", text)
    assert status(api_gateway.delete_vpc_link(vpcLinkId=own)) == 202
    assert refused(api_gateway.get_vpc_link, vpcLinkId=own)[0] == 404


def test_a_link_that_leads_nowhere_says_so_to_its_maker_and_on_the_terminal(app):
    text = (
        "the VPC link `my link` leads nowhere: write where, e.g. \"my link\" = "
        '"http://127.0.0.1:8080" below [integrations.vpc_links]'
    )
    made = app.aws("apigatewayv2").create_vpc_link(Name="my link", SubnetIds=["subnet-1"])
    assert made["VpcLinkStatus"] == "AVAILABLE"
    assert made["VpcLinkStatusMessage"] == text
    app.wait_event("warning", lambda event: event["text"] == text)
    app.restart()
    assert app.aws("apigatewayv2").get_vpc_links()["Items"] == [plain(made)]
    assert [event["text"] for event in app.events("warning")].count(text) == 2


def api_through(app, link):
    """An API whose `$default` proxies through a link: its id and the integration's."""
    through = {"IntegrationUri": URL, "ConnectionType": "VPC_LINK", "ConnectionId": link}
    return proxying_api(app, through)


def test_an_integration_goes_through_a_link_also_after_a_restart(dev, connect, http_backend):
    http_backend.answer("/in/rooms", body="from the VPC")
    config = f'[integrations.vpc_links]\nmine = "{http_backend.url}"\n'
    app = dev(websocket_app({"$default": Mock()}), config=config)
    api_gateway = app.aws("apigateway")
    link = api_gateway.create_vpc_link(name="mine", targetArns=[BALANCER])["id"]
    api, integration = api_through(app, link)
    assert hear(app, api, connect) == "from the VPC"
    app.restart()
    assert hear(app, api, connect) == "from the VPC"
    got = http_backend.received("/in/rooms")[0]
    assert got.headers["host"] == ["nlb-0123.elb.us-east-1.amazonaws.com"]
    api_gateway = app.aws("apigateway")
    assert refused(api_gateway.delete_vpc_link, vpcLinkId=link) == (
        400,
        "BadRequestException",
        f"Cannot delete vpc link. Vpc link '{link}', is referenced in [{integration}:{api}] in "
        "format of [Integration:API].",
    )
    app.aws("apigatewayv2").delete_api(ApiId=api)
    api_gateway.delete_vpc_link(vpcLinkId=link)


FAILED = '"message": "Internal server error"'


@pytest.mark.parametrize("named_by", ["its id", "a stage variable"])
def test_a_renamed_link_leads_where_its_present_name_is_configured_at_once(
    dev, connect, http_backend, named_by
):
    http_backend.answer("/in/rooms", body="from the VPC")
    config = f'[integrations.vpc_links]\nmine = "{http_backend.url}"\n'
    app = dev(websocket_app({"$default": Mock()}), config=config)
    link = app.aws("apigatewayv2").create_vpc_link(Name="none", SubnetIds=["s"])["VpcLinkId"]
    if named_by == "its id":
        api, _ = api_through(app, link)
    else:
        through = {"ConnectionType": "VPC_LINK", "ConnectionId": "${stageVariables.link}"}
        integration = {"IntegrationUri": URL, **through}
        api, _ = proxying_api(app, integration, StageVariables={"link": link})
    client = connect(f"ws://localhost:{app.port}/_aws/execute-api/{api}/prod")

    def heard():
        say(client, "x")
        return client.recv(timeout=10)

    assert FAILED in heard()
    v2 = app.aws("apigatewayv2")
    v2.update_vpc_link(VpcLinkId=link, Name="mine")
    assert heard() == "from the VPC"
    v2.update_vpc_link(VpcLinkId=link, Name="none")
    assert FAILED in heard()
    v2.update_vpc_link(VpcLinkId=link, Name="mine")
    assert heard() == "from the VPC"
    if named_by == "a stage variable":
        v2.delete_vpc_link(VpcLinkId=link)
        assert FAILED in heard()
    before = hear(app, api, connect)
    app.restart()
    assert hear(app, api, connect).partition("connectionId")[0] == before.partition("connectionId")[0]


def test_a_renamed_link_leads_the_routes_of_a_template_elsewhere_too(dev, connect, http_backend):
    http_backend.answer("/in/rooms", body="from the VPC")
    config = f'[integrations.vpc_links]\nmine = "{http_backend.url}"\n'
    app = dev(websocket_app({"$default": Mock()}), config=config)
    link = app.aws("apigatewayv2").create_vpc_link(Name="mine", SubnetIds=["s"])["VpcLinkId"]
    # Its own id would be refused: a template does not know what calls made.
    through = {"ConnectionType": "VPC_LINK", "ConnectionId": "${stageVariables.link}"}
    template = websocket_app(
        {"$default": Http(URL, integration=through, two_way=True)},
        stage_properties={"StageVariables": {"link": link}},
    )
    write_app(app.folder, template, {})
    app.wait_event("reloaded")
    client = connect(app.url())
    say(client, "x")
    assert client.recv(timeout=10) == "from the VPC"
    app.aws("apigatewayv2").update_vpc_link(VpcLinkId=link, Name="none")
    say(client, "x")
    assert FAILED in client.recv(timeout=10)


def test_a_message_through_a_link_that_leads_nowhere_fails(app, connect):
    link = app.aws("apigatewayv2").create_vpc_link(Name="none", SubnetIds=["s"])["VpcLinkId"]
    api, _ = api_through(app, link)
    assert '"message": "Internal server error"' in hear(app, api, connect)
    error = app.wait_event("request", lambda event: event["error"])["error"]
    assert "the VPC link `none` leads nowhere" in error


def test_there_are_twenty_of_both_kinds_at_most(app):
    apis, api_gateway = app.aws("apigatewayv2"), app.aws("apigateway")
    for _ in range(20):
        apis.create_vpc_link(Name="ready", SubnetIds=["s"])
    text = "Maximum number of VPC links for this account has been reached: there are 20"
    with pytest.raises(apis.exceptions.TooManyRequestsException) as error:
        apis.create_vpc_link(Name="ready", SubnetIds=["s"])
    answer = error.value.response
    assert (status(answer), answer["Error"]["Message"]) == (429, text)
    assert answer["LimitType"] == "VpcLinks"
    with pytest.raises(api_gateway.exceptions.LimitExceededException) as error:
        api_gateway.create_vpc_link(name="ready", targetArns=[BALANCER])
    answer = error.value.response
    assert (status(answer), answer["Error"]["Message"]) == (429, text)
