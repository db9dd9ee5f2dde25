"""A recorded camera, and clients as PSIM's are: a login and a password with each call."""

from __future__ import annotations

import base64

import pytest
from rest_framework.test import APIClient

from tests.conftest import PASSWORD
from tests.downloads.conftest import broker, no_broker, yard

__all__ = ["broker", "no_broker", "yard"]

BEGIN, END = "2023-03-10T10:20:00.00Z", "2023-03-10T10:21:00.00Z"


def basic(login, password=PASSWORD):
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


class Psim:
    """Calls the server as PSIM clients do; answers are Django's, with `json()`."""

    def __init__(self, authorization=""):
        self.client = APIClient()
        if authorization:
            self.client.credentials(HTTP_AUTHORIZATION=authorization)

    def create(self, camera_id, begin=BEGIN, end=END, **more):
        body = {"CameraId": camera_id, "From": begin, "To": end, **more}
        return self.post({key: value for key, value in body.items() if value is not ...})

    def post(self, body):
        return self.client.post("/createarchivetask", body, format="json")

    def task(self, camera):
        answer = self.create(str(camera.pk))
        assert answer.status_code == 200, answer.content
        return answer.json()["ArchiveTaskId"]

    def status(self, task_id, **headers):
        return self.client.get("/getarchivetaskstatus", {"archivetaskid": task_id}, **headers)

    def delete(self, task_id, method="delete"):
        address = f"/deletearchivetask?archivetaskid={task_id}"
        return getattr(self.client, method)(address)

    def download(self, task_id, **headers):
        return self.client.get("/download", {"file": task_id}, **headers)


@pytest.fixture
def psim():
    """Make a client of a user, or of nobody."""
    return lambda user=None: Psim(basic(user.login) if user else "")


def refused(answer, status):
    """Check a refusal and return its words."""
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert body["State"] == "Error"
    assert {"CameraId", "From", "To", "ArchiveTaskId", "ErrorMessage", "State"} <= set(body)
    assert isinstance(body["ErrorMessage"], str)
    assert body["ErrorMessage"]
    return body["ErrorMessage"]
