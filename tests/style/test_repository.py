"""What the repository promises about itself: layers, file sizes, privileges of programs, documents."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("RETORT_BIN", ROOT / "build/dev/bin"))
LAYERS = re.search(r"set\(RETORT_LAYERS ([a-z ]+)\)", (ROOT / "cmake/layers.cmake").read_text()).group(1).split()

# The only places that may include each third party.
THIRD_PARTIES = {
    "boost/json": ("src/text",), "boost/asio": ("src/async", "src/http", "src/api"), "boost/beast": ("src/http",),
    "toml++": ("src/text",), "openssl/": ("src/text",), "sqlite3.h": ("src/store",), "spdlog/": ("src/api",),
    "prometheus/": ("src/api",), "systemd/": ("src/api",), "CLI/": ("src/cli",), "curl/": ("src/cli", "src/api"),
    "seccomp.h": ("src/cell",),
}  # fmt: skip


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cc", ".h"):
                yield path


def includes(path):
    return re.findall(r'^#include\s+([<"])([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def layer_faults(path, text):
    """Includes of `text`, as a file at src/`path`, that go against the order of layers."""
    layer = path.split("/")[0]
    faults = []
    for quote, name in re.findall(r'^#include\s+([<"])([^>"]+)[>"]', text, re.MULTILINE):
        if quote != '"' or "/" not in name:
            continue
        other = name.split("/")[0]
        if other not in LAYERS or LAYERS.index(other) > LAYERS.index(layer):
            faults.append(f"src/{path} includes {name}: {other} is not above {layer}")
    return faults


def test_every_folder_of_src_is_a_layer():
    assert sorted(p.name for p in (ROOT / "src").iterdir()) == sorted(LAYERS)


def test_a_layer_includes_only_layers_above_it():
    faults = []
    for path in sources("src"):
        faults += layer_faults(str(path.relative_to(ROOT / "src")), path.read_text())
    assert not faults, "\n".join(faults)


def test_the_check_of_layers_sees_an_include_against_the_order():
    assert layer_faults("base/x.cc", '#include "kernel/files.h"\n')
    assert layer_faults("keeper/x.h", '#include "text/json.h"\n')
    assert layer_faults("cell/x.h", '#include "nowhere/x.h"\n')
    assert not layer_faults("cell/x.h", '#include "kernel/files.h"\n#include <vector>\n')


def test_a_third_party_is_included_in_one_folder():
    faults = []
    for path in sources("src", "apps", "tests", "bench"):
        for quote, name in includes(path):
            for start, homes in THIRD_PARTIES.items():
                if quote == "<" and name.startswith(start) and not str(path.relative_to(ROOT)).startswith(homes):
                    faults.append(f"{path.relative_to(ROOT)} includes {name}")
    assert not faults, "\n".join(faults)


def test_beast_is_in_few_files_and_in_no_header():
    """Each costs twenty seconds to compile."""
    users = [p for p in sources("src", "tests") if "<boost/beast" in p.read_text()]
    assert 0 < len(users) <= 4
    assert not [str(p) for p in users if p.suffix == ".h"]


def test_a_file_says_in_its_first_line_what_it_is():
    faults = [str(p) for p in sources("src", "apps", "tests", "bench") if not p.read_text().startswith("// ")]
    assert not faults, "\n".join(faults)


ROOM = {".cc": 600, ".h": 600, ".py": 500}  # lines of a file


def test_no_file_has_grown_past_its_room():
    faults = []
    for path in [*sources("src", "apps", "tests", "bench"), *(ROOT / "tests").rglob("*.py")]:
        lines = path.read_text().count("\n")
        if lines > ROOM[path.suffix]:
            faults.append(f"{path.relative_to(ROOT)}: {lines} lines")
    assert not faults, "\n".join(faults)


def test_nothing_runs_a_shell():
    faults = []
    for path in sources("src", "apps"):
        if re.search(r"\b(?:std::)?system\s*\(|\bpopen\s*\(|\"-c\"", path.read_text()):
            faults.append(str(path.relative_to(ROOT)))
    assert not faults, "\n".join(faults)


def test_privileged_layers_neither_throw_nor_catch():
    faults = []
    for path in sources("src/kernel", "src/cell", "src/keeper"):
        if path.name.endswith("_test.cc") or path.name == "filter_compiler.cc":
            continue
        code = re.sub(r'//.*|"[^"\n]*"', "", path.read_text())
        if re.search(r"\b(throw|try|catch)\b", code):
            faults.append(str(path.relative_to(ROOT)))
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("program", ["retort-keeper", "retort-init"])
def test_privileged_programs_load_nothing(program):
    output = subprocess.run(["readelf", "-d", BIN / program], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in output
    symbols = subprocess.run(["nm", "-C", BIN / program], capture_output=True, text=True, check=True).stdout
    for foreign in ("boost::", "toml::", "CLI::", "seccomp_rule_add", "EVP_", "sqlite3_"):
        assert foreign not in symbols, f"{program} links {foreign}"


def test_nothing_of_the_weakened_build_is_in_the_programs():
    for program in ("retort", "retort-keeper", "retort-init"):
        content = (BIN / program).read_bytes()
        for word in (b"RETORT_WEAKEN", b"limit:memory", b"namespaces:none-within", b"filter:keys"):
            assert word not in content, f"{program} has {word}"


# What the four lowest layers hold that is not in the keeper: the client's side, retort-init and the collector (which
# have no privilege on the host), the filter's compiler, probes, the verdict.
NOT_IN_THE_KEEPER = {
    "client", "init", "program", "collector", "bundle", "mount_plan", "filter_rules", "filter_compiler",
    "probe", "verdict", "bytes", "landlock", "processor", "own_filter_rules",
    "filter_relaxations", "filter_page", "weaken",
}  # fmt: skip


def test_the_keeper_is_small():
    """The lines that run with privilege. A larger number is a decision: change it in SECURITY.md, and say why in the commit."""
    bound = int(re.search(r"under ([0-9,]+) lines of code", (ROOT / "SECURITY.md").read_text()).group(1).replace(",", ""))
    code = 0
    for path in sources("src/base", "src/kernel", "src/cell", "src/keeper"):
        if path.name.endswith("_test.cc") or path.stem in NOT_IN_THE_KEEPER:
            continue
        code += sum(1 for line in path.read_text().splitlines() if line.strip() and not line.strip().startswith("//"))
    assert bound - 200 < code <= bound, f"{code} lines of code, and SECURITY.md says under {bound}"


def test_what_is_said_not_to_be_in_the_keeper_is_not_in_it():
    symbols = subprocess.run(["nm", "-C", BIN / "retort-keeper"], capture_output=True, text=True, check=True).stdout
    for foreign in ("cell::run_init", "cell::run_collector", "cell::judge", "keeper::Client", "cell::BundleReader", "restrict_with_landlock", "forbid_speculation"):
        assert foreign not in symbols


def test_the_changelog_keeps_a_changelog():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.match(r"# Changelog\n", text)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings and headings[0] == "[Unreleased]"
    for kind in re.findall(r"^### (.+)$", text, re.MULTILINE):
        assert kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def test_links_between_documents_lead_somewhere():
    faults = []
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
            if not target.startswith("http") and not (path.parent / target).exists():
                faults.append(f"{path.relative_to(ROOT)}: {target}")
    assert not faults, "\n".join(faults)


def test_every_limit_is_in_the_reference():
    names = re.findall(r'\.name = "(\w+)"', (ROOT / "src/cell/limits.cc").read_text())
    text = (ROOT / "docs/reference/limits.md").read_text()
    assert len(names) == 12
    assert not [name for name in names if f"`{name}`" not in text]


def test_every_status_is_in_the_reference():
    block = re.search(r"kNames = \{(.*?)\};", (ROOT / "src/cell/verdict.cc").read_text(), re.DOTALL).group(1)
    names = re.findall(r'"(\w+)"', block)
    text = (ROOT / "docs/reference/result.md").read_text()
    assert len(names) == 15
    assert not [name for name in names if f"`{name}`" not in text]


def test_the_reference_lists_the_system_calls_as_the_filter_has_them(tmp_path):
    """After a change of filter_rules.cc: make-filters --page writes the part of the page from its first heading on."""
    table = tmp_path / "table.md"
    subprocess.run([BIN / "make-filters", "--page", table], check=True)
    page = (ROOT / "docs/reference/system-calls.md").read_text()
    assert page[page.index("\n## ") + 1 :] == table.read_text()
