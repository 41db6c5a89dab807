"""Makes a WebSocket API whose routes all run one handler, through the AWS APIs of an endpoint:
`make_api.py ENDPOINT RUNTIME FILE` prints `{apiId}/{stage}`."""

import io
import sys
import zipfile
from pathlib import Path

import boto3

REGION = "us-east-1"
ROLE = "arn:aws:iam::000000000000:role/bench"


def main(endpoint: str, runtime: str, file: Path) -> None:
    def client(service: str):
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.write(file, file.name)
    function = client("lambda").create_function(
        FunctionName=f"echo-{file.suffix[1:]}",
        Runtime=runtime,
        Role=ROLE,
        Handler=f"{file.stem}.handler",
        Code={"ZipFile": code.getvalue()},
    )
    apis = client("apigatewayv2")
    api_id = apis.create_api(
        Name="bench",
        ProtocolType="WEBSOCKET",
        RouteSelectionExpression="$request.body.action",
    )["ApiId"]
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions"
    integration = apis.create_integration(
        ApiId=api_id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"{uri}/{function['FunctionArn']}/invocations",
    )["IntegrationId"]
    for route_key in ("$connect", "$disconnect", "$default"):
        route = apis.create_route(
            ApiId=api_id,
            RouteKey=route_key,
            Target=f"integrations/{integration}",
            **({"RouteResponseSelectionExpression": "$default"} if route_key == "$default" else {}),
        )
        if route_key == "$default":
            apis.create_route_response(
                ApiId=api_id, RouteId=route["RouteId"], RouteResponseKey="$default"
            )
    apis.create_stage(ApiId=api_id, StageName="prod", AutoDeploy=True)
    print(f"{api_id}/prod")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
