"""`gatepost check`: mistakes that are planted are found where they are, and what is right is not."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from check.mistakes import MISTAKES, TEMPLATE
from support.environment import BINARY, ROOT

BASE = Path(__file__).parent / "check" / "base"


def check(*arguments, cwd=ROOT):
    """`gatepost check` with these arguments."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GATEPOST_"))}
    return subprocess.run(
        [BINARY, "check", *map(str, arguments)],
        cwd=cwd,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def found(folder, *arguments):
    """The findings in an app."""
    done = check(folder / TEMPLATE, "--json", *arguments, cwd=folder)
    report = json.loads(done.stdout)
    assert report["version"] == 1
    assert done.returncode == (1 if report["findings"] else 0), done.stderr
    assert report["notChecked"] == []
    return report["findings"]


@pytest.fixture
def app(tmp_path):
    """A copy of the app without a mistake."""
    return shutil.copytree(BASE, tmp_path / "app")


def change(app, file, old, new):
    """Replaces text that stands in a file of the app once."""
    path = app / file
    text = path.read_text()
    assert text.count(old) >= 1, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


def lines_with(path, text):
    """The numbers of the lines in which `text` begins."""
    whole = path.read_text()
    numbers, at = set(), whole.find(text)
    while at >= 0:
        numbers.add(whole.count("\n", 0, at) + 1)
        at = whole.find(text, at + 1)
    assert numbers, f"{path.name} has no {text!r}"
    return numbers


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_planted_mistake_is_found_at_its_line(app, mistake):
    for file, old, new in mistake.more:
        change(app, file, old, new)
    change(app, mistake.file, mistake.old, mistake.wrong)
    findings = found(app)
    at_file = mistake.at_file or mistake.file
    at_lines = lines_with(app / at_file, mistake.at)
    places = [(f["file"], f["line"]) for f in findings if f["slug"] == mistake.slug]
    assert any(file == at_file and line in at_lines for file, line in places), findings
    assert {f["slug"] for f in findings} - {mistake.slug} <= set(mistake.also), findings
    assert all(f["message"] and f["consequence"] and f["mend"] for f in findings)


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_what_is_right_raises_nothing_of_the_kind(app, mistake):
    for file, old, new in mistake.more:
        change(app, file, old, new)
    change(app, mistake.file, mistake.old, mistake.right)
    assert [f for f in found(app) if f["slug"] not in mistake.also] == []


def test_every_kind_of_finding_is_planted():
    documented = (ROOT / "docs" / "checks.md").read_text()
    kinds = set(re.findall(r"^### `(.+)`$", documented, re.M))
    assert {mistake.slug for mistake in MISTAKES} == kinds
    assert len(MISTAKES) >= 60


# --- what the user reads and gives


def test_the_configuration_beside_the_template_says_where_a_vpc_link_leads(tmp_path):
    app = shutil.copytree(ROOT / "examples" / "vpc-link-header", tmp_path / "app")
    assert found(app) == []
    (app / "gatepost.toml").rename(app / "elsewhere.toml")
    report = json.loads(check("--json", cwd=app).stdout)
    assert "template.yaml:47: the VPC link NlbLink leads nowhere here" in report["notChecked"][0]
    assert found(app, "--config", "elsewhere.toml") == []


def test_a_wrong_configuration_is_said_with_its_place(app):
    (app / "gatepost.toml").write_text("[limits]\nidle_timeuot = 3\n")
    done = check(cwd=app)
    assert done.returncode == 2
    assert "gatepost.toml:2: " in done.stderr and "idle_timeout" in done.stderr, done.stderr


def test_findings_are_grouped_with_consequence_and_mend(app):
    change(app, TEMPLATE, "      StageName: prod\n", "      StageName: prod\n      AutoDeploy: true\n")
    change(app, "src/disconnect.py", '    forget(event["requestContext"]["connectionId"])\n', "")
    done = check(cwd=app)
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout == (
        "Connections\n"
        "  src/disconnect.py:4: warning: $connect stores the id of the connection, and $disconnect "
        "never deletes it [disconnect-keeps-id]\n"
        "    ids of closed connections are kept, and each post to one is a 410.\n"
        "    To mend it: delete what $connect stored.\n"
        "\n"
        "Deployment\n"
        "  template.yaml:26: error: Prod has both AutoDeploy and a DeploymentId "
        "[auto-deploy-and-deployment]\n"
        "    AWS refuses the stage.\n"
        "    To mend it: remove the DeploymentId with its deployment.\n"
        "\n"
        "1 error, 1 warning.\n"
    )


def test_json_has_a_version_and_all_of_a_finding(app):
    change(app, "src/connections.py", "f\"https://{", "f\"wss://{")
    report = json.loads(check("--json", cwd=app).stdout)
    assert report == {
        "version": 1,
        "template": "template.yaml",
        "findings": [
            {
                "slug": "endpoint-scheme",
                "severity": "error",
                "file": "src/connections.py",
                "line": 26,
                "message": "the endpoint begins with wss://",
                "consequence": "the SDK cannot call it: @connections is HTTPS",
                "mend": "begin it with https://",
            }
        ],
        "silenced": 0,
        "notChecked": [],
    }


def test_what_is_right_ends_with_status_0(app):
    done = check(app)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing found.\n", "")


def test_a_finding_is_silenced_by_a_comment_or_a_flag(app):
    change(app, TEMPLATE, "      DeploymentId: !Ref Deployment\n", "")
    assert [f["slug"] for f in found(app)] == ["stage-without-deployment"]
    done = check(app, "--allow", "stage-without-deployment")
    assert (done.returncode, done.stdout) == (0, "Nothing found, 1 silenced.\n")
    change(app, TEMPLATE, "  Prod:\n", "  # gatepost:ignore stage-without-deployment\n  Prod:\n")
    done = check(app)
    assert (done.returncode, done.stdout) == (0, "Nothing found, 1 silenced.\n")


def test_a_comment_in_source_silences_its_line(app):
    post = "        api.post_to_connection(ConnectionId=connection_id, Data=data)\n"
    change(app, "src/connections.py", "        forget(connection_id)\n", "        pass\n")
    assert [f["slug"] for f in found(app)] == ["gone-id-kept"]
    change(app, "src/connections.py", post, post[:-1] + "  # gatepost:ignore gone-id-kept\n")
    assert found(app) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--allow", "no-tll"], "did you mean `no-ttl`?"),
        (["nowhere.yaml"], "there is no template nowhere.yaml"),
        (["--nothing"], "unexpected argument '--nothing'"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2(tmp_path, arguments, said):
    done = check(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_names_cannot_steer_the_terminal(app):
    key = '"red\\e[31m\\nfake: error"'
    change(app, TEMPLATE, "      RouteKey: send\n", f"      RouteKey: {key}\n      AuthorizationType: AWS_IAM\n")
    done = check(app)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "red\\u{1b}[31m\\nfake: error" in done.stdout


# --- templates and sources of all kinds


@pytest.mark.parametrize("text", ["Resources: [", "- a list\n", "Resources:\n  A: {Type: AWS::X}\n"])
def test_a_template_that_is_none_is_a_finding_with_its_line(tmp_path, text):
    (tmp_path / TEMPLATE).write_text(text)
    findings = found(tmp_path)
    assert {f["slug"] for f in findings} == {"template"}
    assert all(f["file"] == TEMPLATE and f["line"] >= 1 for f in findings)


def test_examples_raise_at_most_two_alarms():
    examples = sorted((ROOT / "examples").glob("*/template.yaml"))
    assert len(examples) >= 5
    alarms = []
    for example in examples:
        report = json.loads(check(example, "--json").stdout)
        alarms += report["findings"]
        silenced = report["silenced"]
        assert silenced <= 1, example
    assert alarms == []


def test_source_in_the_template_is_followed_to_its_lines(app):
    change(
        app,
        TEMPLATE,
        "    Properties: {Handler: disconnect.handler, Runtime: python3.13}\n",
        "    Properties:\n"
        "      Handler: index.handler\n"
        "      Runtime: python3.13\n"
        "      InlineCode: |\n"
        "        def handler(event, context):\n"
        "            print('gone')\n",
    )
    [finding] = found(app)
    assert finding["slug"] == "disconnect-keeps-id"
    assert (finding["file"], finding["line"]) == (
        TEMPLATE,
        lines_with(app / TEMPLATE, "def handler(event").pop(),
    )


def test_typescript_is_read_before_it_is_built(app):
    (app / "src/ask.mjs").unlink()
    (app / "src/ask.mts").write_text(
        'import type { Event } from "./types.js";\n'
        "export const handler = async (event: Event): Promise<{ statusCode: number; body: string }> => {\n"
        '  const answer: string = "x".repeat(200 * 1024);\n'
        "  return { statusCode: 200, body: answer as string };\n"
        "};\n"
    )
    report = json.loads(check("--json", cwd=app).stdout)
    assert [(f["slug"], f["file"], f["line"]) for f in report["findings"]] == [
        ("message-too-big", "src/ask.mts", 4)
    ]


def test_what_is_not_here_is_said_and_is_no_finding(app):
    shutil.rmtree(app / "src")
    change(
        app,
        TEMPLATE,
        "Globals:\n",
        "Parameters:\n  Name: {Type: String}\nGlobals:\n",
    )
    change(app, TEMPLATE, "      Name: chat\n", "      Name: !Ref Name\n")
    done = check(app)
    assert (done.returncode, done.stdout) == (0, "Nothing found.\n")
    assert "gatepost: not checked: " in done.stderr
    assert "Parameters: [Name] must have values" in done.stderr
    assert "Send: the source of its handler was not found" in done.stderr


TOOLS = Path(__file__).parent / "check"


def plant_in_tool_source(folder):
    """A mistake in the source that the tools' templates have in common."""
    change(folder, "lib/notify.js", "await remove(id); return;", "return;")


@pytest.fixture
def cdk(tmp_path):
    """What `cdk synth` writes: a template, a manifest of assets, a folder for each."""
    out = shutil.copytree(TOOLS / "cdk", tmp_path / "cdk.out")
    manifest = json.loads((out / "Chat.assets.json").read_text())
    for asset in manifest["files"].values():
        if asset["source"]["packaging"] == "zip":
            shutil.copytree(TOOLS / "tool-src", out / asset["source"]["path"])
    return out


def test_what_cdk_synth_writes_is_checked(cdk):
    template = cdk / "Chat.template.json"
    assert json.loads(check(template, "--json").stdout)["findings"] == []
    text = template.read_text()
    assert text.count('"execute-api:ManageConnections"') == 1
    template.write_text(text.replace('"execute-api:ManageConnections"', '"execute-api:Invoke"'))
    plant_in_tool_source(next(cdk.glob("asset.*")))
    done = check(template.name, "--json", cwd=cdk)
    findings = json.loads(done.stdout)["findings"]
    [kept] = [f for f in findings if f["slug"] == "gone-id-kept"]
    assert kept["file"].endswith("/lib/notify.js")
    assert kept["line"] == 13
    [missing] = [f for f in findings if f["slug"] == "manage-connections-missing"]
    assert missing["file"] == "Chat.template.json"
    assert '"Send' in template.read_text().splitlines()[missing["line"] - 1]
    assert len(findings) == 2


def serverless_package(tmp_path, source):
    """What `serverless package` writes: a template, and an archive of the source."""
    out = shutil.copytree(TOOLS / "serverless", tmp_path / ".serverless")
    shutil.make_archive(out / "chat", "zip", source)
    return out / "cloudformation-template-update-stack.json"


def test_what_serverless_package_writes_is_checked_in_its_archive(tmp_path):
    source = shutil.copytree(TOOLS / "tool-src", tmp_path / "source")
    template = serverless_package(tmp_path, source)
    assert json.loads(check(template, "--json").stdout)["findings"] == []
    plant_in_tool_source(source)
    shutil.rmtree(template.parent)
    serverless_package(tmp_path, source)
    done = check(template.relative_to(tmp_path), "--json", cwd=tmp_path)
    [finding] = json.loads(done.stdout)["findings"]
    assert (finding["slug"], finding["line"]) == ("gone-id-kept", 13)
    assert finding["file"] == ".serverless/chat.zip/lib/notify.js"


def test_sam_s_own_api_type_is_checked(tmp_path):
    (tmp_path / "index.py").write_text(
        "import boto3\n\n\ndef handler(event, context):\n"
        '    if event["requestContext"]["eventType"] == "CONNECT":\n'
        '        api = boto3.client("apigatewaymanagementapi", endpoint_url="https://x/y")\n'
        '        api.post_to_connection(ConnectionId=event["requestContext"]["connectionId"], Data="")\n'
        '    return {"statusCode": 200}\n'
    )
    (tmp_path / TEMPLATE).write_text(
        """Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $connect: {FunctionArn: !GetAtt Main.Arn}
        $default: {FunctionArn: !GetAtt Main.Arn}
  Main:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.13
      Policies: [AmazonAPIGatewayInvokeFullAccess]
"""
    )
    [finding] = found(tmp_path)
    assert (finding["slug"], finding["file"], finding["line"]) == ("post-before-open", "index.py", 7)


BUNDLE = (
    "var d=Object.defineProperty;var n=Object.getOwnPropertyNames;var h=Object.prototype.hasOwnProperty;"
    "var e=(t,a)=>{for(var k in a)d(t,k,{get:a[k],enumerable:!0})},"
    "c=(t,f)=>{for(let k of n(f))h.call(t,k)||d(t,k,{get:()=>f[k],enumerable:!0});return t};"
    'var m=t=>c(d({},"__esModule",{value:!0}),t);var x={};e(x,{handler:()=>H});module.exports=m(x);\n'
    'var s=require("@aws-sdk/client-apigatewaymanagementapi"),'
    "a=new s.ApiGatewayManagementApiClient({endpoint:process.env.CALLBACK});\n"
    "var H=async v=>{for(let{connectionId:i}of JSON.parse(v.body).all)"
    'a.send(new s.PostToConnectionCommand({ConnectionId:i,Data:"x"}));return{statusCode:200}};\n'
)


def test_a_bundle_is_seen_through(app):
    (app / "src/tell.mjs").unlink()
    (app / "src/tell.js").write_text(BUNDLE)
    findings = {(f["slug"], f["file"], f["line"]) for f in found(app)}
    assert findings == {
        ("post-not-awaited", "src/tell.js", 3),
        ("gone-not-handled", "src/tell.js", 3),
    }


def test_the_output_in_the_readme_is_what_is_printed(app):
    change(
        app,
        "src/connect.py",
        '    return {"statusCode": 200}\n',
        '    post(client(event), connection_id, "welcome")\n    return {"statusCode": 200}\n',
    )
    change(app, "src/connect.py", "import forget, keep", "import client, keep, post")
    change(
        app,
        TEMPLATE,
        "      Handler: connect.handler\n      Runtime: python3.13\n",
        "      Handler: connect.handler\n      Runtime: python3.13\n"
        "      Policies:\n        - Statement:\n            - Effect: Allow\n"
        "              Action: execute-api:ManageConnections\n"
        "              Resource: !Sub arn:aws:execute-api:*:*:${Chat}/prod/POST/@connections\n",
    )
    printed = check(cwd=app).stdout
    readme = (ROOT / "README.md").read_text()
    shown = readme.split("$ gatepost check\n", 1)[1].split("```", 1)[0]
    assert shown == printed
