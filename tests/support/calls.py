"""Deploys the resources of a template by calls of the AWS SDK alone, as CloudFormation does: in the
order of their references, and away again in reverse."""

import io
import json
import re
import zipfile

#: What each type is called in boto3, and which member of its answer is its id.
API_RESOURCES = {
    "Api": "ApiId",
    "Authorizer": "AuthorizerId",
    "Deployment": "DeploymentId",
    "Integration": "IntegrationId",
    "IntegrationResponse": "IntegrationResponseId",
    "Model": "ModelId",
    "Route": "RouteId",
    "RouteResponse": "RouteResponseId",
    "Stage": "StageName",
}
#: Whose ids the path of each has, besides its own.
PARENTS = {
    "IntegrationResponse": ["ApiId", "IntegrationId"],
    "RouteResponse": ["ApiId", "RouteId"],
    "Api": [],
}
#: A template without an API.
BARE = """
Resources:
  Bare:
    Type: AWS::Logs::LogGroup
"""
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "000000000000"}


def snake(name):
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def archive(source, name):
    """A zip with one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zip_file:
        zip_file.writestr(name, source)
    return packed.getvalue()


class Calls:
    """A template on its way to a running app."""

    def __init__(self, app, template):
        self._app = app
        self._template = template
        self._ids = {}
        self._arns = {}
        #: What takes each away that was made, in the order in which they were.
        self._undo = []
        self.v2 = app.aws("apigatewayv2")
        self.lambdas = app.aws("lambda")

    def deploy(self):
        """Makes all resources; what the ready event would say of them then stands in it."""
        resources = self._template["Resources"]
        # Routes know models by their names, which are no references.
        for name in sorted(resources, key=lambda name: not resources[name]["Type"].endswith("::Model")):
            self._make(name)
        functions, apis = [], []
        for name, resource in resources.items():
            if resource["Type"] == "AWS::Serverless::Function":
                functions.append({"logicalId": name, "name": self._ids[name]})
            if resource["Type"] == "AWS::ApiGatewayV2::Api":
                apis.append(self._api(name))
        self._app.ready |= {"functions": functions, "apis": apis}

    def _api(self, name):
        api = self.v2.get_api(ApiId=self._ids[name])
        stages = []
        for stage in self.v2.get_stages(ApiId=api["ApiId"])["Items"]:
            url = f"{api['ApiEndpoint']}/{stage['StageName']}"
            callback_url = url.replace("ws://", "http://")
            stages.append({"stage": stage["StageName"], "url": url, "callbackUrl": callback_url})
        return {"logicalId": name, "apiId": api["ApiId"], "name": api["Name"], "stages": stages}

    def undeploy(self):
        """Takes all away again."""
        while self._undo:
            self._undo.pop()()

    def _make(self, name):
        if name in self._ids:
            return
        resource = self._template["Resources"][name]
        needed = resource.get("DependsOn", [])
        for other in [needed] if isinstance(needed, str) else needed:
            self._make(other)
        properties = self._value(resource.get("Properties", {}))
        service, _, kind = resource["Type"].removeprefix("AWS::").partition("::")
        if service == "ApiGatewayV2" and kind in API_RESOURCES:
            self._make_of_api(name, kind, properties)
        elif resource["Type"] == "AWS::Serverless::Function":
            self._make_function(name, properties)
        elif resource["Type"] == "AWS::Lambda::Permission":
            self.lambdas.add_permission(StatementId=name, **properties)
            self._ids[name] = name
        else:
            raise ValueError(f"{resource['Type']} is not made by calls here")

    def _make_of_api(self, name, kind, properties):
        if kind == "Model" and not isinstance(properties["Schema"], str):
            properties["Schema"] = json.dumps(properties["Schema"])
        made = getattr(self.v2, f"create_{snake(kind)}")(**properties)
        member = API_RESOURCES[kind]
        self._ids[name] = made[member]
        path = {parent: properties[parent] for parent in PARENTS.get(kind, ["ApiId"])}
        path[member] = made[member]
        delete = getattr(self.v2, f"delete_{snake(kind)}")
        self._undo.append(lambda: delete(**path))

    def _make_function(self, name, properties):
        variables = {
            **self._template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {}),
            **properties.pop("Environment", {}).get("Variables", {}),
        }
        suffix = "py" if properties["Runtime"].startswith("python") else "js"
        code = archive(properties.pop("InlineCode"), f"index.{suffix}")
        made = self.lambdas.create_function(
            FunctionName=f"called-{name}",
            Role="arn:aws:iam::000000000000:role/function",
            Code={"ZipFile": code},
            Environment={"Variables": variables},
            **properties,
        )
        self._ids[name], self._arns[name] = made["FunctionName"], made["FunctionArn"]
        delete = self.lambdas.delete_function
        self._undo.append(lambda: delete(FunctionName=made["FunctionName"]))

    def _value(self, value):
        """A value with its intrinsics resolved, for which their resources are made."""
        match value:
            case {"Ref": name}:
                return self._ref(name)
            case {"Fn::GetAtt": [name, "Arn"]}:
                self._make(name)
                return self._arns[name]
            case {"Fn::Join": [between, parts]}:
                return between.join(self._value(part) for part in parts)
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._substitute(found[1]), text)
            case dict():
                return {key: self._value(inner) for key, inner in value.items()}
            case list():
                return [self._value(inner) for inner in value]
        return value

    def _substitute(self, name):
        name, _, attribute = name.partition(".")
        return self._value({"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name})

    def _ref(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        self._make(name)
        return self._ids[name]
