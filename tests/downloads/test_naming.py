from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downloads.naming import LONGEST, content_disposition, display_name, link_path, safe_name

BEGIN = datetime(2019, 9, 24, 13, 3, 16, tzinfo=UTC)
END = datetime(2019, 9, 24, 13, 12, 13, tzinfo=UTC)
TAIL = ".20190924-130316-131213.mp4"


def test_names_camera_day_and_times():
    name = display_name("City , st. Street 1, file", BEGIN, END, "mp4")
    assert name == "City , st. Street 1, file.20190924-130316-131213.mp4"


def test_repeats_the_date_after_midnight():
    end = datetime(2019, 9, 25, 0, 0, 1, tzinfo=UTC)
    assert display_name("Yard", BEGIN, end, "mp4") == "Yard.20190924-130316-20190925-000001.mp4"


def test_repeats_the_date_when_it_ends_at_midnight():
    end = datetime(2019, 9, 25, tzinfo=UTC)
    assert display_name("Yard", BEGIN, end, "mp4") == "Yard.20190924-130316-20190925-000000.mp4"


def test_tells_the_same_time_of_another_day_apart():
    name = display_name("Yard", BEGIN, BEGIN + timedelta(days=1), "mp4")
    assert name == "Yard.20190924-130316-20190925-130316.mp4"


def test_counts_days_in_utc():
    moscow = timezone(timedelta(hours=3))
    begin = datetime(2019, 9, 24, 23, 30, tzinfo=moscow)
    name = display_name("Yard", begin, begin + timedelta(hours=1), "mp4")
    assert name == "Yard.20190924-203000-213000.mp4"


@pytest.mark.parametrize("camera", ["Двор", "庭", "Hof hinten", "ساحة", "Cámara ñ"])
def test_leaves_letters_of_all_scripts(camera):
    assert safe_name(f"{camera}{TAIL}") == f"{camera}{TAIL}"


@pytest.mark.parametrize(
    ("camera", "safe"),
    [
        ("a/b\\c", "a_b_c"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('q"uo:te*?<>|', "q_uo_te_"),
        ("line\r\nbreak\x00", "line_break_"),
        ("gnp.\u202e4pm", "gnp.4pm"),
        ("  .hidden", "hidden"),
        ("e\u0301", "é"),
    ],
)
def test_makes_one_harmless_path_component(camera, safe):
    assert safe_name(f"{camera}{TAIL}") == f"{safe}{TAIL}"


def test_shortens_the_camera_and_keeps_the_interval():
    name = safe_name("x" * 300 + TAIL)
    assert len(name) == LONGEST
    assert name.endswith(f"x{TAIL}")


@given(st.text(max_size=400))
def test_makes_any_text_safe(text):
    name = safe_name(text)
    assert 0 < len(name) <= LONGEST
    assert name not in {".", ".."}
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|')


def test_says_the_name_in_plain_letters_and_in_its_own():
    header = content_disposition(f"Двор{TAIL}", inline=False)
    plain, real = header.removeprefix("attachment; ").split("; ")
    assert plain == f'filename="_{TAIL}"'
    assert real.startswith("filename*=UTF-8''")
    assert unquote(real.removeprefix("filename*=UTF-8''")) == f"Двор{TAIL}"


def test_shows_in_place_when_asked():
    assert content_disposition("a.mp4", inline=True).startswith('inline; filename="a.mp4"; ')


@pytest.mark.parametrize(
    "name",
    [
        'x"; filename="evil.exe',
        "x\r\nSet-Cookie: a=b",
        "x\\",
        "x\u2028y",
        "\uff02; a=\uff02b",
        "\uff0fetc\uff0fpasswd",
    ],
)
def test_lets_no_name_leave_its_quotes(name):
    header = content_disposition(f"{name}{TAIL}", inline=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    plain = header.split('"')[1]
    assert not set(plain) & set('/\\:*?"<>|')


@given(st.text(max_size=200))
def test_writes_a_sound_header_for_any_text(text):
    header = content_disposition(text, inline=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@given(st.text(max_size=200))
def test_makes_a_link_of_two_components_for_any_text(text):
    path = link_path("secret", text)
    assert urlsplit(path).path == path
    assert path.count("/") == 3
    assert unquote(path).split("/", 3)[3] == safe_name(text)
