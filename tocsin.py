"""`tocsin`, the program: starts the commands, unless somebody else's packages lie where Tocsin's are.

Tocsin's packages have the names `streams` and `schemas`, which others may use too. Python imports whichever
it finds first, and pip lets two distributions write into one folder; either way some other code would decide.
This module has a name that is Tocsin's alone, so it can look before anything of them is imported.
"""

import sys
from pathlib import Path

_NAMES = ("streams", "schemas")

_HERE = Path(__file__).resolve().parent


def foreign_packages(path: list[str]) -> list[str]:
    """Return where packages of others with Tocsin's names lie, in words: on `path`, or in its own folder."""
    folders = dict.fromkeys(Path(entry or ".").resolve() for entry in path)
    found = [
        str(place)
        for folder in folders
        # Another Tocsin, a second checkout for instance, is complete and comes after this one.
        if folder == _HERE or not (folder / "tocsin.py").is_file()
        for name in _NAMES
        for place in (folder / name / "__init__.py", folder / f"{name}.py")
        # `schemas` has files that are read by their path, and no code: where it has, it is another's.
        if place.is_file() and not place.samefile(_HERE / "streams" / "__init__.py")
    ]
    # Whoever was installed into the same folder, before or after. Read as bytes: importlib.metadata parses
    # every line of every distribution, which takes ten times as long.
    for record in sorted(_HERE.glob("*.dist-info/RECORD")):
        distribution = record.parent.name.removesuffix(".dist-info")
        lines = b"\n" + record.read_bytes()
        if not distribution.startswith("tocsin-"):
            found += [
                f"{_HERE / name}, of {distribution} too"
                for name in _NAMES
                if f"\n{name}/".encode() in lines or f"\n{name}.py,".encode() in lines
            ]
    return found


def main() -> None:
    """Run the program, or exit with 2 and the places of foreign packages."""
    if found := foreign_packages(sys.path):
        print(  # noqa: T201
            "tocsin: other packages have the names of Tocsin's, so it is not sure whose code would run:",
            *(f"  {place}" for place in found),
            "Install Tocsin into an environment of its own (python3 -m venv FOLDER), or take these out of "
            "PYTHONPATH. Nothing was done.",
            sep="\n",
            file=sys.stderr,
        )
        sys.exit(2)
    from streams.commands.main import main as run  # noqa: PLC0415 - not before

    run()


if __name__ == "__main__":
    main()
