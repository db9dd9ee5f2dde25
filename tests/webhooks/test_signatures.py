"""The signature, checked as the documentation tells receivers to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime

import pytest

from vms.env import PROJECT_DIR
from vms.webhooks.signatures import secret_of, sign

PAGE = PROJECT_DIR / "docs" / "webhooks.md"
BODY = '{"data":{"name":"Töre"}}'.encode()


def is_signed(request, secret) -> bool:
    """Verify by hand, after the specification."""
    headers = request.headers
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{expected}"


def test_signs_as_the_specification_has_it():
    """The example of the Standard Webhooks specification's reference libraries."""
    sent_at = datetime.fromtimestamp(1614265330, UTC)
    headers = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_makes_a_secret_for_each_webhook_that_stays(settings):
    one, other = secret_of("1" * 32), secret_of("2" * 32)
    assert one == secret_of("1" * 32)
    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
    settings.SECRET_KEY = "another" * 10
    assert secret_of("1" * 32) != one


def sample(language) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return code


def in_python(secret, headers, body):
    names = {}
    exec(sample("python"), names)
    return names["verify"](secret, headers, body)


def in_node(secret, headers, body):
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node is not installed")
    code = sample("js") + (
        "const told = JSON.parse(require('fs').readFileSync(0));"
        "console.log(verify(told.secret, told.headers, Buffer.from(told.body, 'base64')));"
    )
    told = {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
    answer = subprocess.run(
        [program, "-e", code], input=json.dumps(told), check=True, capture_output=True, text=True
    )
    return answer.stdout.strip() == "true"


@pytest.mark.parametrize("verify", [in_python, in_node])
def test_documents_how_to_verify(verify):
    secret = secret_of("1" * 32)
    headers = sign(secret, "5" * 32, datetime.now(UTC), BODY)
    assert verify(secret, headers, BODY)
    several = {**headers, "webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}
    assert verify(secret, several, BODY)
    assert not verify(secret, headers, BODY + b" ")
    assert not verify(secret_of("2" * 32), headers, BODY)
    assert not verify(secret, {**headers, "webhook-id": "6" * 32}, BODY)
    assert not verify(secret, {**headers, "webhook-signature": "v1,"}, BODY)
    old = sign(secret, "5" * 32, datetime.fromtimestamp(time.time() - 301, UTC), BODY)
    assert not verify(secret, old, BODY)
