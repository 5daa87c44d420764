"""retort config: what the server's settings are here, and every fault of them at once."""

import json

from harness import environment, retort


def test_what_is_shown_is_a_settings_file_of_the_same_values(tmp_path):
    first = tmp_path / "first.toml"
    first.write_text('[queue]\nlength = 7\n[runtimes.java.run.largest]\nmemory = "8MiB"\n[runtimes.java.run.default]\nmemory = "6MiB"\n')
    shown = retort("config", "show", "--config", str(first), "--set", "queue.slots=3")
    assert shown.code == 0, shown.err
    assert f"# {first}:2\n" in shown.out and "# --set\n" in shown.out
    second = tmp_path / "second.toml"
    second.write_text(shown.out)
    again = retort("config", "show", "--json", "--config", str(second))
    values = {row["key"]: row["value"] for row in json.loads(again.out)}
    assert values["queue.length"] == 7
    assert values["queue.slots"] == 3
    assert values["runtimes.java.run.largest.memory"] == "8MiB"


def test_the_environment_goes_over_the_file(tmp_path):
    file = tmp_path / "r.toml"
    file.write_text("[queue]\nlength = 7\n")
    shown = retort("config", "show", "--json", "--config", str(file), env=environment(RETORT_QUEUE_LENGTH="8"))
    row = next(row for row in json.loads(shown.out) if row["key"] == "queue.length")
    assert row == {"key": "queue.length", "value": 8, "source": "environment RETORT_QUEUE_LENGTH"}


def test_a_check_tells_every_fault_and_its_place(tmp_path):
    file = tmp_path / "r.toml"
    file.write_text("[queue]\nlenght = 7\n[limits.run.default]\nmemory = '3GiB'\n")
    checked = retort("config", "check", "--config", str(file), "--set", "log.level=loud")
    assert checked.code == 64
    assert f"{file}:2:1: queue.lenght: unknown key; did you mean 'length'?" in checked.err
    assert "--set: log.level: 'loud' is none of" in checked.err
    assert "limits.run.default.memory (3GiB, " in checked.err


def test_the_example_is_sound(tmp_path):
    file = tmp_path / "r.toml"
    file.write_text(retort("config", "example").out)
    checked = retort("config", "check", "--config", str(file))
    assert (checked.code, checked.out) == (0, f"{file}: sound\n")
