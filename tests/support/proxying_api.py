"""An API that calls make, with an HTTP backend."""

from support.talk import say


def proxying_api(app, integration, **stage):
    """Makes an API whose `$default` answers what an HTTP backend does: its id and the integration's."""
    apis = app.aws("apigatewayv2")
    api = apis.create_api(
        Name="calls", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="POST", **integration
    )["IntegrationId"]
    route = apis.create_route(
        ApiId=api,
        RouteKey="$default",
        Target=f"integrations/{integration}",
        RouteResponseSelectionExpression="$default",
    )["RouteId"]
    apis.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    deployment = apis.create_deployment(ApiId=api)["DeploymentId"]
    apis.create_stage(ApiId=api, StageName="prod", DeploymentId=deployment, **stage)
    return api, integration


def hear(app, api, connect):
    """What the `$default` of an API that calls made answers."""
    client = connect(f"ws://localhost:{app.port}/_aws/execute-api/{api}/prod")
    say(client, "x")
    return client.recv(timeout=10)
