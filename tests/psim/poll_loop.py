"""Export one interval in five formats at once, as scripts written for Axxon PSIM do."""

import base64
import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

SERVER, LOGIN, PASSWORD, CAMERA, FROM, TO, FOLDER = sys.argv[1:]
BASIC = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()


def call(path, body=None, **headers):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(SERVER + path, data, headers)
    return json.load(urllib.request.urlopen(request, timeout=180))


def export(name):
    order = {"CameraId": CAMERA, "From": FROM, "To": TO, "Format": name}
    bearer = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    task = call("/createarchivetask", order, **bearer)["ArchiveTaskId"]
    seen = []
    while not seen or seen[-1]["State"] != "ReadyForDownload":
        time.sleep(0.1)
        seen.append(call(f"/getarchivetaskstatus?archivetaskid={task}&token={TOKEN}"))
        if seen[-1]["State"] == "Error":
            sys.exit(seen[-1]["ErrorMessage"])
    urllib.request.urlretrieve(seen[-1]["Url"], f"{FOLDER}/export.{name}")
    return {"task": task, "percents": [status["Percents"] for status in seen]}


TOKEN = call("/token?expires_in=600", Authorization=BASIC)["access_token"]
with ThreadPoolExecutor(5) as five:
    sys.stdout.write(json.dumps([TOKEN, *five.map(export, ["mp4", "avi", "flv", "mov", "asf"])]))
