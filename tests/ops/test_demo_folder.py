import socket

from vms.env import read_settings
from vms.ops.demo.folder import demo_environment, free_port

LOOPBACK = "127.0.0.1"


def test_works_in_a_folder_of_its_own(tmp_path):
    environment = demo_environment({"PATH": "/bin", "VMS_DATA_DIR": "/srv/vms"}, tmp_path)

    assert environment == {"PATH": "/bin", "VMS_DATA_DIR": str(tmp_path / "demo")}


def test_leaves_real_data_behind(tmp_path):
    real = {
        "VMS_DATABASE_URL": "postgres://vms@db/vms",
        "VMS_REDIS_URL": "redis://broker/0",
        "VMS_ARCHIVE_DIR": "/srv/archive",
        "VMS_STORAGE_DIR": "/srv/storage",
        "VMS_SECRET_KEY": "real",
        "VMS_PUBLIC_URL": "https://vms.example.org",
    }

    assert demo_environment(real, tmp_path).keys() == {"VMS_DATA_DIR"}


def test_keeps_how_the_operator_wants_it_to_run(tmp_path):
    wanted = {"VMS_PORT": "9000", "VMS_FFMPEG": "/usr/bin/ffmpeg", "VMS_TIME_ZONE": "Asia/Tokyo"}

    settings = read_settings(demo_environment(wanted, tmp_path))

    assert settings["VMS_PORT"] == 9000
    assert settings["VMS_TIME_ZONE"] == "Asia/Tokyo"


def test_takes_the_port_when_it_is_free():
    with socket.create_server((LOOPBACK, 0)) as probe:
        port = probe.getsockname()[1]

    assert free_port(LOOPBACK, port, ["localhost"]) == port


def test_leaves_a_taken_port_to_its_owner():
    with socket.create_server((LOOPBACK, 0)) as other:
        assert free_port(LOOPBACK, other.getsockname()[1], ["localhost"]) == 0
