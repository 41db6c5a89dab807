"""Mistakes, each planted into the app in `base` by one change; beside each a right way.

`wrong` and `right` replace `old` in a file of the app, after `more` was changed for both. The
finding is expected in the line that holds `at`: in that file, or in the one that `at_file` names.
`also` are the other kinds of findings that the mistake brings with it.
"""

from dataclasses import dataclass

TEMPLATE = "template.yaml"


@dataclass(frozen=True)
class Mistake:
    """One planted mistake."""

    name: str
    slug: str
    file: str
    old: str
    wrong: str
    right: str
    at: str
    at_file: str | None = None
    more: tuple = ()
    also: tuple = ()

    def __str__(self):
        return self.name


def python_client(endpoint):
    """The helper's client with another endpoint."""
    return f'    return boto3.client("apigatewaymanagementapi", endpoint_url={endpoint})'


CONNECT_TAIL = '    return {"statusCode": 200}\n'
PYTHON_CLIENT = python_client("endpoint")
PYTHON_ENDPOINT = "    endpoint = f\"https://{context['domainName']}/{context['stage']}\"\n"
PYTHON_POST = """    try:
        api.post_to_connection(ConnectionId=connection_id, Data=data)
    except api.exceptions.GoneException:
        forget(connection_id)
"""
SEND_LOOP = "        post(api, connection_id, data.encode())\n"
JS_POST = "    await api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: data }));"
JS_CATCH = '    if (error.name !== "GoneException") throw error;\n'
JS_ALL = "  await Promise.all(Items.map(({ connectionId }) => post(connectionId, text)));\n"
AUTHORIZED = """    return {
        "principalId": "somebody",
        "policyDocument": policy("Allow" if known else "Deny", event["methodArn"]),
        "context": {"role": "member"},
    }
"""
CALLBACK = "          CALLBACK: !Sub https://${Chat}.execute-api.${AWS::Region}.amazonaws.com/prod\n"
SEND_RESOURCE = (
    "              Action: execute-api:ManageConnections\n"
    "              Resource: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Chat}/*\n"
)
TELL_RESOURCE = (
    "Resource: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Chat}"
    "/prod/POST/@connections/*"
)
DOMAIN = """  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties: {DomainName: ws.example.com}
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {ApiId: !Ref Chat, DomainName: !Ref Domain, Stage: !Ref Prod}
"""
SECOND_API = """  Other:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: other, ProtocolType: HTTP}
"""
TABLE = "  Connections:\n    Type: AWS::DynamoDB::Table\n"
STAGE = """  Prod:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Chat
      StageName: prod
      DeploymentId: !Ref Deployment
      StageVariables:
        backend: backend.example.com
"""
SECURE = "      AuthorizationType: CUSTOM\n      AuthorizerId: !Ref Token\n"
PING_TEMPLATE = "      RequestTemplates:\n        $default: '{\"statusCode\": 200}'\n"
HTTP_CONNECT = """      IntegrationType: HTTP_PROXY
      IntegrationMethod: POST
      IntegrationUri: https://backend.example.com/connect
      RequestParameters:
        integration.request.header.Connection-Id: context.connectionId
"""
LAMBDA_CONNECT = (
    "      IntegrationType: AWS_PROXY\n"
    "      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "${Connect.Arn}/invocations\n"
)


MISTAKES = [
    # --- before the connection is open, and after it is closed
    Mistake(
        "connect-posts-itself",
        "post-before-open",
        "src/connect.py",
        CONNECT_TAIL,
        '    api = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["URL"])\n'
        '    api.post_to_connection(ConnectionId=connection_id, Data="hello")\n' + CONNECT_TAIL,
        '    print("hello", connection_id)\n' + CONNECT_TAIL,
        "api.post_to_connection",
        also=("manage-connections-missing",),
    ),
    Mistake(
        "connect-posts-through-a-helper",
        "post-before-open",
        "src/connect.py",
        "from connections import forget, keep\n",
        "from connections import client, forget, keep as keep_it, post\n\n\n"
        "def keep(connection_id):\n"
        "    keep_it(connection_id)\n"
        '    post(boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["URL"]),\n'
        '         connection_id, "hello")\n',
        "from connections import forget, keep as keep_it\n\n\n"
        "def keep(connection_id):\n"
        "    keep_it(connection_id)\n",
        "api.post_to_connection",
        "src/connections.py",
        also=("manage-connections-missing",),
    ),
    Mistake(
        "connect-posts-in-a-handler-of-all-routes",
        "post-before-open",
        "src/connect.py",
        CONNECT_TAIL,
        '    if event["requestContext"]["routeKey"] == "$connect":\n'
        '        api = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["URL"])\n'
        '        api.post_to_connection(ConnectionId=connection_id, Data="hello")\n'
        + CONNECT_TAIL,
        '    if event["requestContext"]["routeKey"] != "$connect":\n'
        '        api = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["URL"])\n'
        '        api.post_to_connection(ConnectionId=connection_id, Data="hello")\n'
        + CONNECT_TAIL,
        "api.post_to_connection",
        also=("manage-connections-missing",),
    ),
    Mistake(
        "connect-waits-for-a-function-that-posts",
        "post-before-open",
        "src/connect.py",
        'InvocationType="Event"',
        'InvocationType="RequestResponse"',
        "InvocationType='Event'",
        "lambda_client.invoke(",
    ),
    Mistake(
        "connect-asks-for-its-connection",
        "post-before-open",
        "src/connect.py",
        CONNECT_TAIL,
        '    api = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["URL"])\n'
        "    api.get_connection(ConnectionId=connection_id)\n" + CONNECT_TAIL,
        '    print(event["requestContext"]["connectedAt"])\n' + CONNECT_TAIL,
        "api.get_connection",
        also=("manage-connections-missing",),
    ),
    Mistake(
        "disconnect-says-goodbye",
        "post-after-close",
        "src/disconnect.py",
        "    return {}\n",
        "    api = client(event)\n"
        '    post(api, event["requestContext"]["connectionId"], "goodbye")\n'
        "    return {}\n\n\nfrom connections import client, post  # noqa: E402\n",
        "    for other in everybody():\n"
        '        post(client(event), other, "somebody left")\n'
        "    return {}\n\n\nfrom connections import client, everybody, post  # noqa: E402\n",
        "api.post_to_connection",
        "src/connections.py",
        also=("manage-connections-missing",),
    ),
    Mistake(
        "connect-returns-nothing",
        "connect-without-status",
        "src/connect.py",
        CONNECT_TAIL,
        "",
        '    return dict(statusCode=200)\n',
        "def handler",
    ),
    Mistake(
        "connect-returns-no-status",
        "connect-without-status",
        "src/connect.py",
        CONNECT_TAIL,
        '    return {"body": "welcome"}\n',
        '    return {"body": "welcome", "statusCode": 200}\n',
        'return {"body": "welcome"',
    ),
    # --- ids that stay
    Mistake(
        "no-disconnect-route",
        "no-disconnect-route",
        TEMPLATE,
        "      RouteKey: $disconnect\n",
        "      RouteKey: leave\n",
        '      RouteKey: "$disconnect"\n',
        "  Chat:",
        also=("invoke-permission-source",),
    ),
    Mistake(
        "disconnect-deletes-nothing",
        "disconnect-keeps-id",
        "src/disconnect.py",
        '    forget(event["requestContext"]["connectionId"])\n',
        "",
        '    boto3.client("dynamodb").delete_item(TableName="t", Key={})\n',
        "def handler",
    ),
    Mistake(
        "disconnect-is-a-mock",
        "disconnect-keeps-id",
        TEMPLATE,
        "      Target: !Sub integrations/${DisconnectIntegration}\n",
        "      Target: !Sub integrations/${PingIntegration}\n",
        "      Target: !Join [/, [integrations, !Ref DisconnectIntegration]]\n",
        "  DisconnectRoute:\n",
    ),
    Mistake(
        "table-without-expiry",
        "no-ttl",
        TEMPLATE,
        "      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}\n",
        "",
        "      TimeToLiveSpecification: {Enabled: true, AttributeName: expires}\n",
        "  Connections:\n",
    ),
    Mistake(
        "item-without-expiry",
        "ttl-not-written",
        "src/connections.py",
        '{"connectionId": connection_id, "expires": int(time.time()) + 7200}',
        '{"connectionId": connection_id, "at": int(time.time())}',
        '{"connectionId": connection_id, **{"expires": int(time.time()) + 7200}}',
        "table.put_item",
    ),
    Mistake(
        "post-without-try",
        "gone-not-handled",
        "src/connections.py",
        PYTHON_POST,
        "    api.post_to_connection(ConnectionId=connection_id, Data=data)\n",
        PYTHON_POST.replace("api.exceptions.GoneException", "Exception as error"),
        "api.post_to_connection",
    ),
    Mistake(
        "post-that-catches-something-else",
        "gone-not-handled",
        "src/connections.py",
        "api.exceptions.GoneException",
        "api.exceptions.LimitExceededException",
        "(api.exceptions.LimitExceededException, api.exceptions.GoneException)",
        "api.post_to_connection",
    ),
    Mistake(
        "post-in-javascript-without-try",
        "gone-not-handled",
        "src/tell.mjs",
        "=> post(connectionId, text)",
        "=> api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: text }))",
        "=> post(connectionId, text).catch((error) => console.error(error))",
        "await Promise.all",
    ),
    Mistake(
        "gone-is-only-logged",
        "gone-id-kept",
        "src/connections.py",
        "        forget(connection_id)\n",
        '        print("gone", connection_id)\n',
        "        stale.append(connection_id)\n\n\nstale = []\n",
        "api.post_to_connection",
    ),
    Mistake(
        "gone-is-swallowed-in-javascript",
        "gone-id-kept",
        "src/tell.mjs",
        JS_CATCH
        + "    await documents.send(new DeleteCommand({ TableName, Key: { connectionId } }));\n",
        "    console.warn(error);\n",
        "    await documents.send(new DeleteCommand({ TableName, Key: { connectionId } }));\n",
        "new PostToConnectionCommand",
    ),
    Mistake(
        "status-code-of-version-2",
        "gone-status-code",
        "src/tell.mjs",
        JS_CATCH,
        "    if (error.statusCode !== 410) throw error;\n",
        "    if (error.$metadata.httpStatusCode !== 410) throw error;\n",
        "error.statusCode",
    ),
    Mistake(
        "query-string-of-a-message",
        "missing-event-member",
        "src/send.py",
        '    message = json.loads(event["body"])\n',
        '    message = json.loads(event["body"])\n'
        '    room = event["queryStringParameters"]["room"]\n',
        '    message = json.loads(event["body"])\n    room = message["room"]\n',
        'event["queryStringParameters"]',
    ),
    Mistake(
        "headers-of-a-message-in-javascript",
        "missing-event-member",
        "src/ask.mjs",
        "  const answer = {",
        "  const language = event.headers.Language;\n  const answer = {",
        "  const language = event.headers?.Language;\n  const answer = {",
        "event.headers.Language",
    ),
    # --- messages
    Mistake(
        "post-that-nobody-awaits",
        "post-not-awaited",
        "src/tell.mjs",
        JS_ALL,
        "  Items.forEach(({ connectionId }) => post(connectionId, text));\n",
        "  const posts = [];\n  for (const { connectionId } of Items) posts.push(post(connectionId, text));\n"
        "  await Promise.all(posts);\n",
        "new PostToConnectionCommand",
    ),
    Mistake(
        "post-without-await",
        "post-not-awaited",
        "src/tell.mjs",
        JS_POST,
        JS_POST.replace("await ", ""),
        JS_POST.replace("await ", "const sent = await "),
        "new PostToConnectionCommand",
    ),
    Mistake(
        "random-bytes",
        "binary-payload",
        "src/send.py",
        "data.encode()",
        "os.urandom(16)",
        "base64.b64encode(os.urandom(16))",
        "api.post_to_connection",
        "src/connections.py",
    ),
    Mistake(
        "compressed-in-javascript",
        "binary-payload",
        "src/tell.mjs",
        "Data: data }",
        "Data: Buffer.from([1, 2, 3]) }",
        'Data: Buffer.from([1, 2, 3]).toString("base64") }',
        "new PostToConnectionCommand",
    ),
    Mistake(
        "base64-reply",
        "binary-payload",
        "src/ask.mjs",
        "body: JSON.stringify(answer) }",
        "body: JSON.stringify(answer), isBase64Encoded: true }",
        "body: JSON.stringify(answer), isBase64Encoded: false }",
        "isBase64Encoded",
    ),
    Mistake(
        "message-of-200-kb",
        "message-too-big",
        "src/send.py",
        "data.encode()",
        '"x" * 200_000',
        '"x" * 100_000',
        "api.post_to_connection",
        "src/connections.py",
    ),
    Mistake(
        "reply-of-200-kb",
        "message-too-big",
        "src/ask.mjs",
        "answer: 42",
        'answer: "x".repeat(200 * 1024)',
        'answer: "x".repeat(100 * 1024)',
        "return {",
    ),
    Mistake(
        "object-of-a-bucket",
        "message-size-unbounded",
        "src/send.py",
        "data.encode()",
        'boto3.client("s3").get_object(Bucket="b", Key="k")["Body"].read()',
        'json.dumps({"url": "https://b.s3.amazonaws.com/k"})',
        "api.post_to_connection",
        "src/connections.py",
    ),
    # --- permissions
    Mistake(
        "role-without-manage-connections",
        "manage-connections-missing",
        TEMPLATE,
        "        - Statement:\n            - Effect: Allow\n" + SEND_RESOURCE,
        "",
        '        - Statement:\n            - Effect: Allow\n              Action: "execute-api:*"\n'
        '              Resource: "*"\n',
        "  Send:\n",
    ),
    Mistake(
        "role-of-plain-cloudformation-without-it",
        "manage-connections-missing",
        TEMPLATE,
        "[execute-api:ManageConnections, execute-api:Invoke]",
        "[execute-api:Invoke]",
        "[execute-api:Manage*]",
        "  Tell:\n",
    ),
    Mistake(
        "arn-as-documented",
        "manage-connections-resource",
        TEMPLATE,
        TELL_RESOURCE,
        TELL_RESOURCE.removesuffix("/*"),
        TELL_RESOURCE.replace("/prod/", "/*/"),
        "POST/@connections",
    ),
    Mistake(
        "arn-of-one-connection",
        "manage-connections-resource",
        TEMPLATE,
        TELL_RESOURCE,
        TELL_RESOURCE.replace("connections/*", "connections/abc="),
        TELL_RESOURCE.replace("connections/*", "connections/{connectionId}"),
        "POST/@connections",
    ),
    Mistake(
        "arn-of-another-stage",
        "manage-connections-resource",
        TEMPLATE,
        TELL_RESOURCE,
        TELL_RESOURCE.replace("/prod/", "/dev/"),
        TELL_RESOURCE.replace("/prod/", "/pro?/"),
        "POST/@connections",
    ),
    Mistake(
        "post-only-and-delete-connection",
        "manage-connections-method",
        "src/tell.mjs",
        '  return { statusCode: 200, body: "told" };\n',
        '  await api.send(new DeleteConnectionCommand({ ConnectionId: Items[0].connectionId }));\n'
        '  return { statusCode: 200, body: "told" };\n',
        '  await post(Items[0].connectionId, "bye");\n'
        '  return { statusCode: 200, body: "told" };\n',
        "POST/@connections",
        TEMPLATE,
    ),
    Mistake(
        "function-without-permission",
        "invoke-permission-missing",
        TEMPLATE,
        "      FunctionName: !Ref Send\n",
        "      FunctionName: !Ref Ask\n",
        "      FunctionName: !GetAtt Send.Arn\n",
        "  SendRoute:\n",
    ),
    Mistake(
        "permission-of-another-route",
        "invoke-permission-source",
        TEMPLATE,
        "${Chat}/*/$disconnect",
        "${Chat}/*/$connect",
        "${Chat}/prod/$disconnect",
        "${Chat}/*/$connect",
    ),
    Mistake(
        "authorizer-without-permission",
        "invoke-permission-source",
        TEMPLATE,
        "${Chat}/authorizers/*",
        "${Chat}/prod/*",
        "${Chat}/authorizers/${Token}",
        "${Chat}/prod/*",
    ),
    Mistake(
        "service-without-role",
        "credentials-missing",
        TEMPLATE,
        "      CredentialsArn: !GetAtt StreamRole.Arn\n",
        "",
        '      CredentialsArn: !Sub "${StreamRole.Arn}"\n',
        "  KeepIntegration:\n",
    ),
    Mistake(
        "function-in-a-vpc",
        "vpc-without-route",
        TEMPLATE,
        "      Handler: send.handler\n",
        "      Handler: send.handler\n"
        "      VpcConfig: {SubnetIds: [subnet-1], SecurityGroupIds: [sg-1]}\n",
        "      Handler: send.handler\n      VpcConfig: {SubnetIds: [], SecurityGroupIds: []}\n",
        "VpcConfig:",
    ),
    # --- handlers
    Mistake(
        "python-handler-misspelt",
        "handler-missing",
        TEMPLATE,
        "      Handler: send.handler\n",
        "      Handler: send.handle\n",
        "      Handler: send.handler\n",
        "send.handle",
    ),
    Mistake(
        "javascript-handler-misspelt",
        "handler-missing",
        TEMPLATE,
        "Handler: ask.handler",
        "Handler: ask.main",
        "Handler: ask.handler",
        "ask.main",
    ),
    # --- the endpoint
    Mistake(
        "client-without-endpoint",
        "endpoint-missing",
        "src/connections.py",
        PYTHON_CLIENT,
        '    return boto3.client("apigatewaymanagementapi")',
        '    return boto3.client("apigatewaymanagementapi", region_name="us-east-1",\n'
        "                        endpoint_url=endpoint)",
        "return boto3.client",
    ),
    Mistake(
        "websocket-url-as-endpoint",
        "endpoint-scheme",
        TEMPLATE,
        CALLBACK,
        CALLBACK.replace("https://", "wss://"),
        CALLBACK.replace("amazonaws.com/prod", "${AWS::URLSuffix}/prod"),
        "CALLBACK:",
    ),
    Mistake(
        "websocket-url-in-source",
        "endpoint-scheme",
        "src/connections.py",
        "https://",
        "wss://",
        "https://",
        "return boto3.client",
    ),
    Mistake(
        "no-scheme",
        "endpoint-scheme",
        "src/connections.py",
        'f"https://{',
        'f"{',
        'f"https://{',
        "return boto3.client",
    ),
    Mistake(
        "no-stage",
        "endpoint-without-stage",
        "src/connections.py",
        "/{context['stage']}",
        "",
        "/prod",
        "return boto3.client",
    ),
    Mistake(
        "no-stage-in-the-variable",
        "endpoint-without-stage",
        TEMPLATE,
        CALLBACK,
        CALLBACK.replace("amazonaws.com/prod", "amazonaws.com"),
        CALLBACK.replace("amazonaws.com/prod", "amazonaws.com/prod/"),
        "CALLBACK:",
    ),
    Mistake(
        "connections-in-the-endpoint",
        "endpoint-path",
        "src/connections.py",
        "/{context['stage']}",
        "/{context['stage']}/@connections",
        "/{context['stage']}",
        "return boto3.client",
    ),
    Mistake(
        "custom-domain-with-stage",
        "endpoint-domain-and-stage",
        TEMPLATE,
        TABLE,
        DOMAIN + TABLE,
        DOMAIN.replace("!Ref Prod}", "!Ref Prod, ApiMappingKey: prod}") + TABLE,
        "return boto3.client",
        "src/connections.py",
    ),
    Mistake(
        "custom-domain-with-stage-in-the-variable",
        "endpoint-domain-and-stage",
        TEMPLATE,
        CALLBACK,
        "          CALLBACK: https://ws.example.com/prod\n",
        "          CALLBACK: https://ws.example.com\n",
        "CALLBACK:",
        more=((TEMPLATE, TABLE, DOMAIN + TABLE),),
        also=("endpoint-domain-and-stage",),
    ),
    Mistake(
        "endpoint-of-another-api",
        "endpoint-other-api",
        TEMPLATE,
        CALLBACK,
        CALLBACK.replace("${Chat}", "${Other}"),
        CALLBACK,
        "CALLBACK:",
        more=((TEMPLATE, TABLE, SECOND_API + TABLE),),
    ),
    Mistake(
        "endpoint-of-another-region",
        "endpoint-other-region",
        TEMPLATE,
        CALLBACK,
        CALLBACK.replace("${AWS::Region}", "eu-west-3"),
        CALLBACK.replace("${AWS::Region}", "us-east-1"),
        "CALLBACK:",
    ),
    Mistake(
        "endpoint-that-is-disabled",
        "endpoint-disabled",
        TEMPLATE,
        "      ProtocolType: WEBSOCKET\n",
        "      ProtocolType: WEBSOCKET\n      DisableExecuteApiEndpoint: true\n",
        "      ProtocolType: WEBSOCKET\n      DisableExecuteApiEndpoint: false\n",
        "CALLBACK:",
        also=("api-unreachable",),
    ),
    Mistake(
        "mapping-with-a-key",
        "endpoint-mapping-key",
        TEMPLATE,
        CALLBACK,
        "          CALLBACK: https://ws.example.com\n",
        "          CALLBACK: https://ws.example.com/chat\n",
        "CALLBACK:",
        more=((TEMPLATE, TABLE, DOMAIN.replace("Prod}", "Prod, ApiMappingKey: chat}") + TABLE),),
        also=("endpoint-domain-and-stage",),
    ),
    # --- routes
    Mistake(
        "reply-on-a-one-way-route",
        "reply-not-sent",
        TEMPLATE,
        "      Target: !Sub integrations/${TellIntegration}\n",
        "      Target: !Sub integrations/${AskIntegration}\n",
        "      Target: !Sub integrations/${TellIntegration}\n",
        "return {",
        "src/ask.mjs",
    ),
    Mistake(
        "two-way-route-without-route-response",
        "route-response-missing",
        TEMPLATE,
        "      RouteId: !Ref AskRoute\n",
        "      RouteId: !Ref PingRoute\n",
        "      RouteId: !GetAtt AskRoute.RouteId\n",
        "      RouteResponseSelectionExpression: $default\n",
        # Then PingRoute has two.
        also=("template",),
    ),
    Mistake(
        "route-response-without-expression",
        "route-response-selection-missing",
        TEMPLATE,
        "      RouteKey: ask\n      RouteResponseSelectionExpression: $default\n",
        "      RouteKey: ask\n",
        '      RouteKey: ask\n      RouteResponseSelectionExpression: "$default"\n',
        "  AskRouteResponse:\n",
    ),
    Mistake(
        "key-that-is-never-selected",
        "route-never-selected",
        TEMPLATE,
        "RouteSelectionExpression: $request.body.action",
        "RouteSelectionExpression: v1-${request.body.action}",
        "RouteSelectionExpression: ${request.body.action}",
        "RouteKey: ask",
    ),
    Mistake(
        "expression-of-http-apis",
        "route-never-selected",
        TEMPLATE,
        "RouteSelectionExpression: $request.body.action",
        "RouteSelectionExpression: $request.header.action",
        "RouteSelectionExpression: $request.body.message.action",
        "RouteKey: ask",
    ),
    Mistake(
        "route-without-target",
        "route-without-target",
        TEMPLATE,
        "      Target: !Sub integrations/${JobIntegration}\n",
        "",
        "      Target: !Sub integrations/${JobIntegration}\n      OperationName: job\n",
        "  JobRoute:\n",
    ),
    # --- integrations
    Mistake(
        "mock-without-integration-response",
        "integration-response-missing",
        TEMPLATE,
        "      IntegrationId: !Ref PingIntegration\n",
        "      IntegrationId: !Ref KeepIntegration\n",
        "      IntegrationId: !GetAtt PingIntegration.IntegrationId\n",
        "  PingIntegration:\n",
    ),
    Mistake(
        "backend-without-connection-id",
        "connection-id-not-mapped",
        TEMPLATE,
        "        integration.request.header.Connection-Id: context.connectionId\n",
        "",
        "        integration.request.querystring.id: context.connectionId\n",
        "  JobIntegration:\n",
    ),
    Mistake(
        "handshake-headers",
        "websocket-headers-to-backend",
        TEMPLATE,
        LAMBDA_CONNECT,
        HTTP_CONNECT,
        HTTP_CONNECT
        + "        integration.request.header.Sec-WebSocket-Version: \"'0'\"\n",
        "  ConnectIntegration:\n",
    ),
    Mistake(
        "query-string-for-a-message",
        "parameter-never-resolves",
        TEMPLATE,
        "Job: route.request.body.job",
        "Job: route.request.querystring.job",
        "Job: context.messageId",
        "route.request.querystring.job",
    ),
    Mistake(
        "query-string-that-is-not-declared",
        "parameter-not-declared",
        TEMPLATE,
        LAMBDA_CONNECT,
        LAMBDA_CONNECT + "      RequestParameters:\n"
        "        integration.request.header.User: route.request.querystring.user\n",
        LAMBDA_CONNECT + "      RequestParameters:\n"
        "        integration.request.header.User: context.identity.sourceIp\n",
        "route.request.querystring.user",
    ),
    Mistake(
        "stage-variable-that-is-not-there",
        "stage-variable-missing",
        TEMPLATE,
        "        backend: backend.example.com\n",
        "        Backend: backend.example.com\n",
        '        backend: "backend.example.com:8443"\n',
        "${stageVariables.backend}",
    ),
    Mistake(
        "templates-of-a-proxy",
        "request-templates-ignored",
        TEMPLATE,
        "      TimeoutInMillis: 20000\n",
        "      RequestTemplates:\n        $default: '{}'\n",
        "      TimeoutInMillis: 25000\n",
        "        $default: '{}'\n",
    ),
    Mistake(
        "template-with-a-syntax-error",
        "mapping-template",
        TEMPLATE,
        '{"pong": "$context.connectionId"}',
        "{pong: $input.json(''$.x)}",
        '{"pong": "$context.requestId"}',
        "$input.json(",
    ),
    Mistake(
        "mock-without-status",
        "mock-without-status",
        TEMPLATE,
        PING_TEMPLATE,
        "",
        PING_TEMPLATE.replace("200", "201"),
        "  PingIntegration:\n",
    ),
    Mistake(
        "function-that-runs-longer",
        "integration-timeout",
        TEMPLATE,
        "      TimeoutInMillis: 20000\n",
        "      TimeoutInMillis: 5000\n",
        "      TimeoutInMillis: 10000\n",
        "TimeoutInMillis: 5000",
    ),
    Mistake(
        "function-that-runs-a-minute",
        "integration-timeout",
        TEMPLATE,
        "{Handler: ask.handler, Runtime: nodejs22.x}",
        "{Handler: ask.handler, Runtime: nodejs22.x, Timeout: 60}",
        "{Handler: ask.handler, Runtime: nodejs22.x, Timeout: 29}",
        "Timeout: 60",
    ),
    # --- who may connect
    Mistake(
        "authorizer-that-is-not-asked",
        "unprotected-route",
        TEMPLATE,
        SECURE,
        "      AuthorizerId: !Ref Token\n",
        SECURE.replace("CUSTOM", '"CUSTOM"'),
        "AuthorizerId:",
    ),
    Mistake(
        "authorizer-that-no-route-names",
        "authorizer-unused",
        TEMPLATE,
        SECURE,
        "",
        SECURE.replace("!Ref Token", "!GetAtt Token.AuthorizerId"),
        "  Token:\n",
    ),
    Mistake(
        "authorizer-on-another-route",
        "authorizer-on-other-route",
        TEMPLATE,
        "      RouteKey: send\n",
        "      RouteKey: send\n      AuthorizationType: AWS_IAM\n",
        "      RouteKey: send\n      AuthorizationType: NONE\n",
        "AuthorizationType: AWS_IAM",
    ),
    Mistake(
        "answer-of-an-http-api",
        "authorizer-document",
        "src/authorize.py",
        AUTHORIZED,
        '    return {"isAuthorized": known}\n',
        AUTHORIZED.replace('"somebody"', 'event["requestContext"]["connectionId"]'),
        "isAuthorized",
    ),
    Mistake(
        "no-principal",
        "authorizer-document",
        "src/authorize.py",
        '        "principalId": "somebody",\n',
        "",
        '        "principalId": token,\n',
        "    return {\n",
    ),
    Mistake(
        "nested-context",
        "authorizer-document",
        "src/authorize.py",
        '"context": {"role": "member"}',
        '"context": {"roles": ["member"]}',
        '"context": {"roles": "member,admin"}',
        "    return {\n",
    ),
    Mistake(
        "policy-for-another-action",
        "authorizer-document",
        "src/authorize.py",
        '"execute-api:Invoke"',
        '"lambda:InvokeFunction"',
        '"execute-api:*"',
        "    return {\n",
    ),
    Mistake(
        "refusal-in-other-words",
        "authorizer-refusal",
        "src/authorize.py",
        'Exception("Unauthorized")',
        'Exception("Unauthorized: no token")',
        "Exception('Unauthorized')",
        "raise Exception",
    ),
    Mistake(
        "identity-source-of-http-apis",
        "identity-source-invalid",
        TEMPLATE,
        "[route.request.querystring.token]",
        "[$request.querystring.token]",
        "[route.request.querystring.Token]",
        "IdentitySource",
    ),
    Mistake(
        "identity-source-that-never-resolves",
        "identity-source-never-resolves",
        TEMPLATE,
        "[route.request.querystring.token]",
        "[route.request.querystring.token, context.eventType]",
        "[route.request.querystring.token, context.connectionId]",
        "IdentitySource",
    ),
    Mistake(
        "identity-source-of-no-stage",
        "identity-source-never-resolves",
        TEMPLATE,
        "[route.request.querystring.token]",
        "[stageVariables.secret]",
        "[stageVariables.backend]",
        "IdentitySource",
    ),
    Mistake(
        "header-that-browsers-do-not-send",
        "identity-source-browser",
        TEMPLATE,
        "[route.request.querystring.token]",
        "[route.request.header.Authorization]",
        "[route.request.header.Cookie]",
        "IdentitySource",
    ),
    Mistake(
        "subprotocol-that-nobody-chooses",
        "subprotocol-not-returned",
        TEMPLATE,
        "[route.request.querystring.token]",
        "[route.request.header.Sec-WebSocket-Protocol]",
        "[route.request.header.Origin]",
        'return {"statusCode": 200}',
        "src/connect.py",
    ),
    Mistake(
        "api-key-for-messages",
        "api-key-not-on-connect",
        TEMPLATE,
        "      RouteKey: send\n",
        "      RouteKey: send\n      ApiKeyRequired: true\n",
        "      RouteKey: send\n      ApiKeyRequired: false\n",
        "ApiKeyRequired",
        also=("without-effect",),
    ),
    # --- deployment
    Mistake(
        "deployment-without-a-route",
        "deployment-without-routes",
        TEMPLATE,
        "      - AskRoute\n      - AskRouteResponse\n",
        "",
        "      - AskRouteResponse\n",
        "  Deployment:\n",
    ),
    Mistake(
        "deployment-without-a-route-response",
        "deployment-without-routes",
        TEMPLATE,
        "      - PingRouteResponse\n",
        "",
        "      - PingRouteResponse\n",
        "  Deployment:\n",
    ),
    Mistake(
        "stage-without-deployment",
        "stage-without-deployment",
        TEMPLATE,
        "      DeploymentId: !Ref Deployment\n",
        "",
        "      AutoDeploy: true\n",
        "  Prod:\n",
    ),
    Mistake(
        "auto-deploy-with-a-deployment",
        "auto-deploy-and-deployment",
        TEMPLATE,
        "      DeploymentId: !Ref Deployment\n",
        "      DeploymentId: !Ref Deployment\n      AutoDeploy: true\n",
        "      DeploymentId: !Ref Deployment\n      AutoDeploy: false\n",
        "DeploymentId:",
    ),
    Mistake(
        "throttled-to-nothing",
        "throttled-to-nothing",
        TEMPLATE,
        "      StageName: prod\n",
        "      StageName: prod\n"
        "      DefaultRouteSettings: {ThrottlingBurstLimit: 5, ThrottlingRateLimit: 0}\n",
        "      StageName: prod\n"
        "      DefaultRouteSettings: {ThrottlingBurstLimit: 5, ThrottlingRateLimit: 10}\n",
        "ThrottlingRateLimit: 0",
    ),
    Mistake(
        "endpoint-that-nobody-reaches",
        "api-unreachable",
        TEMPLATE,
        "      ProtocolType: WEBSOCKET\n",
        "      ProtocolType: WEBSOCKET\n      DisableExecuteApiEndpoint: true\n",
        "      ProtocolType: WEBSOCKET\n      DisableExecuteApiEndpoint: false\n",
        "DisableExecuteApiEndpoint",
        also=("endpoint-disabled",),
    ),
    Mistake(
        "api-without-stage",
        "api-without-stage",
        TEMPLATE,
        STAGE,
        "",
        STAGE.replace("prod", '"prod"'),
        "  Chat:\n",
    ),
    # --- the template itself
    Mistake(
        "property-that-is-none",
        "template",
        TEMPLATE,
        "      RouteKey: send\n",
        "      RouteKey: send\n      Targets: x\n",
        "      RouteKey: send\n      OperationName: x\n",
        "Targets: x",
    ),
    Mistake(
        "reference-to-nothing",
        "template",
        TEMPLATE,
        "      RouteId: !Ref PingRoute\n",
        "      RouteId: !Ref PongRoute\n",
        "      RouteId: !GetAtt PingRoute.RouteId\n",
        "PongRoute",
        also=("route-response-missing",),
    ),
    Mistake(
        "response-that-nothing-selects",
        "without-effect",
        TEMPLATE,
        "        $default: '{\"pong\": \"$context.connectionId\"}'\n",
        "        $default: '{}'\n"
        "  Another:\n"
        "    Type: AWS::ApiGatewayV2::IntegrationResponse\n"
        "    Properties:\n"
        "      ApiId: !Ref Chat\n"
        "      IntegrationId: !Ref PingIntegration\n"
        "      IntegrationResponseKey: /9\\d\\d/\n",
        "        $default: '{}'\n"
        "  Another:\n"
        "    Type: AWS::ApiGatewayV2::IntegrationResponse\n"
        "    Properties:\n"
        "      ApiId: !Ref Chat\n"
        "      IntegrationId: !Ref PingIntegration\n"
        "      IntegrationResponseKey: /5\\d\\d/\n",
        "IntegrationResponseKey: /9",
        more=((TEMPLATE, "      - PingResponse\n", "      - PingResponse\n      - Another\n"),),
    ),
    Mistake(
        "property-that-mock-does-not-use",
        "without-effect",
        TEMPLATE,
        "      IntegrationType: MOCK\n",
        "      IntegrationType: MOCK\n      IntegrationUri: https://example.com\n",
        "      IntegrationType: MOCK\n      Description: pong\n",
        "IntegrationUri: https://example.com",
    ),
    Mistake(
        "response-for-failures-only",
        "integration-response-missing",
        TEMPLATE,
        "      IntegrationResponseKey: $default\n",
        "      IntegrationResponseKey: /5\\d\\d/\n",
        "      IntegrationResponseKey: /2\\d\\d/\n",
        "  PingIntegration:\n",
    ),
]
