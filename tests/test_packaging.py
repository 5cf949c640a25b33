"""The conda recipe and the container file fit the package."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RECIPE = yaml.safe_load((ROOT / "conda/recipe.yaml").read_text())
CONDA = {"matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv", "torch": "pytorch"}


def requirement(text):
    """Name and bound of a requirement, without extras."""
    name, bound = re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?\s*(.*)", text).groups()
    return name.lower(), bound


def test_the_recipe_has_the_package_s_requirements():
    project, built = PROJECT["project"], PROJECT["build-system"]["requires"]
    needed = {requirement(text) for text in project["dependencies"]} | {
        ("python", project["requires-python"])
    }
    needed = {(CONDA.get(name, name), bound) for name, bound in needed}
    assert {requirement(text) for text in RECIPE["requirements"]["run"]} == needed
    assert {requirement(text) for text in built} <= {
        requirement(text) for text in RECIPE["requirements"]["host"]
    }


def test_the_recipe_describes_this_version():
    project = PROJECT["project"]
    assert RECIPE["package"] == {"name": project["name"], "version": project["version"]}
    assert RECIPE["about"]["license"] == project["license"]
    assert RECIPE["about"]["summary"] == project["description"]
    assert (ROOT / "conda" / RECIPE["source"]["path"] / "pyproject.toml").is_file()


def test_the_wheel_carries_every_package_of_the_repository():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == packages
    (imports,) = (test["python"]["imports"] for test in RECIPE["tests"] if "python" in test)
    assert set(imports) == packages


def needed():
    """The files and folders that the wheel is built from."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    parts = (wheel["packages"], wheel["shared-scripts"], wheel["force-include"])
    folders = {path.split("/")[0] for part in parts for path in part}
    return folders | {"README.md", "LICENSE", "pyproject.toml", "constraints.txt"}


def test_apptainer_copies_what_the_wheel_is_built_from():
    """A folder that it lacks is left out of the wheel without a word."""
    text = (ROOT / "workflow/apptainer.def").read_text()
    copied = re.search(r"^%files\n(.*?)\n\n", text, re.M | re.S)[1].split()[::2]
    assert set(copied) == needed()


def test_the_container_is_built_from_what_the_wheel_is_built_from():
    """No file that the wheel needs is kept from the image, and pip finds what the Dockerfile names."""
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    assert not {path.split("/")[0] for path in needed()} & set(ignored)
    text = (ROOT / "Dockerfile").read_text()
    assert "COPY . /tmp/bifseg" in text
    assert "--constraint /tmp/bifseg/constraints.txt /tmp/bifseg" in text
    python = re.search(r"^ARG BASE=python:(\d+)\.(\d+)", text, re.M).groups()
    least = re.search(r"(\d+)\.(\d+)", PROJECT["project"]["requires-python"]).groups()
    assert tuple(map(int, python)) >= tuple(map(int, least))
