"""Custom domain names, API mappings and tags, made and changed by calls to `apigatewayv2`."""

import re

import pytest
from support.aws import plain, refused, status
from support.template import Mock, websocket_app

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/1"
NAME = "ws.example.com"


@pytest.fixture
def app(dev):
    return dev(websocket_app({"$default": Mock("hello")}))


@pytest.fixture
def api_gateway(app):
    return app.aws("apigatewayv2")


@pytest.fixture
def connected(app, raw_socket):
    """The status of a handshake at a path of the domain."""
    return lambda path: raw_socket(app).upgrade(path, host=NAME).status


def mapped(app, api_gateway, key="chat"):
    api_gateway.create_domain_name(DomainName=NAME)
    target = {"ApiId": app.api()["apiId"], "Stage": "prod"}
    made = api_gateway.create_api_mapping(DomainName=NAME, ApiMappingKey=key, **target)
    return made["ApiMappingId"]


def test_a_mapping_is_served_from_the_moment_it_is_made_until_it_is_deleted(
    app, api_gateway, connected
):
    assert connected("/chat") == 403
    mapping = mapped(app, api_gateway)
    assert re.fullmatch("[a-z0-9]{6}", mapping)
    assert connected("/chat") == 101
    api_gateway.update_api_mapping(
        DomainName=NAME,
        ApiMappingId=mapping,
        ApiId=app.api()["apiId"],
        ApiMappingKey="other",
    )
    assert (connected("/chat"), connected("/other")) == (403, 101)
    deleted = api_gateway.delete_api_mapping(DomainName=NAME, ApiMappingId=mapping)
    assert status(deleted) == 204
    assert connected("/other") == 403


def test_what_calls_made_survives_a_restart(app, api_gateway, connected):
    mapping = mapped(app, api_gateway)
    before = plain(api_gateway.get_domain_name(DomainName=NAME))
    app.restart()
    api_gateway = app.aws("apigatewayv2")
    assert plain(api_gateway.get_domain_name(DomainName=NAME)) == before
    [kept] = api_gateway.get_api_mappings(DomainName=NAME)["Items"]
    assert kept["ApiMappingId"] == mapping
    assert connected("/chat") == 101
    assert status(api_gateway.delete_domain_name(DomainName=NAME)) == 204
    app.restart()
    assert app.aws("apigatewayv2").get_domain_names()["Items"] == []


def test_a_domain_name_shows_what_it_was_given(api_gateway):
    made = api_gateway.create_domain_name(
        DomainName=NAME,
        DomainNameConfigurations=[
            {
                "CertificateArn": CERTIFICATE,
                "EndpointType": "REGIONAL",
                "SecurityPolicy": "TLS_1_2",
            }
        ],
        Tags={"team": "web"},
    )
    assert status(made) == 201
    assert plain(made) == {
        "ApiMappingSelectionExpression": "$request.basepath",
        "DomainName": NAME,
        "DomainNameConfigurations": [
            {
                "CertificateArn": CERTIFICATE,
                "DomainNameStatus": "AVAILABLE",
                "EndpointType": "REGIONAL",
                "IpAddressType": "ipv4",
                "SecurityPolicy": "TLS_1_2",
            }
        ],
        "RoutingMode": "API_MAPPING_ONLY",
        "Tags": {"team": "web"},
    }
    assert plain(api_gateway.get_domain_name(DomainName=NAME)) == plain(made)
    arn = f"arn:aws:apigateway:us-east-1::/domainnames/{NAME}"
    assert status(api_gateway.tag_resource(ResourceArn=arn, Tags={"tier": "1"})) == 201
    assert api_gateway.get_tags(ResourceArn=arn)["Tags"] == {"team": "web", "tier": "1"}
    assert status(api_gateway.untag_resource(ResourceArn=arn, TagKeys=["team"])) == 204
    assert api_gateway.get_domain_name(DomainName=NAME)["Tags"] == {"tier": "1"}


def test_what_aws_refuses_is_refused_and_changes_nothing(app, api_gateway):
    mapped(app, api_gateway)
    target = {"ApiId": app.api()["apiId"], "Stage": "prod"}
    assert refused(api_gateway.create_domain_name, DomainName=NAME.upper()) == (
        409,
        "ConflictException",
        "The domain name resource already exists.",
    )
    assert refused(
        api_gateway.create_domain_name,
        DomainName="other.example.com",
        MutualTlsAuthentication={"TruststoreUri": "s3://bucket/key"},
    ) == (
        400,
        "BadRequestException",
        "Mutual TLS domain name association is not supported for Websocket APIs.",
    )
    create = api_gateway.create_api_mapping
    assert refused(create, DomainName=NAME, ApiMappingKey="chat", **target) == (
        409,
        "ConflictException",
        "ApiMapping key already exists for this domain name",
    )
    assert refused(create, DomainName=NAME, ApiMappingKey="a/b", **target)[:2] == (
        400,
        "BadRequestException",
    )
    assert refused(create, DomainName=NAME, ApiId="nothing", Stage="prod") == (
        404,
        "NotFoundException",
        "Invalid API identifier specified nothing",
    )
    assert refused(create, DomainName=NAME, ApiId=target["ApiId"], Stage="nothing") == (
        404,
        "NotFoundException",
        "Invalid stage identifier specified",
    )
    assert refused(create, DomainName="no.example.com", **target) == (
        404,
        "NotFoundException",
        "The domain name resource specified in the request was not found.",
    )
    assert len(api_gateway.get_domain_names()["Items"]) == 1
    assert len(api_gateway.get_api_mappings(DomainName=NAME)["Items"]) == 1


def test_the_tags_of_an_api_of_the_template_are_changed_there_alone(app, api_gateway):
    arn = f"arn:aws:apigateway:us-east-1::/apis/{app.api()['apiId']}"
    code, error, message = refused(api_gateway.tag_resource, ResourceArn=arn, Tags={"a": "b"})
    assert (code, error) == (409, "ConflictException")
    assert "is the template's: change it there" in message
