"""`gatepost backup`: a whole copy, made while Gatepost serves and when it is stopped."""

import io
import json
import sqlite3
import stat
import subprocess
import threading
import zipfile

from support.aws import refused
from support.environment import BINARY
from support.serve import OFF
from support.talk import connection_id, silent_app
from support.template import PYTHON

CODE = "def handler(event, context):\n    return 'from the package'\n"


def run(server, *arguments, env=None):
    return subprocess.run(
        [BINARY, "backup", *map(str, arguments)],
        cwd=server.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def backed_up(server, file, *arguments):
    done = run(server, file, "--json", *arguments)
    assert done.returncode == 0, done
    document = json.loads(done.stdout)
    assert document["version"] == 1 and document["bytes"] == file.stat().st_size
    return document


def restored(serve, file, folder):
    """A server that starts from a copy, beside the one that it was made of."""
    folder.mkdir()
    (folder / "store.sqlite").write_bytes(file.read_bytes())
    return serve({"app": silent_app()}, env={"GATEPOST_STORE__PATH": folder})


def make_function(server, **more):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zip_file:
        zip_file.writestr("app.py", CODE)
    server.aws("lambda").create_function(
        FunctionName="made",
        Runtime=PYTHON,
        Role="arn:aws:iam::000000000000:role/lambda",
        Handler="app.handler",
        **{"Code": {"ZipFile": archive.getvalue()}, **more},
    )


def test_who_starts_from_a_copy_has_all_that_was_made(serve, connect, tmp_path):
    server = serve({"app": silent_app()})
    make_function(server)
    key = server.aws("apigateway").create_api_key(name="ann", enabled=True)
    own = connection_id(connect(server.url()))
    copy = tmp_path / "copy.sqlite"
    assert backed_up(server, copy)["notes"] == []
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    again = restored(serve, copy, tmp_path / "restored")
    made = again.aws("apigateway").get_api_key(apiKey=key["id"], includeValue=True)
    assert made["value"] == key["value"]
    answer = again.aws("lambda").invoke(FunctionName="made")
    assert json.load(answer["Payload"]) == "from the package"
    # Ids of the one before are known: its connections are gone, and not unheard of.
    status, code, _ = refused(again.client().get_connection, ConnectionId=own)
    assert (status, code) == (410, "GoneException")
    # And once more, without the copy's own copy of the package.
    again.restart()
    answer = again.aws("lambda").invoke(FunctionName="made")
    assert json.load(answer["Payload"]) == "from the package"


def test_a_copy_of_a_copy_is_whole_too(serve, tmp_path):
    server = serve({"app": silent_app()})
    make_function(server)
    first, second = tmp_path / "first.sqlite", tmp_path / "second.sqlite"
    backed_up(server, first)
    again = restored(serve, first, tmp_path / "restored")
    backed_up(again, second, "--store", tmp_path / "restored" / "store.sqlite")
    third = restored(serve, second, tmp_path / "third")
    answer = third.aws("lambda").invoke(FunctionName="made")
    assert json.load(answer["Payload"]) == "from the package"


def test_copies_that_are_made_while_keys_are_made_have_those_that_were_answered(serve, tmp_path):
    server = serve({"app": silent_app()})
    client = server.aws("apigateway")
    made, stop = [], threading.Event()

    def make():
        while not stop.is_set():
            made.append(client.create_api_key(name=f"key-{len(made)}")["id"])

    maker = threading.Thread(target=make)
    maker.start()
    try:
        for number in range(4):
            before = list(made)
            copy = tmp_path / f"{number}.sqlite"
            backed_up(server, copy)
            after = len(made) + 1
            database = sqlite3.connect(copy)
            kept = {id for (id,) in database.execute("SELECT id FROM api_keys")}
            database.close()
            assert set(before) <= kept
            assert len(kept) <= after
    finally:
        stop.set()
        maker.join()
    assert len(made) > 4
    last = restored(serve, tmp_path / "3.sqlite", tmp_path / "restored")
    listed = last.aws("apigateway").get_paginator("get_api_keys").paginate()
    assert {key["id"] for page in listed for key in page["items"]} == kept


def test_of_a_stopped_gatepost_too(serve, tmp_path):
    server = serve({"app": silent_app()})
    make_function(server)
    server.stop()
    backed_up(server, tmp_path / "copy.sqlite")
    again = restored(serve, tmp_path / "copy.sqlite", tmp_path / "restored")
    answer = again.aws("lambda").invoke(FunctionName="made")
    assert json.load(answer["Payload"]) == "from the package"


def test_nothing_is_overwritten(serve, tmp_path):
    server = serve({"app": silent_app()})
    file = tmp_path / "mine"
    file.write_text("mine")
    done = run(server, file)
    assert done.returncode == 1
    assert done.stderr == f"gatepost: {file} is there already: name a new file\n"
    assert file.read_text() == "mine"


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if "partial" in path.name)


def test_a_lost_package_fails_the_copy_and_leaves_nothing(serve, tmp_path):
    server = serve({"app": silent_app()})
    make_function(server)
    [package] = (server.folder / ".gatepost/lambda/packages").glob("*.zip")
    package.write_bytes(b"damaged")
    done = run(server, tmp_path / "copy.sqlite")
    assert done.returncode == 1 and "it is not what was uploaded" in done.stderr
    package.unlink()
    done = run(server, tmp_path / "copy.sqlite")
    assert done.returncode == 1 and "of the function made cannot be copied" in done.stderr
    assert not (tmp_path / "copy.sqlite").exists() and leftovers(tmp_path) == []


def test_code_that_is_used_in_place_is_named(serve, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(CODE)
    server = serve({"app": silent_app()})
    make_function(server, Code={"S3Bucket": "local", "S3Key": str(tmp_path / "code")})
    [note] = backed_up(server, tmp_path / "copy.sqlite")["notes"]
    assert note == f"the function made is run from {tmp_path / 'code'}, which is not in the copy"


ELSEWHERE = '[store]\npath = "elsewhere"\n'


def test_the_store_of_dev_is_found_although_the_configuration_names_another_folder(dev):
    app = dev(silent_app(), files={"gatepost.toml": ELSEWHERE})
    key = app.aws("apigateway").create_api_key(name="ann", enabled=True)
    copy = app.folder / "copy.sqlite"
    backed_up(app, copy)
    database = sqlite3.connect(copy)
    kept = [id for (id,) in database.execute("SELECT id FROM api_keys")]
    database.close()
    assert kept == [key["id"]]
    # Who names a configuration means its store, and no other.
    done = run(app, app.folder / "another.sqlite", "--config", "gatepost.toml")
    assert done.returncode == 1 and "elsewhere/store.sqlite: name the configuration" in done.stderr


def test_of_two_stores_the_one_that_is_meant_must_be_named(serve, dev):
    server = serve({"app": silent_app()}, OFF + ELSEWHERE)
    (server.folder / "template.json").write_text(json.dumps(silent_app()))
    dev(server.folder / "template.json")
    copy = server.folder / "copy.sqlite"
    done = run(server, copy)
    assert (done.returncode, done.stderr) == (
        1,
        f"gatepost: there are two stores, {server.folder}/elsewhere/store.sqlite and "
        ".gatepost/store.sqlite: name the one that is meant with --store\n",
    )
    assert not copy.exists()
    backed_up(server, copy, "--config", "gatepost.toml")
    backed_up(server, server.folder / "second.sqlite", "--store", ".gatepost/store.sqlite")


def test_what_is_no_store_is_not_copied(serve, tmp_path):
    server = serve({"app": silent_app()})
    done = run(server, tmp_path / "copy", "--store", tmp_path / "none")
    assert done.returncode == 1 and "there is no store" in done.stderr
    (tmp_path / "text").write_text("no database, but long enough to be looked at" * 99)
    done = run(server, tmp_path / "copy", "--store", tmp_path / "text")
    assert done.returncode == 1 and "cannot be used" in done.stderr
    assert not (tmp_path / "copy").exists() and leftovers(tmp_path) == []
