"""The operator's settings: typed, and refused loudly."""

from __future__ import annotations

from pathlib import Path

import pytest

from vms.env import SETTINGS, BadSetting, read_settings


def test_reads_defaults_from_nothing():
    values = read_settings({})

    assert set(values) == {setting.name for setting in SETTINGS}
    assert values["VMS_EXPORT_TTL_SECONDS"] == 10_800
    assert values["VMS_DATABASE_URL"] is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("VMS_PORT", " 8080 ", 8080),
        ("VMS_DEBUG", "Yes", True),
        ("VMS_DEBUG", "off", False),
        ("VMS_DATA_DIR", "/srv/vms", Path("/srv/vms")),
        ("VMS_ALLOWED_HOSTS", "a.example, b.example,", ["a.example", "b.example"]),
        ("VMS_PUBLIC_URL", "https://vms.example.org/", "https://vms.example.org"),
        ("VMS_TIME_ZONE", "Europe/Berlin", "Europe/Berlin"),
        ("VMS_REDIS_URL", "rediss://:p@cache.example/1", "rediss://:p@cache.example/1"),
        ("VMS_LOG_FORMAT", "json", "json"),
        ("VMS_ALLOWED_HOSTS", ".Example.org,10.0.0.1,::1", [".example.org", "10.0.0.1", "[::1]"]),
        ("VMS_TRUSTED_PROXIES", "10.0.0.2, fd00::/8", ["10.0.0.2", "fd00::/8"]),
        ("VMS_PUBLIC_URL", "http://[::1]:8000", "http://[::1]:8000"),
        ("VMS_PUBLIC_URL", "HTTPS://Vms.Example.org:8443/", "https://vms.example.org:8443"),
        ("VMS_HOST", "::1", "::1"),
        ("VMS_HOST", "vms-1.example.org", "vms-1.example.org"),
        ("VMS_SECRET_KEY", f" {'k' * 32} ", "k" * 32),
        ("VMS_LINK_KEYS", f"{'n' * 32}, {'o' * 32}", ["n" * 32, "o" * 32]),
        ("VMS_REDIS_URL", "redis://cache", "redis://cache"),
        ("VMS_BROKER_URL", "amqp://u:p%40@mq:5672/vms", "amqp://u:p%40@mq:5672/vms"),
        ("VMS_DATABASE_URL", "postgres://u:p%23@db_1:5432/vms", "postgres://u:p%23@db_1:5432/vms"),
        ("VMS_DATABASE_URL", "postgres:///vms", "postgres:///vms"),
        ("VMS_DATABASE_URL", "sqlite:////srv/vms.db", "sqlite:////srv/vms.db"),
    ],
)
def test_reads_a_value_in_its_type(name, text, value):
    assert read_settings({name: text})[name] == value


def test_makes_a_relative_folder_absolute():
    assert read_settings({"VMS_DATA_DIR": "here"})["VMS_DATA_DIR"] == Path.cwd() / "here"


def test_takes_secrets_from_files(tmp_path):
    (tmp_path / "key").write_text(f"{'k' * 40}\n")
    named = {"VMS_SECRET_KEY_FILE": str(tmp_path / "key")}

    assert read_settings(named)["VMS_SECRET_KEY"] == "k" * 40
    assert read_settings({**named, "VMS_SECRET_KEY": "k" * 40})["VMS_SECRET_KEY"] == "k" * 40
    with pytest.raises(BadSetting, match="VMS_SECRET_KEY_FILE differ"):
        read_settings({**named, "VMS_SECRET_KEY": "o" * 40})
    with pytest.raises(BadSetting, match="VMS_SECRET_KEY_FILE cannot be used"):
        read_settings({"VMS_SECRET_KEY_FILE": str(tmp_path / "none")})
    with pytest.raises(BadSetting, match="VMS_PORT_FILE is not a setting"):
        read_settings({"VMS_PORT_FILE": str(tmp_path / "key")})


def test_takes_an_empty_value_for_none():
    assert read_settings({"VMS_PORT": "  "})["VMS_PORT"] == 8000


def test_leaves_other_names_alone():
    read_settings({"PATH": "/bin", "VM_PORT": "x"})


@pytest.mark.parametrize(
    ("name", "text", "cure"),
    [
        ("VMS_PORT", "eighty", "write a whole number from 0 to 65535"),
        ("VMS_PORT", "70000", "write a whole number from 0 to 65535"),
        ("VMS_DEBUG", "maybe", "write true or false"),
        ("VMS_TIME_ZONE", "Mars/Olympus", "write an IANA time zone"),
        ("VMS_PUBLIC_URL", "vms.example.org", "write an address such as"),
        ("VMS_PUBLIC_URL", "ftp://vms.example.org", "write an address such as"),
        ("VMS_LOG_FORMAT", "xml", "write one of console, json"),
        ("VMS_PUBLIC_URL", "https://user@vms.example.org", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://vms.example.org/app", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://vms.example.org?", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://vms.example.org/#x", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://vms.example.org:port", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://vms.example.org:0", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://:8000", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://[::1", "write an address such as"),
        ("VMS_PUBLIC_URL", "https://a b", "write an address such as"),
        ("VMS_DATABASE_URL", "mysql://host/db", "write postgres://"),
        ("VMS_DATABASE_URL", "postgres://host", "write postgres://"),
        ("VMS_DATABASE_URL", "postgres://host/", "write postgres://"),
        ("VMS_DATABASE_URL", "sqlite://:memory:", "write postgres://"),
        ("VMS_DATABASE_URL", "postgres", "write postgres://"),
        ("VMS_REDIS_URL", "amqp://host", "write redis://"),
        ("VMS_REDIS_URL", "redis://", "write redis://"),
        ("VMS_REDIS_URL", "redis:///0", "write redis://"),
        ("VMS_REDIS_URL", "redis://host/zero", "write redis://"),
        ("VMS_ALLOWED_HOSTS", "https://vms.example.org", "write host names"),
        ("VMS_ALLOWED_HOSTS", "vms.example.org/", "write host names"),
        ("VMS_ALLOWED_HOSTS", "vms.example.org:8000", "write host names"),
        ("VMS_ALLOWED_HOSTS", "*", "write host names"),
        ("VMS_HOST", "http://0.0.0.0", "write an address such as"),
        ("VMS_HOST", "127.0.0.1:8000", "write an address such as"),
        ("VMS_TRUSTED_PROXIES", "*", "write addresses or networks"),
        ("VMS_TRUSTED_PROXIES", "10.0.0.2,proxy", "write addresses or networks"),
        ("VMS_TRUSTED_PROXIES", "10.0.0.2/8", "write addresses or networks"),
        ("VMS_TRUSTED_PROXIES", "0.0.0.0/0", "write addresses or networks"),
        ("VMS_SECRET_KEY", "k" * 31, "at least 32 characters"),
        ("VMS_LINK_KEYS", f"{'k' * 32},{'k' * 31}", "at least 32 characters"),
        ("VMS_EXPORT_TTL_SECONDS", "59", "from 60 to"),
        ("VMS_S3_BUCKET", "Bucket", "write the name of a bucket"),
        ("VMS_S3_BUCKET", "a..b", "write the name of a bucket"),
        ("VMS_S3_BUCKET", "s3://bucket", "write the name of a bucket"),
        ("VMS_S3_PREFIX", "vms", "ends with a slash"),
        ("VMS_S3_PREFIX", "/vms/", "ends with a slash"),
        ("VMS_S3_PREFIX", "a/../b/", "ends with a slash"),
        ("VMS_S3_ENDPOINT_URL", "s3.example.org", "such as https://s3.example.org"),
        ("VMS_S3_ENDPOINT_URL", "https://s3.example.org/bucket", "such as https://s3.example.org"),
        ("VMS_S3_REGION", "eu central", "write one word"),
        ("VMS_S3_ADDRESSING", "dns", "write one of auto, path, virtual"),
        ("VMS_S3_ATTEMPTS", "0", "from 1 to 10"),
    ],
)
def test_refuses_a_value_it_cannot_use(name, text, cure):
    with pytest.raises(BadSetting, match=f"{name} cannot be used: .*{cure}"):
        read_settings({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VMS_SECRET_KEY", "hidden"),
        ("VMS_LINK_KEYS", "hidden"),
        ("VMS_DATABASE_URL", "mysql://u:hidden@host/db"),
        ("VMS_DATABASE_URL", "postgres://u:hidden#x@host/db"),
        ("VMS_DATABASE_URL", "postgres://u:hidden/x@host/db"),
        ("VMS_DATABASE_URL", "postgres://u:[hidden@host/db"),
        ("VMS_REDIS_URL", "redis://:hidden?@host/0"),
        ("VMS_REDIS_URL", "redis://:x@host:hidden/0"),
        ("VMS_PUBLIC_URL", "https://u:hidden@host"),
        ("VMS_S3_SECRET_ACCESS_KEY", "hidden key"),
        ("VMS_S3_ENDPOINT_URL", "https://u:hidden@host"),
    ],
)
def test_refuses_a_secret_without_repeating_it(name, text):
    with pytest.raises(BadSetting) as refusal:
        read_settings({name: text})

    assert "hidden" not in str(refusal.value)


def test_refuses_a_name_that_is_no_setting():
    with pytest.raises(BadSetting, match=r"VMS_EXPORT_TTL is not .* VMS_EXPORT_TTL_SECONDS\?"):
        read_settings({"VMS_EXPORT_TTL": "60"})
    with pytest.raises(BadSetting, match=r"docs/configuration\.md"):
        read_settings({"VMS_XYZZY": "60"})


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ({"VMS_S3_REGION": "eu-central-1"}, "VMS_S3_REGION says .* VMS_S3_BUCKET names none"),
        ({"VMS_S3_SECRET_ACCESS_KEY": "hidden"}, "VMS_S3_SECRET_ACCESS_KEY says something"),
        ({"VMS_STORAGE_DELIVERY": "redirect"}, "or set VMS_S3_BUCKET"),
        ({"VMS_S3_BUCKET": "files", "VMS_STORAGE_DELIVERY": "x-accel"}, "write redirect or direct"),
        ({"VMS_S3_BUCKET": "files", "VMS_S3_ACCESS_KEY_ID": "hidden"}, "set both or none"),
        ({"VMS_S3_BUCKET": "files", "VMS_S3_SECRET_ACCESS_KEY": "hidden"}, "set both or none"),
    ],
)
def test_refuses_settings_of_a_bucket_that_contradict_each_other(values, cure):
    with pytest.raises(BadSetting, match=cure) as refusal:
        read_settings(values)

    assert "hidden" not in str(refusal.value)


def test_reads_a_bucket():
    values = {
        "VMS_S3_BUCKET": "vms-exports.example",
        "VMS_S3_PREFIX": "a/b-1/",
        "VMS_S3_ENDPOINT_URL": "https://s3.example.org:9000/",
        "VMS_S3_ACCESS_KEY_ID": "AKID",
        "VMS_S3_SECRET_ACCESS_KEY": "a+b/c=",
        "VMS_STORAGE_DELIVERY": "redirect",
    }
    read = read_settings(values)

    assert read["VMS_S3_ENDPOINT_URL"] == "https://s3.example.org:9000"
    assert {name: read[name] for name in values if name != "VMS_S3_ENDPOINT_URL"} == {
        name: value for name, value in values.items() if name != "VMS_S3_ENDPOINT_URL"
    }
