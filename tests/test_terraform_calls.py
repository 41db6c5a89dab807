"""The calls that Terraform's AWS provider makes for its resources of WebSocket APIs, with their
bodies, and that every read-back is what it would store, so that the next plan is empty.

Of `aws_api_gateway_api_key`, `_usage_plan`, `_usage_plan_key`, `_client_certificate`, `_vpc_link` and
`_account`, and of `aws_apigatewayv2_domain_name`, `_api_mapping` and `_vpc_link`.
"""

import pytest
from botocore.exceptions import ClientError
from support.keys import REQUIRED, keyed
from support.template import Mock


@pytest.fixture
def app(dev):
    return dev(keyed({}, routes={"$connect": Mock(route=REQUIRED)}))


@pytest.fixture
def api_gateway(app):
    return app.aws("apigateway")


def kept(answer, *members):
    """What the provider keeps of an answer."""
    return {member: answer.get(member) for member in members}


def patches(*operations):
    """`(op, path)` or `(op, path, value)` each."""
    return [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]


def assert_gone(call, **arguments):
    with pytest.raises(ClientError) as gone:
        call(**arguments)
    assert gone.value.response["Error"]["Code"] == "NotFoundException"


def test_api_key(api_gateway):
    read = ("name", "description", "enabled", "customerId", "value", "tags")
    made = api_gateway.create_api_key(
        name="tf",
        description="Managed by Terraform",
        enabled=True,
        tags={"env": "test"},
    )
    state = kept(api_gateway.get_api_key(apiKey=made["id"], includeValue=True), *read)
    assert state == {
        "name": "tf",
        "description": "Managed by Terraform",
        "enabled": True,
        "customerId": None,
        "value": made["value"],
        "tags": {"env": "test"},
    }
    arn = f"arn:aws:apigateway:us-east-1::/apikeys/{made['id']}"
    api_gateway.untag_resource(resourceArn=arn, tagKeys=["env"])
    api_gateway.tag_resource(resourceArn=arn, tags={"stage": "prod"})
    api_gateway.update_api_key(
        apiKey=made["id"],
        patchOperations=patches(
            ("replace", "/description", "changed"),
            ("replace", "/enabled", "false"),
            ("replace", "/customerId", "customer"),
        ),
    )
    state = kept(api_gateway.get_api_key(apiKey=made["id"], includeValue=True), *read)
    assert state == {
        "name": "tf",
        "description": "changed",
        "enabled": False,
        "customerId": "customer",
        "value": made["value"],
        "tags": {"stage": "prod"},
    }
    api_gateway.delete_api_key(apiKey=made["id"])
    assert_gone(api_gateway.get_api_key, apiKey=made["id"], includeValue=True)


PLAN = ("name", "description", "apiStages", "quota", "throttle", "tags")


def test_usage_plan(app, api_gateway):
    api_id = app.api()["apiId"]
    stage = f"{api_id}:prod"
    made = api_gateway.create_usage_plan(
        name="tf",
        description="plan",
        apiStages=[
            {
                "apiId": api_id,
                "stage": "prod",
                "throttle": {"$connect": {"burstLimit": 3, "rateLimit": 6.0}},
            }
        ],
        quota={"limit": 100, "offset": 6, "period": "WEEK"},
        throttle={"burstLimit": 2, "rateLimit": 5.0},
        tags={"env": "test"},
    )
    plan = made["id"]
    assert kept(api_gateway.get_usage_plan(usagePlanId=plan), *PLAN) == {
        "name": "tf",
        "description": "plan",
        "apiStages": [
            {
                "apiId": api_id,
                "stage": "prod",
                "throttle": {"$connect": {"burstLimit": 3, "rateLimit": 6.0}},
            }
        ],
        "quota": {"limit": 100, "offset": 6, "period": "WEEK"},
        "throttle": {"burstLimit": 2, "rateLimit": 5.0},
        "tags": {"env": "test"},
    }
    # Every argument changes: stages are removed and added anew, then their throttles.
    api_gateway.update_usage_plan(
        usagePlanId=plan,
        patchOperations=patches(
            ("replace", "/name", "renamed"),
            ("replace", "/description", "other"),
            ("remove", "/apiStages", stage),
            ("add", "/apiStages", stage),
            ("replace", f"/apiStages/{stage}/throttle/$connect/rateLimit", "7.000000"),
            ("replace", f"/apiStages/{stage}/throttle/$connect/burstLimit", "4"),
            ("replace", "/throttle/rateLimit", "8.000000"),
            ("replace", "/throttle/burstLimit", "9"),
            ("replace", "/quota/limit", "200"),
            ("replace", "/quota/offset", "20"),
            ("replace", "/quota/period", "MONTH"),
        ),
    )
    assert kept(api_gateway.get_usage_plan(usagePlanId=plan), *PLAN) == {
        "name": "renamed",
        "description": "other",
        "apiStages": [
            {
                "apiId": api_id,
                "stage": "prod",
                "throttle": {"$connect": {"burstLimit": 4, "rateLimit": 7.0}},
            }
        ],
        "quota": {"limit": 200, "offset": 20, "period": "MONTH"},
        "throttle": {"burstLimit": 9, "rateLimit": 8.0},
        "tags": {"env": "test"},
    }
    # The blocks go.
    api_gateway.update_usage_plan(
        usagePlanId=plan, patchOperations=patches(("remove", "/throttle"), ("remove", "/quota"))
    )
    state = api_gateway.get_usage_plan(usagePlanId=plan)
    assert kept(state, "throttle", "quota") == {"throttle": None, "quota": None}
    # Before it destroys a plan, the provider takes its stages away.
    api_gateway.update_usage_plan(
        usagePlanId=plan, patchOperations=patches(("remove", "/apiStages", stage))
    )
    api_gateway.delete_usage_plan(usagePlanId=plan)
    assert_gone(api_gateway.get_usage_plan, usagePlanId=plan)


def test_usage_plan_key(api_gateway):
    key = api_gateway.create_api_key(name="tf", description="Managed by Terraform", enabled=True)
    plan = api_gateway.create_usage_plan(name="tf")["id"]
    ids = {"usagePlanId": plan, "keyId": key["id"]}
    made = api_gateway.create_usage_plan_key(**ids, keyType="API_KEY")
    expected = {"id": key["id"], "name": "tf", "type": "API_KEY", "value": key["value"]}
    assert kept(made, *expected) == expected
    assert kept(api_gateway.get_usage_plan_key(**ids), *expected) == expected
    api_gateway.delete_usage_plan_key(**ids)
    assert_gone(api_gateway.get_usage_plan_key, **ids)


def test_account(api_gateway):
    role = "arn:aws:iam::000000000000:role/api_gateway_cloudwatch_global"
    set_role = ("replace", "/cloudwatchRoleArn", role)
    updated = api_gateway.update_account(patchOperations=patches(set_role))
    assert updated["cloudwatchRoleArn"] == role
    assert api_gateway.get_account()["cloudwatchRoleArn"] == role
    # Destroying resets it.
    api_gateway.update_account(patchOperations=patches(("replace", "/cloudwatchRoleArn", "")))
    assert "cloudwatchRoleArn" not in api_gateway.get_account()


def test_domain_name_and_api_mapping(app):
    v2 = app.aws("apigatewayv2")
    name = "ws.example.com"

    def configuration(certificate):
        return {
            "CertificateArn": f"arn:aws:acm:us-east-1:000000000000:certificate/{certificate}",
            "EndpointType": "REGIONAL",
            "IpAddressType": "ipv4",
            "SecurityPolicy": "TLS_1_2",
        }

    def state():
        domain = v2.get_domain_name(DomainName=name)
        [found] = domain["DomainNameConfigurations"]
        # The provider waits for this.
        assert found["DomainNameStatus"] == "AVAILABLE"
        return kept(found, *configuration("1")), domain["Tags"]

    v2.create_domain_name(
        DomainName=name,
        DomainNameConfigurations=[configuration("1")],
        RoutingMode="API_MAPPING_ONLY",
        Tags={"env": "test"},
    )
    assert state() == (configuration("1"), {"env": "test"})
    v2.update_domain_name(DomainName=name, DomainNameConfigurations=[configuration("2")])
    arn = f"arn:aws:apigateway:us-east-1::/domainnames/{name}"
    v2.untag_resource(ResourceArn=arn, TagKeys=["env"])
    v2.tag_resource(ResourceArn=arn, Tags={"stage": "prod"})
    assert state() == (configuration("2"), {"stage": "prod"})

    target = {"ApiId": app.api()["apiId"], "Stage": "prod"}
    made = v2.create_api_mapping(DomainName=name, ApiMappingKey="v1", **target)
    ids = {"DomainName": name, "ApiMappingId": made["ApiMappingId"]}
    expected = {**target, "ApiMappingKey": "v1", "ApiMappingId": made["ApiMappingId"]}
    assert kept(v2.get_api_mapping(**ids), *expected) == expected
    v2.update_api_mapping(**ids, ApiId=target["ApiId"], ApiMappingKey="v2")
    expected["ApiMappingKey"] = "v2"
    assert kept(v2.get_api_mapping(**ids), *expected) == expected
    v2.delete_api_mapping(**ids)
    assert_gone(v2.get_api_mapping, **ids)
    v2.delete_domain_name(DomainName=name)
    assert_gone(v2.get_domain_name, DomainName=name)


def test_client_certificate(api_gateway):
    read = ("description", "createdDate", "expirationDate", "pemEncodedCertificate", "tags")
    made = api_gateway.generate_client_certificate(
        description="Managed by Terraform", tags={"env": "test"}
    )
    own = made["clientCertificateId"]
    state = kept(api_gateway.get_client_certificate(clientCertificateId=own), *read)
    assert state == {
        "description": "Managed by Terraform",
        "createdDate": made["createdDate"],
        "expirationDate": made["expirationDate"],
        "pemEncodedCertificate": made["pemEncodedCertificate"],
        "tags": {"env": "test"},
    }
    arn = f"arn:aws:apigateway:us-east-1::/clientcertificates/{own}"
    api_gateway.untag_resource(resourceArn=arn, tagKeys=["env"])
    api_gateway.update_client_certificate(
        clientCertificateId=own,
        patchOperations=patches(("replace", "/description", "changed")),
    )
    changed = kept(api_gateway.get_client_certificate(clientCertificateId=own), *read)
    assert changed == {**state, "description": "changed", "tags": None}
    api_gateway.delete_client_certificate(clientCertificateId=own)
    assert_gone(api_gateway.get_client_certificate, clientCertificateId=own)


def test_vpc_link(api_gateway):
    read = ("name", "description", "targetArns", "tags")
    balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/tf/0123456789"
    made = api_gateway.create_vpc_link(
        name="tf", description="Managed by Terraform", targetArns=[balancer], tags={"env": "test"}
    )
    own = made["id"]
    # The provider waits for this.
    assert api_gateway.get_vpc_link(vpcLinkId=own)["status"] == "AVAILABLE"
    assert kept(api_gateway.get_vpc_link(vpcLinkId=own), *read) == {
        "name": "tf",
        "description": "Managed by Terraform",
        "targetArns": [balancer],
        "tags": {"env": "test"},
    }
    api_gateway.untag_resource(
        resourceArn=f"arn:aws:apigateway:us-east-1::/vpclinks/{own}", tagKeys=["env"]
    )
    api_gateway.update_vpc_link(
        vpcLinkId=own,
        patchOperations=patches(("replace", "/name", "new"), ("replace", "/description", "changed")),
    )
    assert kept(api_gateway.get_vpc_link(vpcLinkId=own), *read) == {
        "name": "new",
        "description": "changed",
        "targetArns": [balancer],
        "tags": None,
    }
    api_gateway.delete_vpc_link(vpcLinkId=own)
    assert_gone(api_gateway.get_vpc_link, vpcLinkId=own)


def test_vpc_link_v2(app):
    apis = app.aws("apigatewayv2")
    read = ("Name", "SecurityGroupIds", "SubnetIds", "Tags")
    made = apis.create_vpc_link(
        Name="tf", SecurityGroupIds=["sg-1"], SubnetIds=["subnet-1"], Tags={"env": "test"}
    )
    own = made["VpcLinkId"]
    # The provider waits for this.
    assert apis.get_vpc_link(VpcLinkId=own)["VpcLinkStatus"] == "AVAILABLE"
    state = kept(apis.get_vpc_link(VpcLinkId=own), *read)
    assert state == {
        "Name": "tf",
        "SecurityGroupIds": ["sg-1"],
        "SubnetIds": ["subnet-1"],
        "Tags": {"env": "test"},
    }
    arn = f"arn:aws:apigateway:us-east-1::/vpclinks/{own}"
    apis.untag_resource(ResourceArn=arn, TagKeys=["env"])
    apis.update_vpc_link(VpcLinkId=own, Name="new")
    assert kept(apis.get_vpc_link(VpcLinkId=own), *read) == {**state, "Name": "new", "Tags": {}}
    apis.delete_vpc_link(VpcLinkId=own)
    assert_gone(apis.get_vpc_link, VpcLinkId=own)
