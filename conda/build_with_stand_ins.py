"""Build conda/recipe.yaml, install the package and run its tests, where no conda channel can be reached.

    python conda/build_with_stand_ins.py DEPENDENCIES OUT

The packages of a made channel stand in for those of conda-forge: `python` starts this interpreter, `pip` leads to this
environment, which needs py-rattler-build and hatchling, and `numpy` to DEPENDENCIES, a `site-packages` folder with
bifseg's requirements; the others are empty. So the recipe's script, files, entry points and tests are checked; whether
conda-forge has versions that fit together is not.
"""

import hashlib
import json
import os
import sys
import sysconfig
import tempfile
import warnings
from pathlib import Path

import yaml
from rattler_build import Package, assemble_package, build_recipes

RECIPE = Path(__file__).with_name("recipe.yaml")
VERSION = "{}.{}.{}".format(*sys.version_info)
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def contents(dependencies: Path) -> dict[str, dict[str, str]]:
    """The files of each stand-in that has some, by path; `->` begins the target of a link."""
    here, interpreter = sysconfig.get_path("purelib"), Path(sys.executable).resolve()
    names = ("python", "python3", f"python3.{sys.version_info.minor}")
    return {
        "python": {f"bin/{name}": f"->{interpreter}" for name in names}
        | {"pyvenv.cfg": f"home = {interpreter.parent}\nversion = {VERSION}\n"},
        "pip": {f"{SITE}/of_the_build.pth": f"{here}\n"},
        "numpy": {f"{SITE}/of_the_run.pth": f"{dependencies}\n"},
    }


def write_channel(channel: Path, dependencies: Path) -> None:
    """Write the stand-in of every requirement of the recipe."""
    requirements = yaml.safe_load(RECIPE.read_text())["requirements"]
    names = sorted({text.split()[0] for part in requirements.values() for text in part})
    versions = {"python": VERSION}
    platform, filled, index = "linux-64", contents(dependencies), {}
    for folder in (platform, "noarch"):
        (channel / folder).mkdir(parents=True)
    for name in names:
        with tempfile.TemporaryDirectory() as staged:
            for place, text in filled.get(name, {f"share/stand-ins/{name}": ""}).items():
                file = Path(staged, place)
                file.parent.mkdir(parents=True, exist_ok=True)
                if text.startswith("->"):
                    file.symlink_to(text.removeprefix("->"))
                else:
                    file.write_text(text)
            version = versions.get(name, "999")
            made = assemble_package(name, version, platform, "0", channel / platform, files_dir=staged)
        content = made.path.read_bytes()
        index[made.path.name] = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": [],
            "subdir": platform,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
    for folder, packages in ((platform, index), ("noarch", {})):
        text = json.dumps({"info": {"subdir": folder}, "packages": {}, "packages.conda": packages})
        (channel / folder / "repodata.json").write_text(text)


def main(dependencies: Path, out: Path) -> None:
    """Build the recipe into OUT with the made channel, and run the package's tests."""
    warnings.simplefilter("ignore", DeprecationWarning)
    os.environ["RATTLER_CACHE_DIR"] = str(
        out / "cache"
    )  # stand-ins must not reach the user's cache, nor come from it
    write_channel(out / "stand-ins", dependencies)
    channel = [(out / "stand-ins").as_uri()]
    build_recipes([RECIPE], channel=channel, output_dir=out / "built", test="skip", use_sharded=False)
    (file,) = (out / "built" / "noarch").glob("bifseg-*.conda")
    results = Package.from_file(file).run_tests(channel=channel, use_sharded=False)
    if failed := [result for result in results if not result.success]:
        raise SystemExit("\n".join(["the package's tests fail:", *map(str, failed), *failed[0].output]))
    print(f"built {file.name}; {len(results)} tests passed")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
