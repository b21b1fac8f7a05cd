"""The identity side of a simulated election, and an OpenID Connect provider that nobody here wrote."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.house import ORIGIN, House, open_house
from voting_server.voters.evidence import OidcVerifier

PROVIDER = Path(__file__).parent / "provider"
CLIENT, SECRET = "dobush", "a secret of the tests"


@dataclass(frozen=True, slots=True)
class Provider:
    """The running provider."""

    issuer: str

    def log_in(
        self, url: str, number: str, acr: str = "high", amr: tuple[str, ...] = ("face", "pin")
    ) -> dict[str, str]:
        """Go through the provider's pages as a browser; return the query that the browser brings back."""
        with httpx.Client(follow_redirects=False) as client:
            answer = client.get(url)
            while not (place := answer.headers["location"]).startswith(ORIGIN):
                place = place if place.startswith("http") else self.issuer + place
                if "/interaction/" in place:
                    answer = client.post(place, params={"number": number, "acr": acr, "amr": list(amr)})
                else:
                    answer = client.get(place)
        return {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """Return npm's oidc-provider on loopback, installed from its lock file."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        message = "npm or node is missing; `make` installs packages.txt"
        raise FileNotFoundError(message)
    if not (PROVIDER / "node_modules/oidc-provider").exists():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=PROVIDER, check=True, capture_output=True, timeout=240)
    command = [node, "provider.mjs", CLIENT, SECRET, f"{ORIGIN}/identifications/oidc/answer"]
    with subprocess.Popen(
        command, cwd=PROVIDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Provider(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return an identity side that knows its election and no roll."""
    with open_house(tmp_path) as made:
        yield made


@pytest.fixture
def frozen(house: House) -> House:
    """Return an identity side whose roll is frozen, with two registrars."""
    house.freeze()
    return house


@pytest.fixture
def open_identified(tmp_path: Path, provider: Provider) -> Iterator[Callable[..., House]]:
    """Return a maker of a frozen identity side that identifies by the provider; registrars pin the provider's keys."""
    opened = []

    def make(**settings: object) -> House:
        given = {"oidc_issuer": provider.issuer, "oidc_client": CLIENT, "oidc_secret": SECRET, "oidc_acr": ("high",)}
        context = open_house(tmp_path, **{**given, **settings})
        made = context.__enter__()
        opened.append(context)
        keys = json.loads(httpx.get(f"{provider.issuer}/jwks").content)
        made.providers["oidc"] = OidcVerifier(provider.issuer, CLIENT, keys, ("high",), expiring=False)
        made.freeze()
        return made

    yield make
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def identified(open_identified: Callable[..., House]) -> House:
    """Return such an identity side with the usual settings."""
    return open_identified()
