# SPDX-License-Identifier: Apache-2.0
"""`meson install`, and the systemd units it places: found correct and closed by systemd's own tools,
and their settings taken by the programs."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from rig.process import clean_environment, run
from rig.stack import SOURCE, base_env, build_folder

PREFIX = "usr/local"
EXPOSURE_MAX = 2.0
SERVICES = {"holdfast-producer.service": "holdfast-producer",
            "holdfast-consumer@9091.service": "holdfast-consumer"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package of it would hold; the units call the programs where they lie here."""
    root = tmp_path_factory.mktemp("install")
    done = run(["meson", "install", "-C", str(build_folder()), "--no-rebuild"],
               clean_environment(DESTDIR=str(root)), 60)
    assert done.returncode == 0, done.stdout + done.stderr
    top = root / PREFIX
    for unit in units(top):
        text = unit.read_text().replace(f"/{PREFIX}/bin/", f"{top}/bin/")
        unit.write_text(text.replace("/etc/holdfast/", f"{root}/etc/"))
    consumer = top / "lib/systemd/system/holdfast-consumer@.service"
    consumer.with_name("holdfast-consumer@9091.service").symlink_to(consumer.name)
    (root / "etc/secrets").mkdir(parents=True)
    for name in ("producer_rabbitmq_password", "consumer_rabbitmq_password", "database_password",
                 "admin_api_key"):
        (root / "etc/secrets" / name).write_text("of our own making\n")
    for settings in (top / "share/doc/holdfast/systemd").iterdir():
        (root / "etc" / settings.name).write_text(settings.read_text())
    return root


def units(top: Path) -> list[Path]:
    return sorted((top / "lib/systemd/system").iterdir())


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.M)


def environment(unit: Path, root: Path) -> dict[str, str]:
    """As systemd would make it: what the unit sets, then the files; credentials in their folder."""
    instance = unit.stem.partition("@")[2]
    credentials = root / f"credentials-{instance}"
    credentials.mkdir(exist_ok=True)
    for name, source in (v.split(":", 1) for v in values(unit, "LoadCredential")):
        (credentials / name).write_bytes(Path(source).read_bytes())
    lines = [v.replace("%d", str(credentials)).replace("%i", instance)
             for v in values(unit, "Environment")]
    for name in values(unit, "EnvironmentFile"):
        lines += [line for line in Path(name.lstrip("-")).read_text().splitlines()
                  if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def start(unit: Path, root: Path, option: str, **more: str) -> subprocess.CompletedProcess:
    program = values(unit, "ExecStart")[0]
    return run([program, option], base_env(**{**environment(unit, root), **more}))


def unit_of(name: str, root: Path) -> Path:
    return root / PREFIX / "lib/systemd/system" / name


def test_everything_is_in_its_place(tree: Path) -> None:
    top = tree / PREFIX
    for name in ("holdfast", "holdfast-producer", "holdfast-consumer"):
        assert os.access(top / "bin" / name, os.X_OK)
        done = run([str(top / "bin" / name), "--version"], base_env())
        assert done.returncode == 0 and done.stdout.startswith(f"{name} ")
    assert sorted(p.name for p in (top / "share/holdfast/catalog").iterdir()) == \
        sorted(p.name for p in (SOURCE / "schema/catalog").iterdir())
    assert {"README.md", "LICENSE", "guide.md", "operations.md"} <= \
        {p.name for p in (top / "share/doc/holdfast").iterdir()}
    for unit in units(top):
        assert "@" not in re.sub(r"@\w*\.service|holdfast-consumer@|@(system-service|privileged|"
                                 r"resources)", "", unit.read_text()), "a name not filled in"


@pytest.mark.parametrize("name", [*SERVICES, "holdfast.target"])
def test_systemd_finds_no_fault_with_it(name: str, tree: Path) -> None:
    done = run(["systemd-analyze", "verify", str(unit_of(name, tree))], clean_environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_closed(name: str, tree: Path) -> None:
    done = run(["systemd-analyze", "security", "--offline=true",
                f"--threshold={EXPOSURE_MAX * 10:.0f}", str(unit_of(name, tree))],
               clean_environment())
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found and float(found[1]) <= EXPOSURE_MAX, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_the_programs_take_its_settings(name: str, tree: Path) -> None:
    unit = unit_of(name, tree)
    done = start(unit, tree, "--print-config")
    assert done.returncode == 0 and done.stderr == ""
    assert "RABBITMQ_PASSWORD=********  # RABBITMQ_PASSWORD_FILE" in done.stdout
    assert "ENVIRONMENT=production  # ENVIRONMENT" in done.stdout
    if "consumer" in name:
        assert "METRICS_PORT=9091  # METRICS_PORT" in done.stdout
        assert "DATABASE_PASSWORD=********  # DATABASE_PASSWORD_FILE" in done.stdout


def test_the_settings_to_choose_from_are_settings(tree: Path) -> None:
    """Those that are commented out as well."""
    settings = {}
    for name in ("holdfast.env", "producer.env", "consumer.env"):
        for line in (tree / "etc" / name).read_text().splitlines():
            found = re.fullmatch(r"#?([A-Z_]+)=(\S*)", line)
            if found:
                settings[found[1]] = found[2]
    for unit in (unit_of(name, tree) for name in SERVICES):
        done = start(unit, tree, "--check", **settings)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_installed_catalogue_is_good(tree: Path) -> None:
    for unit in (unit_of(name, tree) for name in SERVICES):
        done = start(unit, tree, "--check", CATALOG_DIR=str(tree / PREFIX / "share/holdfast/catalog"))
        assert (done.returncode, done.stderr) == (0, "")


def test_an_instance_whose_name_is_no_port_ends_for_good(tree: Path) -> None:
    unit = unit_of("holdfast-consumer@9091.service", tree)
    done = start(unit, tree, "--check", METRICS_PORT="first")
    assert done.returncode == 78 and 'METRICS_PORT is "first"' in done.stderr
    for name in SERVICES:
        assert "78" in values(unit_of(name, tree), "RestartPreventExitStatus")[0].split()
