"""Two people in one room hear each other; whoever is gone is forgotten."""

import json

import boto3
import pytest


@pytest.fixture
def chat(dev, example, dynamodb):
    return dev(example / "template.yaml", env={"AWS_ENDPOINT_URL_DYNAMODB": dynamodb})


@pytest.fixture
def table(chat, dynamodb):
    name = chat.events("ready")[0]["outputs"]["ConnectionsTable"]
    resource = boto3.resource(
        "dynamodb",
        endpoint_url=dynamodb,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return resource.Table(name)


def send(client, **message):
    client.send(json.dumps(message))


def receive(client):
    return json.loads(client.recv(timeout=10))


def join(client, room, name):
    send(client, action="joinroom", room=room, name=name)
    assert receive(client) == {"type": "joined", "room": room, "name": name}


def connection_id_of(client):
    client.send("hello?")
    help_message = receive(client)
    assert help_message["type"] == "help"
    return help_message["connectionId"]


def test_people_in_a_room_hear_each_other_and_no_one_else(chat, connect):
    ann, ben, cem = (connect(chat.url()) for _ in range(3))
    join(ann, "lobby", "Ann")
    join(cem, "garden", "Cem")
    join(ben, "lobby", "Ben")
    assert receive(ann) == {"type": "joined", "room": "lobby", "name": "Ben"}

    send(ben, action="sendmessage", text="Hi Ann!")
    said = {"type": "message", "room": "lobby", "name": "Ben", "text": "Hi Ann!"}
    assert receive(ann) == said
    assert receive(ben) == said

    send(cem, action="sendmessage", text="Nobody here?")
    assert receive(cem)["text"] == "Nobody here?"


def test_mistakes_are_answered(chat, connect):
    ann = connect(chat.url())
    send(ann, action="sendmessage", text="Hi!")
    assert receive(ann) == {"type": "error", "text": "Join a room first."}
    send(ann, action="joinroom", room="lobby")
    assert receive(ann)["text"] == "joinroom needs a room and a name."


def test_leaving_is_told_and_the_id_is_forgotten(chat, connect, table):
    ann, ben = connect(chat.url()), connect(chat.url())
    ben_id = connection_id_of(ben)
    join(ann, "porch", "Ann")
    join(ben, "porch", "Ben")
    assert receive(ann)["type"] == "joined"

    ben.close()
    assert receive(ann) == {"type": "left", "room": "porch", "name": "Ben"}
    assert "Item" not in table.get_item(Key={"connectionId": ben_id})


def test_a_message_to_a_gone_connection_removes_its_id(chat, connect, table):
    ann, ben = connect(chat.url()), connect(chat.url())
    ben_id = connection_id_of(ben)
    join(ann, "attic", "Ann")
    join(ben, "attic", "Ben")
    assert receive(ann)["type"] == "joined"
    ben.close()
    assert receive(ann)["type"] == "left"

    # A row that $disconnect never cleaned up, as happens in real life.
    ghost = {"connectionId": ben_id, "room": "attic", "name": "Ben"}
    table.put_item(Item=ghost)
    send(ann, action="sendmessage", text="Ben?")
    assert receive(ann)["text"] == "Ben?"

    gone = chat.wait_event(
        "gone", lambda event: event["connectionId"] == ben_id, timeout=10
    )
    assert (gone["status"], gone["reason"]) == (410, "closed-by-client")
    send(ann, action="sendmessage", text="Bye, Ben.")
    assert receive(ann)["text"] == "Bye, Ben."
    assert "Item" not in table.get_item(Key={"connectionId": ben_id})
