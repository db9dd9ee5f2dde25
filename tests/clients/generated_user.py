"""Uses the generated client: signs in, looks around, orders a file, fetches and deletes it.

Run by the generator's own Python: `generated_user.py URL LOGIN PASSWORD BODY-OF-AN-ORDER`.
"""

import hashlib
import json
import sys
import time
import urllib.request

from vms_client import AuthenticatedClient, Client
from vms_client.api.v1 import (
    v1_cameras_list,
    v1_downloads_create,
    v1_downloads_destroy,
    v1_downloads_retrieve,
    v1_token_create,
)
from vms_client.models import Credentials, Order

PATIENCE_SECONDS = 180

url, login, password, body = sys.argv[1:]
signed_in = v1_token_create.sync(client=Client(url), body=Credentials(login, password))
client = AuthenticatedClient(url, token=signed_in.access_token)
cameras = v1_cameras_list.sync(client=client)
nobodys = Order.from_dict({**json.loads(body), "ids": [999]})
refused = v1_downloads_create.sync(client=client, body=nobodys)

[record] = v1_downloads_create.sync(client=client, body=Order.from_dict(json.loads(body)))
deadline = time.monotonic() + PATIENCE_SECONDS
while not record.is_file_exists and time.monotonic() < deadline:
    time.sleep(0.1)
    record = v1_downloads_retrieve.sync(record.id, client=client)
with urllib.request.urlopen(record.url) as answer:
    content = answer.read()
deleted = v1_downloads_destroy.sync(record.id, client=client)
afterwards = v1_downloads_retrieve.sync(record.id, client=client)

told = {
    "login": signed_in.user.login,
    "camera": cameras.data[0].name,
    "refused": refused.errors.to_dict(),
    "sha256": hashlib.sha256(content).hexdigest(),
    "promised": record.sha256,
    "deleted": deleted.status,
    "afterwards": afterwards.message,
}
print(json.dumps(told))  # noqa: T201 - the answer of this program
