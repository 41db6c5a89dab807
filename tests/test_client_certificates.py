"""Client certificates made by calls to `apigateway`: what they are, that a stage shows one to its
backends, and that nobody is shown their keys."""

import sqlite3
import ssl
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from support.aws import plain, refused, status
from support.proxying_api import hear, proxying_api
from support.template import Mock, websocket_app

ARN = "arn:aws:apigateway:us-east-1::/clientcertificates/"


@pytest.fixture
def app(dev):
    return dev(websocket_app({"$default": Mock()}))


@pytest.fixture
def api_gateway(app):
    return app.aws("apigateway")


def test_a_certificate_signs_itself_for_a_year_with_an_rsa_key(api_gateway):
    before = datetime.now(UTC).replace(microsecond=0)
    made = api_gateway.generate_client_certificate(description="mine", tags={"env": "test"})
    assert status(made) == 201
    answer = plain(made)
    pem = answer.pop("pemEncodedCertificate")
    created, expires = answer.pop("createdDate"), answer.pop("expirationDate")
    assert before <= created <= datetime.now(UTC)
    assert expires - created == timedelta(days=365)
    own = answer["clientCertificateId"]
    assert len(own) == 6 and own.isalnum() and own == own.lower()
    assert answer == {
        "clientCertificateId": own,
        "description": "mine",
        "tags": {"env": "test"},
    }
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert certificate.issuer == certificate.subject
    assert "CN=ApiGateway" in certificate.subject.rfc4514_string()
    assert isinstance(certificate.public_key(), rsa.RSAPublicKey)
    assert certificate.public_key().key_size == 2048
    assert certificate.not_valid_before_utc == created
    assert certificate.not_valid_after_utc == expires
    certificate.verify_directly_issued_by(certificate)


def test_certificates_are_read_changed_tagged_and_deleted(api_gateway):
    made = plain(api_gateway.generate_client_certificate())
    own = made["clientCertificateId"]
    assert "description" not in made
    assert plain(api_gateway.get_client_certificate(clientCertificateId=own)) == made
    changed = api_gateway.update_client_certificate(
        clientCertificateId=own,
        patchOperations=[{"op": "replace", "path": "/description", "value": "changed"}],
    )
    assert status(changed) == 200
    assert plain(changed) == {**made, "description": "changed"}
    api_gateway.tag_resource(resourceArn=ARN + own, tags={"a": "1", "b": "2"})
    api_gateway.untag_resource(resourceArn=ARN + own, tagKeys=["a"])
    assert api_gateway.get_tags(resourceArn=ARN + own)["tags"] == {"b": "2"}
    others = {
        api_gateway.generate_client_certificate()["clientCertificateId"] for _ in range(2)
    }
    first = api_gateway.get_client_certificates(limit=2)
    second = api_gateway.get_client_certificates(position=first["position"])
    listed = [item["clientCertificateId"] for item in first["items"] + second["items"]]
    assert listed == sorted(others | {own})
    assert "position" not in second
    assert status(api_gateway.delete_client_certificate(clientCertificateId=own)) == 202
    gone = (404, "NotFoundException", "Invalid Client Certificate identifier specified")
    assert refused(api_gateway.get_client_certificate, clientCertificateId=own) == gone
    assert refused(api_gateway.delete_client_certificate, clientCertificateId=own) == gone
    assert refused(api_gateway.update_client_certificate, clientCertificateId=own) == gone


def test_only_the_description_is_changed(api_gateway):
    own = api_gateway.generate_client_certificate()["clientCertificateId"]
    assert refused(
        api_gateway.update_client_certificate,
        clientCertificateId=own,
        patchOperations=[{"op": "replace", "path": "/pemEncodedCertificate", "value": "x"}],
    ) == (
        400,
        "BadRequestException",
        "Invalid patch path '/pemEncodedCertificate' specified for op 'replace'. Must be one of: "
        "[/description]",
    )


def shown_by(pem):
    """A server's side of TLS for clients that show this certificate."""

    def configure(context):
        context.load_verify_locations(cadata=pem)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    return configure


def stage_with(app, backend, certificate):
    """An API whose `$default` proxies to a backend with this certificate: its id."""
    integration = {"IntegrationUri": f"{backend.url}/x"}
    return proxying_api(app, integration, ClientCertificateId=certificate)[0]


def test_a_stage_shows_its_certificate_to_backends_also_after_a_restart(
    dev, connect, new_pki, tls_backend
):
    pki = new_pki()
    app = dev(
        websocket_app({"$default": Mock()}),
        config=f'[integrations]\nca_certificates = "{pki.ca_file}"\n',
    )
    api_gateway = app.aws("apigateway")
    made = api_gateway.generate_client_certificate()
    own = made["clientCertificateId"]
    backend = tls_backend(shown_by(made["pemEncodedCertificate"])(pki.server("127.0.0.1")))
    backend.answer("/x", body="I know you")
    api = stage_with(app, backend, own)
    assert hear(app, api, connect) == "I know you"
    app.restart()
    assert hear(app, api, connect) == "I know you"
    api_gateway = app.aws("apigateway")
    assert plain(api_gateway.get_client_certificate(clientCertificateId=own)) == plain(made)
    assert refused(api_gateway.delete_client_certificate, clientCertificateId=own) == (
        409,
        "ConflictException",
        f"Client certificate {own} is still used by the stage prod of the API {api}",
    )
    app.aws("apigatewayv2").delete_api(ApiId=api)
    api_gateway.delete_client_certificate(clientCertificateId=own)


def test_a_certificate_that_is_not_there_is_named(app, tls_backend, new_pki):
    backend = tls_backend(new_pki().server("127.0.0.1"))
    code = refused(lambda: stage_with(app, backend, "abc123"))
    assert code[:2] == (400, "BadRequestException")
    assert "the client certificate `abc123` is not there" in code[2]


def test_a_key_is_kept_for_the_owner_of_the_store_only(app, api_gateway):
    made = api_gateway.generate_client_certificate()
    own = made["clientCertificateId"]
    store = app.folder / ".gatepost" / "store.sqlite"
    assert store.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(store)) as database:
        [(document,)] = database.execute("SELECT document FROM client_certificates").fetchall()
    assert "PRIVATE KEY" in document
    answers = [
        made,
        api_gateway.get_client_certificate(clientCertificateId=own),
        api_gateway.get_client_certificates(),
    ]
    assert "PRIVATE KEY" not in repr(answers) + app.transcript()


def test_there_are_sixty_at_most(app, api_gateway):
    api_gateway.generate_client_certificate()
    app.stop()
    # Keys take long to make.
    with closing(sqlite3.connect(app.folder / ".gatepost" / "store.sqlite")) as database:
        for number in range(59):
            database.execute(
                "INSERT INTO client_certificates SELECT ?, document FROM client_certificates LIMIT 1",
                [f"copy{number:02}"],
            )
        database.commit()
    app.restart()
    assert refused(app.aws("apigateway").generate_client_certificate) == (
        429,
        "LimitExceededException",
        "Maximum number of client certificates for this account has been reached: there are 60",
    )
