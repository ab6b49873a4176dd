"""People who may change rules: their keys, and a folder of rules that they change."""

import base64
from pathlib import Path
from typing import NamedTuple

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streams.registry.loader import SHIPPED


class Owner(NamedTuple):
    """Somebody with a listed key: a pseudonym, and the file of the private key."""

    ref: str
    key_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which commands act in their name."""
        return {"TOCSIN_RULE_SIGNING_KEY_FILE": str(self.key_file)}


def list_keys(
    folder: Path, vouching: str = "", **people: tuple[str, list[str]]
) -> tuple[Path, dict[str, Owner]]:
    """Make a key for each person, of a role and what they may do; give the list, and the people by name.

    The one called `vouching` is a console that vouches for others.
    """
    rows, owners = [], {}
    for name, (role, may) in people.items():
        key = Ed25519PrivateKey.generate()
        path = folder / f"{name}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ref = f"{name}-7f3a"
        rows.append(
            {
                "id": f"{name}-key",
                "owner": ref,
                "role": role,
                "may": list(may),
                "public_key": base64.b64encode(public).decode(),
                "vouches": name == vouching,
            }
        )
        owners[name] = Owner(ref, path)
    listed = folder / "keys.yaml"
    listed.write_text(yaml.safe_dump({"keys": rows}))
    return listed, owners


def rules_folder(folder: Path, old: str, new: str) -> Path:
    """A folder with the shipped policies, in which a text is replaced by another."""
    folder.mkdir()
    text = (SHIPPED / "policies.yaml").read_text(encoding="utf-8")
    assert old in text
    (folder / "policies.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return folder
